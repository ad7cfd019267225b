-- The overlap graph of a skycell: every pair of exposures that share sky within it, the earlier one first. Chips of one
-- exposure are merged, so sky that two of them see counts once. Overlaps are cut in pixels, where footprints have straight
-- sides, and measured there and on the sphere; less than a hundredth of a pixel is a common edge and no overlap.
-- requires: functions/skycell_footprints, functions/skycell_box, functions/skycell_key, functions/sky_of_cell_pixel, functions/metre_of_arcsec
create function mvm.exposure_overlap(skycell text, layer text default null, selection text default 'all')
returns table (
  exposure text, other text, filter citext, other_filter citext, area_pix double precision, area_arcmin2 double precision,
  fraction double precision, exposure_id integer, other_id integer
)
language sql stable parallel safe rows 1000
begin atomic
  with member as materialized (
    select
      f.exposure, f.filter, f.exposure_id, row_number() over (order by f.start_mjd, f.exposure) as place,
      ST_ClipByBox2D(ST_Union(f.shape), mvm.skycell_box(1, 1)::box2d) as shape
    from mvm.skycell_footprints(exposure_overlap.skycell, exposure_overlap.layer, exposure_overlap.selection) as f
    group by f.exposure, f.filter, f.exposure_id, f.start_mjd
  )
  select
    a.exposure,
    b.exposure,
    a.filter,
    b.filter,
    ST_Area(common.shape),
    ST_Area(
      mvm.sky_of_cell_pixel(
        ST_Translate(common.shape, (key.x - 1) * 21442, (key.y - 1) * 21442), cell.ra_deg, ring.srid
      )::geography
    ) / (mvm.metre_of_arcsec(60) ^ 2),
    ST_Area(common.shape) / least(ST_Area(a.shape), ST_Area(b.shape)),
    a.exposure_id,
    b.exposure_id
  from member as a
  join member as b on b.place > a.place and ST_Intersects(a.shape, b.shape)
  cross join lateral (select ST_CollectionExtract(ST_Intersection(a.shape, b.shape), 3) as shape offset 0) as common
  cross join mvm.skycell_key(exposure_overlap.skycell) as key
  join mvm.projection_cell as cell on cell.projection_cell = key.projection_cell
  join mvm.ring on ring.ring = cell.ring
  where ST_Area(common.shape) > 0.01
  order by a.place, b.place;
end;

comment on function mvm.exposure_overlap is
  'Pairs of exposures of a skycell, or of a layer of it, that overlap within it; area_pix: common area in fine pixels; fraction: of the smaller of the two';
