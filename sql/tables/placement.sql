-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.placement (
  exposure_id integer not null,
  projection_cell integer not null,
  shape geometry(multipolygon,-1) not null,
  constraint placement_pkey primary key (exposure_id, projection_cell),
  constraint placement_exposure_id_fkey foreign key(exposure_id) references mvm.exposure (exposure_id) on delete cascade,
  constraint placement_projection_cell_fkey foreign key(projection_cell) references mvm.projection_cell (projection_cell)
);

create index placement_projection_cell_shape_idx on mvm.placement using gist (projection_cell, shape);

comment on table mvm.placement is 'Footprints on the tangent planes; kept by a trigger on mvm.exposure, never written by hand.';
comment on column mvm.placement.exposure_id is 'Exposure, current and not excluded';
comment on column mvm.placement.projection_cell is 'Projection cell whose skycells the footprint reaches';
comment on column mvm.placement.shape is 'Footprint in 0-based fine pixels of the projection cell, one polygon per chip';
