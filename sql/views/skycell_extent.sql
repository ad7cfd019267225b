-- The common subarray: the smallest box of whole pixels that holds the footprints of all members, whatever their layer.
-- The envelope of a union is the envelope of its pieces, so nothing is merged, and only what may stick out of the
-- skycell is clipped.
-- requires: views/skycell_member, functions/skycell_name, functions/first_pixel, functions/end_pixel
create view mvm.skycell_extent as
select
  mvm.skycell_name(light.projection_cell, light.x, light.y) as skycell,
  mvm.first_pixel(ST_XMin(light.box), light.x) as x0,
  mvm.first_pixel(ST_YMin(light.box), light.y) as y0,
  mvm.end_pixel(ST_XMax(light.box), light.x) as x1,
  mvm.end_pixel(ST_YMax(light.box), light.y) as y1,
  light.n_exposures,
  light.projection_cell,
  light.x,
  light.y
from (
  select m.projection_cell, m.x, m.y, ST_Extent(piece.shape) as box, count(*) as n_exposures
  from mvm.skycell_member as m
  cross join lateral (
    select
      case
        when geometry_within(m.shape, mvm.skycell_box(m.x, m.y, 1)) then m.shape
        else ST_ClipByBox2D(m.shape, m.box::box2d)
      end as shape
    offset 0  -- once per member
  ) as piece
  where not ST_IsEmpty(piece.shape)
  group by m.projection_cell, m.x, m.y
) as light;

comment on view mvm.skycell_extent is 'Common subarray of all layers of each skycell that has exposures';
comment on column mvm.skycell_extent.skycell is 'Name of the skycell';
comment on column mvm.skycell_extent.x0 is 'First column, 0-based fine pixels of the skycell';
comment on column mvm.skycell_extent.y0 is 'First row, 0-based fine pixels of the skycell';
comment on column mvm.skycell_extent.x1 is 'Column after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.skycell_extent.y1 is 'Row after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.skycell_extent.n_exposures is 'Number of exposures that reach the skycell';
comment on column mvm.skycell_extent.projection_cell is 'Number of the projection cell';
comment on column mvm.skycell_extent.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.skycell_extent.y is 'Row of the skycell in the projection cell, from 1';
