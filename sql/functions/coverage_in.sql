-- The exposures that reach into a region: a polygon (mvm.sky_polygon), a box (mvm.sky_box) or any geography.
-- requires: functions/timestamp_of_mjd
create function mvm.coverage_in(region geography, with_excluded boolean default false)
returns table (
  exposure text, instrument citext, detector citext, filter citext, exptime_s double precision, start_mjd double precision,
  start_utc timestamptz, proposal_id integer, target_name text, wcsname text, exclusion text, exposure_id integer, revision integer
)
language sql stable parallel safe
begin atomic
  select
    e.rootname, e.instrument, e.detector, e.filter, e.exptime_s, e.start_mjd,
    mvm.timestamp_of_mjd(e.start_mjd), e.proposal_id, e.target_name, e.wcsname, e.exclusion, e.exposure_id, e.revision
  from mvm.exposure as e
  where ST_Intersects(e.footprint, coverage_in.region)
    and e.is_current
    and (e.exclusion is null or coverage_in.with_excluded)
  order by e.start_mjd, e.rootname;
end;

comment on function mvm.coverage_in is
  'Current exposures that reach into a region of the sky, in order of time; excluded ones on request';
