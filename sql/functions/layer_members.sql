-- The rows of mvm.layer_member for one skycell, by index; of another selection than all, those that its rule takes. An
-- exposure whose WCSNAME is not known fits no pattern. With all, a constant, the planner drops the condition.
-- requires: views/layer_member, functions/skycell_key, functions/like_of_glob
create function mvm.layer_members(skycell text, selection text default 'all')
returns setof mvm.layer_member
language sql stable parallel safe rows 100
begin atomic
  select
    m.skycell, m.layer, layer_members.selection, m.exposure, m.instrument, m.detector, m.filter, m.scale, m.exptime_s,
    m.start_mjd, m.end_mjd, m.start_utc, m.proposal_id, m.wcsname, m.file_type, m.revision, m.exposure_id,
    m.projection_cell, m.x, m.y
  from mvm.layer_member as m
  where m.projection_cell = (mvm.skycell_key(layer_members.skycell)).projection_cell
    and m.x = (mvm.skycell_key(layer_members.skycell)).x
    and m.y = (mvm.skycell_key(layer_members.skycell)).y
    and (
      layer_members.selection = 'all'
      or (
        exists (
          select
          from mvm.selection as s
          where s.selection = layer_members.selection
            and (s.from_utc is null or m.start_utc >= s.from_utc)
            and (s.until_utc is null or m.start_utc < s.until_utc)
            and (s.wcsname_pattern is null or lower(m.wcsname) like mvm.like_of_glob(s.wcsname_pattern))
            and (s.min_exptime_s is null or m.exptime_s >= s.min_exptime_s)
        )
        and not exists (
          select
          from mvm.selection_exclusion as x
          where x.selection = layer_members.selection
            and x.rootname = m.exposure
            and (x.skycell is null or x.skycell = m.skycell)
            and (x.layer is null or x.layer = m.layer::text)
        )
      )
    );
end;

comment on function mvm.layer_members is
  'Exposures of the layers of one skycell that a selection takes; none where there is no such selection';
