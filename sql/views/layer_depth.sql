-- How deep every layer is. The area is that of the union of the footprints, measured on the sphere.
-- requires: views/layer_member, functions/members_area_arcmin2, functions/timestamp_of_mjd
create view mvm.layer_depth as
select
  l.skycell,
  l.layer,
  l.selection,
  l.instrument,
  l.detector,
  l.filter,
  l.scale,
  count(*) as n_exposures,
  sum(l.exptime_s) as exptime_s,
  mvm.timestamp_of_mjd(min(l.start_mjd)) as first_date,
  mvm.timestamp_of_mjd(max(l.end_mjd)) as last_date,
  mvm.members_area_arcmin2(array_agg(l.exposure_id), l.projection_cell, l.x, l.y) as area_arcmin2,
  l.projection_cell,
  l.x,
  l.y
from mvm.layer_member as l
group by l.skycell, l.layer, l.selection, l.instrument, l.detector, l.filter, l.scale, l.projection_cell, l.x, l.y;

comment on view mvm.layer_depth is 'Number of exposures, exposure time, dates and area of every layer of every skycell';
comment on column mvm.layer_depth.skycell is 'Name of the skycell';
comment on column mvm.layer_depth.layer is 'Name of the layer, like wfc3_ir_f160w_coarse';
comment on column mvm.layer_depth.selection is 'Rule of which exposures the layer takes; all = every one';
comment on column mvm.layer_depth.instrument is 'Instrument';
comment on column mvm.layer_depth.detector is 'Detector';
comment on column mvm.layer_depth.filter is 'Filter';
comment on column mvm.layer_depth.scale is 'fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)';
comment on column mvm.layer_depth.n_exposures is 'Number of exposures of the layer';
comment on column mvm.layer_depth.exptime_s is 'Sum of their exposure times, seconds';
comment on column mvm.layer_depth.first_date is 'Start of the first exposure, UTC';
comment on column mvm.layer_depth.last_date is 'End of the last exposure, UTC';
comment on column mvm.layer_depth.area_arcmin2 is 'Area of the sky that at least one exposure covers within the skycell, square arcmin';
comment on column mvm.layer_depth.projection_cell is 'Number of the projection cell';
comment on column mvm.layer_depth.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.layer_depth.y is 'Row of the skycell in the projection cell, from 1';
