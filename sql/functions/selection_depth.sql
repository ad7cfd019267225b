-- How deep one layer is with what a selection takes: for mvm.layer_statuses, which asks only where there is a product.
-- Not in SQL: inlined, the question of every skycell without one would pay for setting it up.
-- requires: functions/layer_members
create function mvm.selection_depth(skycell text, layer text, selection text)
returns table (n_exposures bigint, exptime_s double precision, since timestamptz)
language plpgsql stable parallel safe rows 1
as $$
begin
  return query
    select count(*), coalesce(sum(m.exptime_s), 0), min(e.standing_since)
    from mvm.layer_members(selection_depth.skycell, selection_depth.selection) as m
    join mvm.exposure as e on e.exposure_id = m.exposure_id
    where m.layer = lower(selection_depth.layer);
end
$$;

comment on function mvm.selection_depth is
  'Number of exposures, exposure time in seconds, and the earliest time since which an exposure belongs there, of a layer with what a selection takes';
