-- The common subarray of one skycell, by index; empty where no exposure reaches it.
-- requires: views/skycell_extent, functions/skycell_key
create function mvm.skycell_extent(skycell text)
returns setof mvm.skycell_extent
language sql stable parallel safe rows 1
begin atomic
  select e.*
  from mvm.skycell_extent as e
  where e.projection_cell = (mvm.skycell_key(skycell_extent.skycell)).projection_cell
    and e.x = (mvm.skycell_key(skycell_extent.skycell)).x
    and e.y = (mvm.skycell_key(skycell_extent.skycell)).y;
end;

comment on function mvm.skycell_extent(text) is 'Common subarray of one skycell: half-open box of 0-based fine pixels';
