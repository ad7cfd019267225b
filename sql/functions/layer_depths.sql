-- The rows of mvm.layer_depth for one skycell, by index.
-- requires: views/layer_depth, functions/skycell_key
create function mvm.layer_depths(skycell text)
returns setof mvm.layer_depth
language sql stable parallel safe rows 10
begin atomic
  select d.*
  from mvm.layer_depth as d
  where d.projection_cell = (mvm.skycell_key(layer_depths.skycell)).projection_cell
    and d.x = (mvm.skycell_key(layer_depths.skycell)).x
    and d.y = (mvm.skycell_key(layer_depths.skycell)).y;
end;

comment on function mvm.layer_depths is 'Depth of the layers of one skycell';
