-- Whether a shape overlaps skycell x, y: it enters the box by more than 1e-5 pixel (0.4 microarcsec). To touch an edge
-- is not to overlap, and PROJ is good to 3e-7 pixel. Not in SQL: inlined, the planner would count PostGIS' high cost of
-- ST_Intersects for every pair that the index already discards, and read all placements rather than use it.
-- requires: functions/skycell_box
create function mvm.reaches_skycell(shape geometry, x integer, y integer)
returns boolean
language plpgsql immutable strict parallel safe cost 100
as $$
begin
  return public.ST_Intersects(shape, mvm.skycell_box(x, y, 1e-5));
end
$$;

comment on function mvm.reaches_skycell is
  'Whether a shape in 0-based fine pixels of a projection cell overlaps its skycell x, y with positive area';
