-- A box on the tangent plane about a position: its sides are great circles, wherever it lies.
-- requires: functions/sky_polygon
create function mvm.sky_box(
  ra_deg double precision, dec_deg double precision, width_arcsec double precision, height_arcsec double precision
)
returns geography
language sql immutable strict parallel safe
begin atomic
  select mvm.sky_polygon(array_agg(coordinate.deg order by corner.k, coordinate.axis))
  from (values (1, -0.5, -0.5), (2, 0.5, -0.5), (3, 0.5, 0.5), (4, -0.5, 0.5)) as corner (k, east, north)
  cross join lateral (
    select
      radians(corner.east * sky_box.width_arcsec / 3600) as xi,
      radians(corner.north * sky_box.height_arcsec / 3600) as eta
  ) as plane
  cross join lateral (
    select cosd(sky_box.dec_deg) - plane.eta * sind(sky_box.dec_deg) as toward
  ) as axis
  cross join lateral (
    values
      (1, sky_box.ra_deg + degrees(atan2(plane.xi, axis.toward))),
      (
        2,
        degrees(
          atan2(sind(sky_box.dec_deg) + plane.eta * cosd(sky_box.dec_deg), sqrt(plane.xi ^ 2 + axis.toward ^ 2))
        )
      )
  ) as coordinate (axis, deg);
end;

comment on function mvm.sky_box is
  'Box about a position (ICRS degrees), width east-west and height north-south in arcsec on the tangent plane';
