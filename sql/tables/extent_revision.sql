-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.extent_revision (
  projection_cell integer not null,
  x integer not null,
  y integer not null,
  revision integer not null,
  x0 integer,
  y0 integer,
  x1 integer,
  y1 integer,
  recorded_at timestamp with time zone not null,
  constraint extent_revision_pkey primary key (projection_cell, x, y, revision),
  constraint extent_revision_projection_cell_fkey foreign key(projection_cell) references mvm.projection_cell (projection_cell)
);

comment on table mvm.extent_revision is 'Every common subarray a skycell has had; kept by triggers on mvm.placement.';
comment on column mvm.extent_revision.projection_cell is 'Projection cell of the skycell';
comment on column mvm.extent_revision.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.extent_revision.y is 'Row of the skycell in the projection cell, from 1';
comment on column mvm.extent_revision.revision is 'Counts the extents the skycell has had, from 1';
comment on column mvm.extent_revision.x0 is 'First column of the common subarray, 0-based fine pixels of the skycell; null when no exposure is left';
comment on column mvm.extent_revision.y0 is 'First row of the common subarray, 0-based fine pixels of the skycell; null when no exposure is left';
comment on column mvm.extent_revision.x1 is 'Column after the last, 0-based fine pixels of the skycell (half-open); null when no exposure is left';
comment on column mvm.extent_revision.y1 is 'Row after the last, 0-based fine pixels of the skycell (half-open); null when no exposure is left';
comment on column mvm.extent_revision.recorded_at is 'Transaction time at which it came into force, UTC';
