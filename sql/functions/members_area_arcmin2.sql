-- Sky that some exposures cover together within one skycell: the union of their chips, measured on the sphere.
-- requires: functions/skycell_box, functions/sky_of_cell_pixel, functions/metre_of_arcsec
create function mvm.members_area_arcmin2(exposure_ids integer[], projection_cell integer, x integer, y integer)
returns double precision
language sql stable strict parallel safe
return (
  select
    ST_Area(mvm.sky_of_cell_pixel(ST_Union(ST_ClipByBox2D(chip.geom, skycell.box::box2d)), cell.ra_deg, ring.srid)::geography)
    / (mvm.metre_of_arcsec(60) ^ 2)
  from (select mvm.skycell_box(members_area_arcmin2.x, members_area_arcmin2.y) as box) as skycell
  join mvm.projection_cell as cell on cell.projection_cell = members_area_arcmin2.projection_cell
  join mvm.ring on ring.ring = cell.ring
  join mvm.placement as p
    on p.projection_cell = cell.projection_cell and p.exposure_id = any(members_area_arcmin2.exposure_ids)
  cross join lateral ST_Dump(p.shape) as chip
  where ST_Intersects(chip.geom, skycell.box)
  group by cell.ra_deg, ring.srid
);

comment on function mvm.members_area_arcmin2 is
  'Area in square arcmin that some exposures (by exposure_id; current, not excluded) cover together within one skycell';
