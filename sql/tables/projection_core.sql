-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.projection_core (
  projection_cell integer not null,
  part integer not null,
  shape geometry(polygon,-1) not null,
  constraint projection_core_pkey primary key (projection_cell, part),
  constraint projection_core_projection_cell_fkey foreign key(projection_cell) references mvm.projection_cell (projection_cell)
);

comment on table mvm.projection_core is 'The sky that each projection cell owns; together the parts cover the sky exactly once.';
comment on column mvm.projection_core.projection_cell is 'Projection cell that owns the part';
comment on column mvm.projection_core.part is 'Number of the part, from 1';
comment on column mvm.projection_core.shape is 'Convex part in 0-based fine pixels of the projection cell';
