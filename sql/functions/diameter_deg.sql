-- How large a circle around the middle of a region must be to hold it: what ObsCore calls its field of view.
-- requires: functions/arcsec_of_metre
create function mvm.diameter_deg(footprint geography)
returns double precision
language sql immutable strict parallel safe
begin atomic
  select mvm.arcsec_of_metre(2 * max(ST_Distance(ST_Centroid(diameter_deg.footprint), point.geom::geography))) / 3600
  from ST_DumpPoints(diameter_deg.footprint::geometry) as point;
end;

comment on function mvm.diameter_deg is 'Diameter of the circle around the centroid of a footprint that holds all of it, degrees';
