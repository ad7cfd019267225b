-- Every skycell that holds a position. Candidates follow from the pixel position by arithmetic: at most two per axis.
-- requires: functions/sky_point, functions/cell_pixel_of_sky, functions/skycell_name
create function mvm.skycell_at(ra_deg double precision, dec_deg double precision)
returns table (
  skycell text, x_pix double precision, y_pix double precision, offset_deg double precision,
  projection_cell integer, x integer, y integer
)
language sql stable parallel safe rows 2
begin atomic
  select
    mvm.skycell_name(cell.projection_cell, x.x, y.y),
    ST_X(pixel.point) - (x.x - 1) * 21442,
    ST_Y(pixel.point) - (y.y - 1) * 21442,
    degrees(ST_Distance(mvm.sky_point(cell.ra_deg, cell.dec_deg), mvm.sky_point(skycell_at.ra_deg, skycell_at.dec_deg)) / 6371008.7714) as offset_deg,
    cell.projection_cell,
    x.x,
    y.y
  from mvm.projection_cell as cell
  join mvm.ring using (ring)
  cross join lateral (
    select mvm.cell_pixel_of_sky(mvm.sky_point(skycell_at.ra_deg, skycell_at.dec_deg)::geometry, cell.ra_deg, ring.srid) as point
    offset 0
  ) as pixel
  cross join lateral generate_series(
    greatest(1, floor((ST_X(pixel.point) - 21953.5) / 21442)::integer + 2),
    least(21, floor((ST_X(pixel.point) + 0.5) / 21442)::integer + 1)
  ) as x (x)
  cross join lateral generate_series(
    greatest(1, floor((ST_Y(pixel.point) - 21953.5) / 21442)::integer + 2),
    least(21, floor((ST_Y(pixel.point) + 0.5) / 21442)::integer + 1)
  ) as y (y)
  where ST_Intersects(cell.area, mvm.sky_point(skycell_at.ra_deg, skycell_at.dec_deg))
  order by offset_deg, cell.projection_cell, x.x, y.y;
end;

comment on function mvm.skycell_at is
  'Every skycell holding a position (ICRS degrees), nearest projection-cell centre first; x_pix and y_pix: 0-based fine pixels of the skycell; offset_deg: distance from the tangent point';
