-- Angle on the sky of a length on PostGIS' sphere (radius 6371008.7714 m).
create function mvm.arcsec_of_metre(length_m double precision)
returns double precision
language sql immutable strict parallel safe
return degrees(length_m / 6371008.7714) * 3600;

comment on function mvm.arcsec_of_metre is 'Angle in arcsec of a length in metres on PostGIS'' sphere';
