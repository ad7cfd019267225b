-- The exposures of the whole database, counted in cells of equal area: what a map of the sky shows. A cell of order 6 is
-- 55 arcmin wide, so one corner stands for the whole footprint, and each exposure counts once.
-- requires: functions/healpix_cell
create function mvm.sky_depth(healpix_order integer default 6, filter text default null)
returns table (healpix_cell bigint, n_exposures bigint, exptime_s double precision)
language sql stable parallel safe rows 10000
begin atomic
  select mvm.healpix_cell(ST_X(place.corner), ST_Y(place.corner), sky_depth.healpix_order), count(*), sum(place.exptime_s)
  from (
    select e.exptime_s, ST_PointN(ST_ExteriorRing(ST_GeometryN(e.footprint::geometry, 1)), 1) as corner
    from mvm.exposure as e
    where e.is_current
      and e.exclusion is null
      and (sky_depth.filter is null or e.filter = sky_depth.filter::citext)
  ) as place
  where place.corner is not null
  group by 1
  order by 1;
end;

comment on function mvm.sky_depth is
  'Current, not excluded exposures (of one filter, or of all) by the HEALPix cell of their first corner, nested scheme: number and sum of exposure times in seconds';
