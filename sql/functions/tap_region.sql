-- A region as TAP services write it (STC-S of TAP 1.0): one POLYGON, or a UNION of them. The vertices run
-- counter-clockwise as seen from inside the sphere, as DALI asks, and the first is not repeated at the end. The sense of
-- a ring is that of the triple products of neighbouring vertices with their sum, so RA 0 and the poles are places like
-- any other.
create function mvm.tap_region(footprint geography)
returns text
language sql immutable strict parallel safe
begin atomic
  select
    case
      when count(*) = 1 then 'POLYGON ICRS ' || min(polygon.vertices)
      else 'UNION ICRS (' || string_agg('POLYGON ' || polygon.vertices, ' ' order by polygon.part) || ')'
    end
  from (
    select
      vertex.part,
      string_agg(
        round(vertex.ra_deg::numeric, 8) || ' ' || round(vertex.dec_deg::numeric, 8),
        ' ' order by vertex.place * case when vertex.turn > 0 then -1 else 1 end
      ) as vertices
    from (
      select
        edge.part, edge.place, edge.ra_deg, edge.dec_deg,
        sum(edge.nx) over ring * sum(edge.x) over ring
          + sum(edge.ny) over ring * sum(edge.y) over ring
          + sum(edge.nz) over ring * sum(edge.z) over ring as turn
      from (
        select
          corner.part, corner.place, corner.is_last, corner.ra_deg, corner.dec_deg, corner.x, corner.y, corner.z,
          corner.y * lead(corner.z) over following - corner.z * lead(corner.y) over following as nx,
          corner.z * lead(corner.x) over following - corner.x * lead(corner.z) over following as ny,
          corner.x * lead(corner.y) over following - corner.y * lead(corner.x) over following as nz
        from (
          select
            polygon.path[1] as part,
            point.path[2] as place,
            point.path[2] = ST_NPoints(polygon.geom) as is_last,
            ST_X(point.geom) - 360 * floor(ST_X(point.geom) / 360) as ra_deg,
            ST_Y(point.geom) as dec_deg,
            cosd(ST_Y(point.geom)) * cosd(ST_X(point.geom)) as x,
            cosd(ST_Y(point.geom)) * sind(ST_X(point.geom)) as y,
            sind(ST_Y(point.geom)) as z
          from ST_Dump(ST_Multi(tap_region.footprint::geometry)) as polygon
          cross join lateral ST_DumpPoints(polygon.geom) as point
        ) as corner
        window following as (partition by corner.part order by corner.place)
      ) as edge
      where not edge.is_last
      window ring as (partition by edge.part)
    ) as vertex
    group by vertex.part
  ) as polygon
  having count(*) > 0;
end;

comment on function mvm.tap_region is
  'Footprint as the text of a TAP region, ICRS degrees: POLYGON, or UNION of several; counter-clockwise seen from inside';
