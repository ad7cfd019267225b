-- The exposures that a layer would have but for an exclusion, a withdrawal from its skycell, or its selection.
-- requires: functions/skycell_key, functions/skycell_box, functions/sky_of_cell_pixel, functions/layer_members
create function mvm.layer_exclusions(skycell text, layer text, selection text default 'all')
returns table (exposure text, code text, detail text, exptime_s double precision, start_mjd double precision)
language sql stable parallel safe rows 10
begin atomic
  select
    e.rootname, coalesce(e.exclusion, 'withdrawn'), coalesce(e.exclusion_detail, w.reason), e.exptime_s, e.start_mjd
  from mvm.skycell_key(layer_exclusions.skycell) as key
  join mvm.projection_cell as cell on cell.projection_cell = key.projection_cell
  join mvm.ring on ring.ring = cell.ring
  join mvm.exposure as e
    on ST_Intersects(
      e.footprint,
      mvm.sky_of_cell_pixel(
        mvm.skycell_box(key.x, key.y), cell.ra_deg, ring.srid
      )::geography
    )
  left join mvm.withdrawal as w
    on w.rootname = e.rootname and w.skycell = lower(right(layer_exclusions.skycell, 11)) and w.restored_at is null
  where e.is_current
    and (e.exclusion is not null or w.rootname is not null)
    and e.instrument = split_part(layer_exclusions.layer, '_', 1)::citext
    and e.detector = split_part(layer_exclusions.layer, '_', 2)::citext
    and e.filter = split_part(layer_exclusions.layer, '_', 3)::citext
  union all
  select m.exposure, 'not_selected', coalesce(x.reason, 'by the rule of ' || layer_exclusions.selection), m.exptime_s, m.start_mjd
  from mvm.layer_members(layer_exclusions.skycell) as m
  left join lateral (
    select x.reason
    from mvm.selection_exclusion as x
    where x.selection = layer_exclusions.selection
      and x.rootname = m.exposure
      and (x.skycell is null or x.skycell = m.skycell)
      and (x.layer is null or x.layer = m.layer::text)
    order by x.excluded_at
    limit 1
  ) as x on true
  where layer_exclusions.selection <> 'all'
    and m.layer = lower(layer_exclusions.layer)
    and not exists (
      select
      from mvm.layer_members(layer_exclusions.skycell, layer_exclusions.selection) as taken
      where taken.exposure_id = m.exposure_id and taken.layer = m.layer
    )
  order by 5, 1;
end;

comment on function mvm.layer_exclusions is
  'Exposures of a layer''s detector and filter that reach its skycell and are left out, with the reason, in order of time; not_selected: by the selection';
