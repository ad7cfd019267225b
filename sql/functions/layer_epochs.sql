-- The times at which a layer was observed, in days. By gaps: an epoch ends where no exposure begins for more than
-- gap_days. By length: epochs of length_days follow each other from the day of the first exposure; empty ones are left
-- out. An epoch by gaps reaches from the day of its first exposure to the end of the day of its last, but not into the
-- next; all limits are half open, so no exposure is in two.
-- requires: functions/layer_members, functions/members_area_arcmin2
create function mvm.layer_epochs(
  skycell text, layer text, gap_days double precision default 30, length_days double precision default null,
  selection text default 'all'
)
returns table (
  epoch bigint, from_utc timestamptz, until_utc timestamptz, n_exposures bigint, exptime_s double precision,
  first_date timestamptz, last_date timestamptz, area_arcmin2 double precision, area_fraction double precision
)
language sql stable parallel safe rows 10
begin atomic
  with member as (
    select
      m.exposure_id, m.exptime_s, m.start_utc, m.projection_cell, m.x, m.y,
      date_trunc('day', min(m.start_utc) over (), 'UTC') as origin,
      m.start_utc - lag(m.start_utc) over (order by m.start_utc) as waited
    from mvm.layer_members(layer_epochs.skycell, layer_epochs.selection) as m
    where m.layer = lower(layer_epochs.layer)
  ),
  numbered as (
    select
      m.*,
      case
        when layer_epochs.length_days is not null
          then floor(extract(epoch from m.start_utc - m.origin)::double precision / (86400 * layer_epochs.length_days))
        else count(*) filter (where m.waited > make_interval(secs => 86400 * layer_epochs.gap_days)) over (order by m.start_utc)
      end as number
    from member as m
  ),
  gathered as (
    select
      m.number, count(*) as n_exposures, sum(m.exptime_s) as exptime_s, min(m.start_utc) as first_date,
      max(m.start_utc) as last_date, min(m.origin) as origin,
      mvm.members_area_arcmin2(array_agg(m.exposure_id), m.projection_cell, m.x, m.y) as area_arcmin2
    from numbered as m
    group by m.number, m.projection_cell, m.x, m.y
  ),
  begun as (
    select
      g.*,
      case
        when layer_epochs.length_days is not null
          then g.origin + make_interval(secs => 86400 * layer_epochs.length_days * g.number)
        -- Two epochs of one day meet at the first exposure of the later.
        when date_trunc('day', g.first_date, 'UTC') <= lag(g.last_date) over (order by g.number) then g.first_date
        else date_trunc('day', g.first_date, 'UTC')
      end as from_utc
    from gathered as g
  )
  select
    row_number() over (order by b.number),
    b.from_utc,
    case
      when layer_epochs.length_days is not null
        then b.origin + make_interval(secs => 86400 * layer_epochs.length_days * (b.number + 1))
      else least(
        date_trunc('day', b.last_date, 'UTC') + interval '24 hours',
        lead(b.from_utc) over (order by b.number)
      )
    end,
    b.n_exposures, b.exptime_s, b.first_date, b.last_date, b.area_arcmin2,
    b.area_arcmin2 / (
      select mvm.members_area_arcmin2(array_agg(m.exposure_id), m.projection_cell, m.x, m.y)
      from member as m
      group by m.projection_cell, m.x, m.y
    )
  from begun as b
  order by b.number;
end;

comment on function mvm.layer_epochs is
  'Splits of a layer in time, by gaps longer than gap_days or, if it is given, by length_days: limits (UTC, half open), exposures, seconds, start of the first and last exposure, square arcmin covered, and that as a fraction of the layer';
