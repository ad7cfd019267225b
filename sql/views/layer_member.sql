-- Which exposure belongs to which layer: the skycell's members at every scale of their detector, but for those that
-- are withdrawn from this skycell. What is withdrawn from all layers is no member of any skycell. The selection is all;
-- mvm.layer_members tells what others take.
-- requires: views/skycell_member, functions/timestamp_of_mjd
create view mvm.layer_member as
select
  m.skycell,
  e.instrument || '_' || e.detector || '_' || e.filter || case s.scale when 'coarse' then '_coarse' else '' end as layer,
  'all'::text as selection,
  e.rootname as exposure,
  e.instrument,
  e.detector,
  e.filter,
  s.scale,
  e.exptime_s,
  e.start_mjd,
  e.end_mjd,
  mvm.timestamp_of_mjd(e.start_mjd) as start_utc,
  e.proposal_id,
  e.wcsname,
  e.file_type,
  e.revision,
  m.exposure_id,
  m.projection_cell,
  m.x,
  m.y
from mvm.skycell_member as m
join mvm.exposure as e on e.exposure_id = m.exposure_id
join mvm.layer_scale as s on s.instrument = e.instrument and s.detector = e.detector
where not exists (
  select
  from mvm.withdrawal as w
  where w.rootname = e.rootname and w.skycell = m.skycell and w.restored_at is null
);

comment on view mvm.layer_member is 'Exposures of each layer of each skycell, selection all; mvm.layer_members tells what others take';
comment on column mvm.layer_member.skycell is 'Name of the skycell';
comment on column mvm.layer_member.layer is 'Name of the layer, like wfc3_ir_f160w_coarse';
comment on column mvm.layer_member.selection is 'Rule of which exposures the layer takes; all = every one';
comment on column mvm.layer_member.exposure is 'Root name of the exposure';
comment on column mvm.layer_member.instrument is 'Instrument';
comment on column mvm.layer_member.detector is 'Detector';
comment on column mvm.layer_member.filter is 'Filter';
comment on column mvm.layer_member.scale is 'fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)';
comment on column mvm.layer_member.exptime_s is 'Exposure time, seconds';
comment on column mvm.layer_member.start_mjd is 'Start of the exposure, modified Julian date, UTC days';
comment on column mvm.layer_member.end_mjd is 'End of the exposure, modified Julian date, UTC days';
comment on column mvm.layer_member.start_utc is 'Start of the exposure, UTC';
comment on column mvm.layer_member.proposal_id is 'Proposal number';
comment on column mvm.layer_member.wcsname is 'Name of the astrometric solution';
comment on column mvm.layer_member.file_type is 'flt, flc, c0m, ...';
comment on column mvm.layer_member.revision is 'Revision of the exposure';
comment on column mvm.layer_member.exposure_id is 'Number of that revision';
comment on column mvm.layer_member.projection_cell is 'Number of the projection cell';
comment on column mvm.layer_member.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.layer_member.y is 'Row of the skycell in the projection cell, from 1';
