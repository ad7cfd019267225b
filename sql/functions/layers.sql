-- The layers of one skycell, how deep they are, and which file holds each.
-- requires: functions/layer_depths
create function mvm.layers(skycell text, selection text default 'all')
returns table (
  skycell text, layer text, selection text, n_exposures bigint, exptime_s double precision, first_date timestamptz,
  last_date timestamptz, area_arcmin2 double precision, product text
)
language sql stable parallel safe rows 10
begin atomic
  select
    d.skycell, d.layer, d.selection, d.n_exposures, d.exptime_s, d.first_date, d.last_date, d.area_arcmin2, p.product
  from mvm.layer_depths($1, $2) as d
  left join mvm.product as p
    on p.skycell = d.skycell and p.layer = d.layer and p.selection = d.selection and p.state = 'current'
  order by d.layer, d.selection;
end;

comment on function mvm.layers is 'Layers of one skycell with their depth and their current product, for one selection';
