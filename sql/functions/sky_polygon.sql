-- A polygon of great circles from its vertices. PostGIS takes the smaller side, so the winding does not matter.
-- requires: functions/sky_point
create function mvm.sky_polygon(ra_dec_deg double precision[])
returns geography
language plpgsql immutable strict parallel safe
set search_path = mvm, public, pg_temp
as $$
declare
  n integer := cardinality(ra_dec_deg) / 2;
  vertices geometry[];
begin
  if n < 3 or cardinality(ra_dec_deg) % 2 = 1 then
    raise exception 'a polygon needs at least three vertices, each of two numbers, not % numbers', cardinality(ra_dec_deg)
      using errcode = 'invalid_parameter_value', hint = 'give right ascension and declination in turn, in degrees';
  end if;
  select array_agg(mvm.sky_point(ra_dec_deg[2 * k - 1], ra_dec_deg[2 * k])::geometry order by k) into vertices
  from generate_series(1, n) as k;
  return ST_MakePolygon(ST_MakeLine(vertices || vertices[1]))::geography;
end
$$;

comment on function mvm.sky_polygon is
  'Polygon of great circles on the sky from right ascension and declination of its vertices in turn (ICRS degrees)';
