-- What a selection loses of each layer against all: exposures, seconds and sky. Areas are those of mvm.layer_depths.
-- requires: functions/layer_depths
create function mvm.selection_cost(selection text, skycell text default null)
returns table (
  skycell text, layer text, n_exposures bigint, n_exposures_lost bigint, exptime_s double precision,
  exptime_lost_s double precision, area_arcmin2 double precision, area_lost_arcmin2 double precision,
  area_lost_fraction double precision
)
language sql stable parallel safe rows 10
begin atomic
  with place as (
    select lower(right(selection_cost.skycell, 11)) as skycell where selection_cost.skycell is not null
    union
    select m.skycell from mvm.skycell_member as m where selection_cost.skycell is null
  )
  select
    whole.skycell, whole.layer::text,
    coalesce(part.n_exposures, 0), whole.n_exposures - coalesce(part.n_exposures, 0),
    coalesce(part.exptime_s, 0), whole.exptime_s - coalesce(part.exptime_s, 0),
    coalesce(part.area_arcmin2, 0),
    whole.area_arcmin2 - coalesce(part.area_arcmin2, 0),
    1 - coalesce(part.area_arcmin2, 0) / whole.area_arcmin2
  from place
  cross join lateral mvm.layer_depths(place.skycell) as whole
  left join lateral mvm.layer_depths(place.skycell, selection_cost.selection) as part on part.layer = whole.layer
  order by 1, 2;
end;

comment on function mvm.selection_cost is
  'What a selection takes of each layer of one skycell or of all, and what it loses against all: exposures, seconds, square arcmin and the fraction of the area';
