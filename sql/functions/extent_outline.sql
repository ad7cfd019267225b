-- The outline of a subarray on the sky: the edges of its pixels, not their centres.
-- requires: functions/skycell_key, functions/sky_of_cell_pixel
create function mvm.extent_outline(skycell text, x0 integer, y0 integer, x1 integer, y1 integer)
returns geography
language sql stable strict parallel safe
begin atomic
  select
    mvm.sky_of_cell_pixel(
      ST_MakeEnvelope(
        (k.x - 1) * 21442 + extent_outline.x0 - 0.5::double precision,
        (k.y - 1) * 21442 + extent_outline.y0 - 0.5::double precision,
        (k.x - 1) * 21442 + extent_outline.x1 - 0.5::double precision,
        (k.y - 1) * 21442 + extent_outline.y1 - 0.5::double precision
      ),
      cell.ra_deg,
      ring.srid
    )::geography
  from mvm.skycell_key(extent_outline.skycell) as k
  join mvm.projection_cell as cell on cell.projection_cell = k.projection_cell
  join mvm.ring on ring.ring = cell.ring;
end;

comment on function mvm.extent_outline is
  'Outline of a box of 0-based fine pixels of a skycell (half-open) on the sky: a polygon of great circles, ICRS degrees';
