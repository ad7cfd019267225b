-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.filter_band (
  instrument citext not null,
  detector citext not null,
  filter citext not null,
  min_angstrom double precision not null,
  max_angstrom double precision not null,
  source text not null,
  constraint filter_band_pkey primary key (instrument, detector, filter),
  constraint filter_band_limits_check check (0 < min_angstrom and min_angstrom < max_angstrom)
);

comment on table mvm.filter_band is 'Pass bands of filters: what ObsCore states as the spectral limits of an image.';
comment on column mvm.filter_band.instrument is 'Instrument, lower case';
comment on column mvm.filter_band.detector is 'Detector, lower case';
comment on column mvm.filter_band.filter is 'One filter, lower case; of crossed filters each';
comment on column mvm.filter_band.min_angstrom is 'Shortest wavelength that passes, in vacuum, Angstrom';
comment on column mvm.filter_band.max_angstrom is 'Longest wavelength that passes, in vacuum, Angstrom';
comment on column mvm.filter_band.source is 'Where the figures come from, and how the limits are defined';
