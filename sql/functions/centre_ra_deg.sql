-- Right ascension of the middle of a region, in [0, 360).
create function mvm.centre_ra_deg(footprint geography)
returns double precision
language sql immutable strict parallel safe
return ST_X(ST_Centroid(footprint)::geometry) - 360 * floor(ST_X(ST_Centroid(footprint)::geometry) / 360);

comment on function mvm.centre_ra_deg is 'Right ascension of the centroid of a footprint, ICRS degrees, 0 to below 360';
