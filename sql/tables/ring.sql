-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.ring (
  ring integer not null,
  dec_deg double precision not null,
  n_cells integer not null,
  first_cell integer not null,
  srid integer not null,
  constraint ring_pkey primary key (ring),
  constraint ring_srid_key unique (srid)
);

comment on table mvm.ring is 'Declination rings; cells of one ring differ by a rotation in right ascension.';
comment on column mvm.ring.ring is 'Number of the ring, 0 (south) to 45 (north)';
comment on column mvm.ring.dec_deg is 'Declination of the tangent points of the ring, degrees';
comment on column mvm.ring.n_cells is 'Number of projection cells in the ring';
comment on column mvm.ring.first_cell is 'Number of the first projection cell of the ring, the one at RA 0';
comment on column mvm.ring.srid is 'spatial_ref_sys row of the ring''s gnomonic plane, tangent at RA 0';
