-- Every skycell that holds a position. Candidates follow from the pixel position by arithmetic: per axis the last that
-- begins before it, and the one before, which overlaps. "offset 0" computes a thing once, and keeps TAN from positions
-- beyond its horizon.
-- requires: functions/sky_point, functions/cell_pixel_of_sky, functions/skycell_name
create function mvm.skycell_at(ra_deg double precision, dec_deg double precision)
returns table (
  skycell text, x_pix double precision, y_pix double precision, offset_deg double precision,
  projection_cell integer, x integer, y integer
)
language sql stable parallel safe rows 2
begin atomic
  select
    mvm.skycell_name(cell.projection_cell, skycell.x, skycell.y),
    pixel.x - (skycell.x - 1) * 21442,
    pixel.y - (skycell.y - 1) * 21442,
    degrees(ST_Distance(mvm.sky_point(cell.ra_deg, cell.dec_deg), given.point) / 6371008.7714) as offset_deg,
    cell.projection_cell,
    skycell.x,
    skycell.y
  from (select mvm.sky_point(skycell_at.ra_deg, skycell_at.dec_deg) as point offset 0) as given
  join mvm.projection_cell as cell on ST_Intersects(cell.area, given.point)
  join mvm.ring on ring.ring = cell.ring
  cross join lateral (
    select mvm.cell_pixel_of_sky(given.point::geometry, cell.ra_deg, ring.srid) as point
    offset 0
  ) as placed
  cross join lateral (
    select ST_X(placed.point) as x, ST_Y(placed.point) as y
    offset 0
  ) as pixel
  cross join generate_series(0, 1) as before_x
  cross join generate_series(0, 1) as before_y
  cross join lateral (
    select
      floor((pixel.x + 0.5) / 21442)::integer + 1 - before_x as x,
      floor((pixel.y + 0.5) / 21442)::integer + 1 - before_y as y
    offset 0
  ) as skycell
  where skycell.x between 1 and 21
    and skycell.y between 1 and 21
    and pixel.x < (skycell.x - 1) * 21442 + 21953.5
    and pixel.y < (skycell.y - 1) * 21442 + 21953.5
  order by offset_deg, cell.projection_cell, skycell.x, skycell.y;
end;

comment on function mvm.skycell_at is
  'Every skycell holding a position (ICRS degrees), nearest projection-cell centre first; x_pix and y_pix: 0-based fine pixels of the skycell; offset_deg: distance from the tangent point';
