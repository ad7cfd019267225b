-- Every extent a skycell has had: when a new exposure moves the extent, the old one remains known.
-- requires: functions/skycell_name
create view mvm.skycell_extent_history as
select
  mvm.skycell_name(r.projection_cell, r.x, r.y) as skycell,
  r.revision,
  r.x0,
  r.y0,
  r.x1,
  r.y1,
  r.recorded_at as in_force_since,
  lead(r.recorded_at) over later as in_force_until,
  r.projection_cell,
  r.x,
  r.y
from mvm.extent_revision as r
window later as (partition by r.projection_cell, r.x, r.y order by r.revision);

comment on view mvm.skycell_extent_history is 'Every common subarray that each skycell has had, with its revision';
comment on column mvm.skycell_extent_history.skycell is 'Name of the skycell';
comment on column mvm.skycell_extent_history.revision is 'Counts the extents of the skycell, from 1';
comment on column mvm.skycell_extent_history.x0 is 'First column, 0-based fine pixels of the skycell; null when no exposure was left';
comment on column mvm.skycell_extent_history.y0 is 'First row, 0-based fine pixels of the skycell; null when no exposure was left';
comment on column mvm.skycell_extent_history.x1 is 'Column after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.skycell_extent_history.y1 is 'Row after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.skycell_extent_history.in_force_since is 'When the extent came into force, UTC';
comment on column mvm.skycell_extent_history.in_force_until is 'When the next one replaced it, UTC; null for the one in force';
comment on column mvm.skycell_extent_history.projection_cell is 'Number of the projection cell';
comment on column mvm.skycell_extent_history.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.skycell_extent_history.y is 'Row of the skycell in the projection cell, from 1';
