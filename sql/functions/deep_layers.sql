-- Where a filter is deeper than some exposure time: the outlines of the chips of each layer cut the skycell into faces,
-- and the exposure times of the chips over a face add up. Layers whose exposures together do not reach it are passed
-- over at once.
-- requires: views/layer_depth, functions/skycell_footprints, functions/skycell_key, functions/sky_of_cell_pixel, functions/metre_of_arcsec, functions/without_holes
create function mvm.deep_layers(filter text, min_exptime_s double precision, skycell text default null)
returns table (
  skycell text, layer text, deepest_exptime_s double precision, area_arcmin2 double precision, region geography
)
language sql stable parallel safe rows 10
begin atomic
  with candidate as materialized (
    select d.skycell, d.layer, d.projection_cell, d.x, d.y
    from mvm.layer_depth as d
    where d.filter = deep_layers.filter::citext
      and d.scale = 'fine'
      and d.exptime_s >= deep_layers.min_exptime_s
      and (
        deep_layers.skycell is null
        or (
          d.projection_cell = (mvm.skycell_key(deep_layers.skycell)).projection_cell
          and d.x = (mvm.skycell_key(deep_layers.skycell)).x
          and d.y = (mvm.skycell_key(deep_layers.skycell)).y
        )
      )
  ),
  chip as materialized (
    select c.skycell, c.layer, f.exptime_s, ST_Intersection(f.shape, ST_MakeEnvelope(-0.5, -0.5, 21953.5, 21953.5)) as shape
    from candidate as c
    cross join lateral mvm.skycell_footprints(c.skycell, c.layer) as f
  ),
  face as materialized (
    select lines.skycell, lines.layer, part.geom as shape, ST_PointOnSurface(part.geom) as inside
    from (select c.skycell, c.layer, ST_Union(ST_Boundary(c.shape)) as shape from chip as c group by c.skycell, c.layer) as lines
    cross join lateral ST_Dump(ST_Polygonize(array[lines.shape])) as part
  ),
  deep as (
    select face.skycell, face.layer, face.shape, sum(chip.exptime_s) as exptime_s
    from face
    join chip on chip.skycell = face.skycell and chip.layer = face.layer and ST_Intersects(chip.shape, face.inside)
    group by face.skycell, face.layer, face.shape
    having sum(chip.exptime_s) >= deep_layers.min_exptime_s
  ),
  whole as (
    select deep.skycell, deep.layer, max(deep.exptime_s) as exptime_s, ST_Union(deep.shape) as shape
    from deep
    group by deep.skycell, deep.layer
  )
  select
    whole.skycell, whole.layer, whole.exptime_s, ST_Area(sky.shape::geography) / mvm.metre_of_arcsec(60) ^ 2, sky.shape::geography
  from whole
  join candidate as c on c.skycell = whole.skycell and c.layer = whole.layer
  join mvm.projection_cell as cell on cell.projection_cell = c.projection_cell
  join mvm.ring on ring.ring = cell.ring
  cross join lateral (
    select mvm.sky_of_cell_pixel(
      ST_Translate(mvm.without_holes(whole.shape), (c.x - 1) * 21442, (c.y - 1) * 21442), cell.ra_deg, ring.srid
    ) as shape
  ) as sky
  order by whole.exptime_s desc, whole.skycell, whole.layer;
end;

comment on function mvm.deep_layers is
  'Layers of a filter that reach an exposure time (seconds, from outlines) somewhere, the deepest first, with the area and the region where they do; of one skycell or all';
