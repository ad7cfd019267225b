-- Sky that some exposures cover together, each piece counted once: the union is made on the tangent plane of every
-- projection cell within the part of the sky that the cell owns, and measured on the sphere.
-- requires: functions/sky_of_cell_pixel
create function mvm.union_area_deg2(exposure_ids integer[])
returns double precision
language sql stable strict parallel safe
begin atomic
  select coalesce(sum(ST_Area(mvm.sky_of_cell_pixel(piece.shape, cell.ra_deg, ring.srid)::geography)), 0)
    / (radians(1) * 6371008.7714) ^ 2
  from (
    select p.projection_cell, ST_CollectionExtract(ST_Union(ST_Intersection(chip.geom, core.shape)), 3) as shape
    from mvm.placement as p
    cross join lateral ST_Dump(p.shape) as chip
    join mvm.projection_core as core
      on core.projection_cell = p.projection_cell and ST_Intersects(chip.geom, core.shape)
    where p.exposure_id = any(union_area_deg2.exposure_ids)
    group by p.projection_cell
  ) as piece
  join mvm.projection_cell as cell on cell.projection_cell = piece.projection_cell
  join mvm.ring on ring.ring = cell.ring;
end;

comment on function mvm.union_area_deg2 is
  'Area in square degrees that some exposures (by exposure_id; current, not excluded) cover together';
