-- The sky that a skycell owns: its box up to the middle of each overlap, within the core of its projection cell.
-- requires: functions/skycell_key, functions/sky_of_cell_pixel
create function mvm.primary_region(skycell text)
returns geography
language sql stable parallel safe
begin atomic
  select mvm.sky_of_cell_pixel(owned.shape, cell.ra_deg, ring.srid)::geography
  from (
    select k.projection_cell, ST_Multi(ST_CollectionExtract(ST_Union(ST_Intersection(core.shape, box.shape)), 3)) as shape
    from mvm.skycell_key(primary_region.skycell) as k
    cross join lateral (
      select ST_MakeEnvelope(
        (k.x - 1) * 21442 + case k.x when 1 then -0.5 else 255.5 end,
        (k.y - 1) * 21442 + case k.y when 1 then -0.5 else 255.5 end,
        (k.x - 1) * 21442 + case k.x when 21 then 21953.5 else 21697.5 end,
        (k.y - 1) * 21442 + case k.y when 21 then 21953.5 else 21697.5 end
      ) as shape
    ) as box
    join mvm.projection_core as core
      on core.projection_cell = k.projection_cell and ST_Intersects(core.shape, box.shape)
    group by k.projection_cell
  ) as owned
  join mvm.projection_cell as cell on cell.projection_cell = owned.projection_cell
  join mvm.ring on ring.ring = cell.ring
  where not ST_IsEmpty(owned.shape);
end;

comment on function mvm.primary_region is
  'Sky that a skycell owns, a polygon on the sphere (ICRS degrees); null where its neighbours own all of it';
