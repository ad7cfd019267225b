-- The common subarray: the smallest box of whole pixels that holds the footprints of all members, whatever their layer.
-- The envelope of a union is the envelope of its pieces, so nothing is merged.
-- requires: views/skycell_member, functions/first_pixel, functions/end_pixel
create view mvm.skycell_extent as
select
  piece.skycell,
  mvm.first_pixel(min(ST_XMin(piece.shape)), piece.x) as x0,
  mvm.first_pixel(min(ST_YMin(piece.shape)), piece.y) as y0,
  mvm.end_pixel(max(ST_XMax(piece.shape)), piece.x) as x1,
  mvm.end_pixel(max(ST_YMax(piece.shape)), piece.y) as y1,
  count(*) as n_exposures,
  piece.projection_cell,
  piece.x,
  piece.y
from (
  select
    m.skycell, m.projection_cell, m.x, m.y,
    ST_ClipByBox2D(m.shape, m.box::box2d) as shape
  from mvm.skycell_member as m
) as piece
where not ST_IsEmpty(piece.shape)
group by piece.skycell, piece.projection_cell, piece.x, piece.y;

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
