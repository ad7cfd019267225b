-- The revision of every exposure that layers use, and the excluded ones with their reason.
-- requires: functions/timestamp_of_mjd
create view mvm.current_exposure as
select
  e.rootname as exposure,
  e.revision,
  e.visit,
  e.instrument,
  e.detector,
  e.filter,
  e.exptime_s,
  e.start_mjd,
  e.end_mjd,
  mvm.timestamp_of_mjd(e.start_mjd) as start_utc,
  e.proposal_id,
  e.target_name,
  e.wcsname,
  e.exclusion,
  e.exclusion_detail,
  e.file_type,
  e.file_path,
  e.file_sha256,
  e.footprint,
  (select count(*) from mvm.chip as c where c.exposure_id = e.exposure_id) as n_chips,
  e.exposure_id
from mvm.exposure as e
where e.is_current;

comment on view mvm.current_exposure is 'Exposures in force, one row each';
comment on column mvm.current_exposure.exposure is 'Root name of the exposure';
comment on column mvm.current_exposure.revision is 'Counts the contents seen under this root name, from 1';
comment on column mvm.current_exposure.visit is 'Program and observation set, first six characters of the root name; null without one';
comment on column mvm.current_exposure.instrument is 'Instrument';
comment on column mvm.current_exposure.detector is 'Detector';
comment on column mvm.current_exposure.filter is 'Filter, crossed filters joined by -';
comment on column mvm.current_exposure.exptime_s is 'Exposure time, seconds';
comment on column mvm.current_exposure.start_mjd is 'Start of the exposure, modified Julian date, UTC days';
comment on column mvm.current_exposure.end_mjd is 'End of the exposure, modified Julian date, UTC days';
comment on column mvm.current_exposure.start_utc is 'Start of the exposure, UTC';
comment on column mvm.current_exposure.proposal_id is 'Proposal number';
comment on column mvm.current_exposure.target_name is 'Target as named by the proposer';
comment on column mvm.current_exposure.wcsname is 'Name of the astrometric solution';
comment on column mvm.current_exposure.exclusion is 'Why the exposure enters no layer, a code; null when it does';
comment on column mvm.current_exposure.exclusion_detail is 'Keyword and value behind the exclusion';
comment on column mvm.current_exposure.file_type is 'flt, flc, c0m, ...; footprint while only a table tells of the exposure';
comment on column mvm.current_exposure.file_path is 'File, absolute path; null for a footprint';
comment on column mvm.current_exposure.file_sha256 is 'SHA-256 of the uncompressed FITS bytes, or of the values of a footprint';
comment on column mvm.current_exposure.footprint is 'Outlines of the chips on the sky, one polygon per chip, ICRS degrees';
comment on column mvm.current_exposure.n_chips is 'Number of chips';
comment on column mvm.current_exposure.exposure_id is 'Number of the exposure''s revision';
