-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.layer_scale (
  instrument citext not null,
  detector citext not null,
  scale text not null,
  constraint layer_scale_pkey primary key (instrument, detector, scale),
  constraint layer_scale_scale_check check (scale in ('fine', 'coarse'))
);

comment on table mvm.layer_scale is 'The scales at which the exposures of a detector are combined.';
comment on column mvm.layer_scale.instrument is 'Instrument, lower case: acs, wfc3, wfpc2';
comment on column mvm.layer_scale.detector is 'Detector, lower case: wfc, hrc, sbc, uvis, ir, pc';
comment on column mvm.layer_scale.scale is 'fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)';
