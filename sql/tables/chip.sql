-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.chip (
  exposure_id integer not null,
  chip integer not null,
  part integer not null,
  hdu_index integer,
  n_x_pix integer,
  n_y_pix integer,
  pixel_scale_arcsec double precision,
  bunit text,
  gain_e_per_dn double precision,
  photflam double precision,
  photplam_angstrom double precision,
  wcsname text,
  constraint chip_pkey primary key (exposure_id, chip),
  constraint chip_exposure_id_part_key unique (exposure_id, part),
  constraint chip_pixels_known_or_not_check check (num_nulls(hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn) in (0, 6)),
  constraint chip_exposure_id_fkey foreign key(exposure_id) references mvm.exposure (exposure_id) on delete cascade
);

comment on table mvm.chip is 'SCI extensions of the exposures: what has a WCS.';
comment on column mvm.chip.exposure_id is 'Exposure the chip belongs to';
comment on column mvm.chip.chip is 'EXTVER of the chip''s SCI extension; of a footprint without, the number of its polygon';
comment on column mvm.chip.part is 'Position of the chip''s polygon in exposure.footprint, from 1';
comment on column mvm.chip.hdu_index is 'Position of the SCI extension in the file, from 0; null, as what follows, for a footprint';
comment on column mvm.chip.n_x_pix is 'Columns of the chip, pixels';
comment on column mvm.chip.n_y_pix is 'Rows of the chip, pixels';
comment on column mvm.chip.pixel_scale_arcsec is 'Undistorted pixel scale the photometry refers to, arcsec';
comment on column mvm.chip.bunit is 'Unit of the pixels: ELECTRONS, ELECTRONS/S, COUNTS or COUNTS/S';
comment on column mvm.chip.gain_e_per_dn is 'Electrons per count; 1 where the pixels are electrons';
comment on column mvm.chip.photflam is 'Inverse sensitivity, erg/s/cm2/Angstrom per e-/s';
comment on column mvm.chip.photplam_angstrom is 'Pivot wavelength, Angstrom';
comment on column mvm.chip.wcsname is 'Name of the astrometric solution of the chip (WCSNAME)';
