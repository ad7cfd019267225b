-- The rows of mvm.layer_depth for one skycell, by index; of another selection than all, the same of what it takes.
-- requires: views/layer_depth, functions/layer_members, functions/skycell_key, functions/members_area_arcmin2
create function mvm.layer_depths(skycell text, selection text default 'all')
returns setof mvm.layer_depth
language sql stable parallel safe rows 10
begin atomic
  select d.*
  from mvm.layer_depth as d
  where layer_depths.selection = 'all'
    and d.projection_cell = (mvm.skycell_key(layer_depths.skycell)).projection_cell
    and d.x = (mvm.skycell_key(layer_depths.skycell)).x
    and d.y = (mvm.skycell_key(layer_depths.skycell)).y
  union all
  select
    m.skycell, m.layer, m.selection, m.instrument, m.detector, m.filter, m.scale,
    count(*), sum(m.exptime_s),
    mvm.timestamp_of_mjd(min(m.start_mjd)), mvm.timestamp_of_mjd(max(m.end_mjd)),
    mvm.members_area_arcmin2(array_agg(m.exposure_id), m.projection_cell, m.x, m.y),
    m.projection_cell, m.x, m.y
  from mvm.layer_members(layer_depths.skycell, layer_depths.selection) as m
  where layer_depths.selection <> 'all'
  group by
    m.skycell, m.layer, m.selection, m.instrument, m.detector, m.filter, m.scale, m.projection_cell, m.x, m.y;
end;

comment on function mvm.layer_depths is 'Depth of the layers of one skycell with the exposures that a selection takes';
