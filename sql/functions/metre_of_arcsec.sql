-- Length on PostGIS' sphere (radius 6371008.7714 m) of an angle on the sky.
create function mvm.metre_of_arcsec(angle_arcsec double precision)
returns double precision
language sql immutable strict parallel safe
return radians(angle_arcsec / 3600) * 6371008.7714;

comment on function mvm.metre_of_arcsec is 'Length in metres, on PostGIS'' sphere, of an angle in arcsec';
