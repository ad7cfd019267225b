-- A position on the sky. PostGIS would quietly move a declination of 91 degrees to 89: here it is refused.
create function mvm.sky_point(ra_deg double precision, dec_deg double precision)
returns geography
language plpgsql immutable strict parallel safe
set search_path = public, pg_temp
as $$
begin
  if not (dec_deg between -90 and 90) or not (abs(ra_deg) <= 1e6) then
    raise exception 'position (%, %) is not on the sky', ra_deg, dec_deg
      using errcode = 'numeric_value_out_of_range', hint = 'right ascension and declination are in degrees';
  end if;
  return ST_SetSRID(ST_MakePoint(ra_deg - 360 * floor((ra_deg + 180) / 360), dec_deg), 104047)::geography;
end
$$;

comment on function mvm.sky_point is 'Position on the sky (ICRS, degrees) as geography; any right ascension, declination within 90 degrees';
