-- The inverse of mvm.cell_pixel_of_sky. Straight lines between pixels become great circles on the sky. A shape keeps
-- in one piece: its longitudes run beyond 180 degrees where it crosses that meridian, and geography takes them so.
create function mvm.sky_of_cell_pixel(shape geometry, centre_ra_deg double precision, ring_srid integer)
returns geometry
language sql immutable strict parallel safe
return ST_Translate(
  ST_Transform(
    ST_SetSRID(
      ST_Affine(ST_Translate(shape, -225143, -225143), -1.2355008859374306, 0, 0, 1.2355008859374306, 0, 0),
      ring_srid
    ),
    104047
  ),
  centre_ra_deg - 360 * (centre_ra_deg >= 180)::integer,
  0
);

comment on function mvm.sky_of_cell_pixel is
  'Shape in 0-based fine pixels of a projection cell on the sky (SRID 104047); right ascension between -180 and 180 degrees, beyond where the shape crosses 180';
