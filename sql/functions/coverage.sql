-- The exposures that light a position, or come within a radius of it. Excluded exposures light no layer: ask for them.
-- requires: functions/sky_point, functions/metre_of_arcsec, functions/timestamp_of_mjd
create function mvm.coverage(
  ra_deg double precision,
  dec_deg double precision,
  radius_arcsec double precision default 0,
  with_excluded boolean default false
)
returns table (
  exposure text, instrument citext, detector citext, filter citext, exptime_s double precision, start_mjd double precision,
  start_utc timestamptz, proposal_id integer, target_name text, wcsname text, exclusion text, exposure_id integer, revision integer
)
language sql stable parallel safe
begin atomic
  select
    e.rootname, e.instrument, e.detector, e.filter, e.exptime_s, e.start_mjd,
    mvm.timestamp_of_mjd(e.start_mjd), e.proposal_id, e.target_name, e.wcsname, e.exclusion, e.exposure_id, e.revision
  from (
    select mvm.sky_point(coverage.ra_deg, coverage.dec_deg) as point, mvm.metre_of_arcsec(coverage.radius_arcsec) as radius_m
    offset 0  -- once, not for every exposure
  ) as given
  join mvm.exposure as e on ST_DWithin(e.footprint, given.point, given.radius_m)
  where e.is_current
    and (e.exclusion is null or coverage.with_excluded)
  order by e.start_mjd, e.rootname;
end;

comment on function mvm.coverage is
  'Current exposures whose footprint holds a position (ICRS degrees) or comes within radius_arcsec of it, in order of time; excluded ones on request';
