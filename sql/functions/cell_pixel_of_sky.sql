-- FITS' TAN projection in three steps that read like a header: CRVAL turns the sky so that the tangent point lies
-- at RA 0 on the plane of its ring, CD scales metres to pixels with x to the west, CRPIX moves the origin.
-- 1.2355008859374306 m is 0.04 arcsec on PostGIS' sphere; 225143 is CRPIX - 1: pixels are 0-based.
-- Raises an error for positions 90 degrees or more from the tangent point: join on the sphere first.
create function mvm.cell_pixel_of_sky(shape geometry, centre_ra_deg double precision, ring_srid integer)
returns geometry
language sql immutable strict parallel safe
return ST_SetSRID(
  ST_Affine(
    ST_Transform(ST_Translate(shape, -centre_ra_deg, 0), ring_srid),
    -1 / 1.2355008859374306::double precision, 0, 0, 1 / 1.2355008859374306::double precision, 225143, 225143
  ),
  0
);

comment on function mvm.cell_pixel_of_sky is
  'Shape on the sky (degrees, SRID 104047) in 0-based fine pixels of the projection cell at that right ascension and ring';
