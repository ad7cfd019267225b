-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.projection_cell (
  projection_cell integer not null,
  ring integer not null,
  ra_deg double precision not null,
  dec_deg double precision not null,
  area geography(polygon,104047) not null,
  constraint projection_cell_pkey primary key (projection_cell),
  constraint projection_cell_ring_fkey foreign key(ring) references mvm.ring (ring)
);

create index projection_cell_area_idx on mvm.projection_cell using gist (area);

comment on table mvm.projection_cell is 'The 2,644 tangent planes of the tessellation.';
comment on column mvm.projection_cell.projection_cell is 'Number, 0 to 2643; 1889 is p1889';
comment on column mvm.projection_cell.ring is 'Ring the cell lies in';
comment on column mvm.projection_cell.ra_deg is 'Right ascension of the tangent point (CRVAL1), ICRS degrees';
comment on column mvm.projection_cell.dec_deg is 'Declination of the tangent point (CRVAL2), ICRS degrees';
comment on column mvm.projection_cell.area is 'Sky that the 21 x 21 skycells of the cell cover, a spherical polygon, ICRS degrees';
