-- The sky that a selection of exposures covers, as polygons: within one skycell, where they are cut at its border, or
-- everywhere. What a MOC is made from.
-- requires: functions/skycell_footprints, functions/skycell_box, functions/skycell_key, functions/sky_of_cell_pixel
create function mvm.footprint_polygons(skycell text default null, layer text default null, filter text default null)
returns table (exposure text, polygon geometry)
language sql stable parallel safe rows 1000
begin atomic
  select e.rootname, part.geom
  from mvm.exposure as e
  cross join lateral ST_Dump(e.footprint::geometry) as part
  where footprint_polygons.skycell is null
    and e.is_current
    and e.exclusion is null
    and (footprint_polygons.filter is null or e.filter = footprint_polygons.filter::citext)
    and (
      footprint_polygons.layer is null
      or e.instrument || '_' || e.detector || '_' || e.filter = regexp_replace(lower(footprint_polygons.layer), '_coarse$', '')
    )
  union all
  select f.exposure, part.geom
  from mvm.skycell_footprints(footprint_polygons.skycell, footprint_polygons.layer) as f
  cross join mvm.skycell_key(footprint_polygons.skycell) as key
  join mvm.projection_cell as cell on cell.projection_cell = key.projection_cell
  join mvm.ring on ring.ring = cell.ring
  cross join lateral ST_Dump(
    mvm.sky_of_cell_pixel(
      ST_Translate(
        ST_CollectionExtract(ST_ClipByBox2D(f.shape, mvm.skycell_box(1, 1)::box2d), 3),
        (key.x - 1) * 21442,
        (key.y - 1) * 21442
      ),
      cell.ra_deg,
      ring.srid
    )
  ) as part
  where footprint_polygons.filter is null or f.filter = footprint_polygons.filter::citext;
end;

comment on function mvm.footprint_polygons is
  'Footprints of the current, not excluded exposures of a selection, one polygon per chip, ICRS degrees with right ascension around 0 (SRID 104047); cut at the border of the skycell if one is given';
