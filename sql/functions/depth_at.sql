-- How deep the sky is at a position, by detector and filter.
-- requires: functions/coverage
create function mvm.depth_at(ra_deg double precision, dec_deg double precision)
returns table (
  instrument citext, detector citext, filter citext, n_exposures bigint, exptime_s double precision,
  first_date timestamptz, last_date timestamptz
)
language sql stable parallel safe
begin atomic
  select c.instrument, c.detector, c.filter, count(*), sum(c.exptime_s), min(c.start_utc), max(c.start_utc)
  from mvm.coverage(depth_at.ra_deg, depth_at.dec_deg) as c
  group by c.instrument, c.detector, c.filter
  order by sum(c.exptime_s) desc;
end;

comment on function mvm.depth_at is
  'Number of exposures and exposure time (seconds) at a position (ICRS degrees), by detector and filter, deepest first';
