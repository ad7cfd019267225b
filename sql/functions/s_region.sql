-- Footprints as the archives write them: one STC-S polygon per chip, right ascension in [0, 360).
create function mvm.s_region(footprint geography)
returns text
language sql immutable strict parallel safe
begin atomic
  select string_agg(polygon.words, ' ' order by polygon.part)
  from (
    select
      point.path[1] as part,
      'POLYGON ICRS ' || string_agg(
        round((ST_X(point.geom) + 360 * (ST_X(point.geom) < 0)::integer)::numeric, 8)
          || ' ' || round(ST_Y(point.geom)::numeric, 8),
        ' ' order by point.path
      ) as words
    from ST_DumpPoints(s_region.footprint::geometry) as point
    group by point.path[1]
  ) as polygon;
end;

comment on function mvm.s_region is 'Footprint as STC-S text, one polygon per chip, ICRS degrees (S_REGION of FITS and ObsCore)';
