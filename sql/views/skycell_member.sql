-- Which exposure reaches which skycell: its placement in pixels of the projection cell overlaps the skycell's box.
-- "+ 0" keeps the int4 = int4 clause that the GiST index needs, whatever integer type the client sends; && finds what
-- may overlap by that index. What lies a pixel inside the box overlaps it: most placements, settled by their own
-- boxes. geometry_within is the function of the operator @, which would tempt the planner into a second index scan.
-- requires: views/skycell, functions/reaches_skycell
create view mvm.skycell_member as
select
  s.skycell,
  s.projection_cell,
  s.x,
  s.y,
  p.exposure_id,
  p.shape,
  s.box
from mvm.skycell as s
join mvm.placement as p
  on p.projection_cell = s.projection_cell + 0
  and p.shape && s.box
  and (geometry_within(p.shape, mvm.skycell_box(s.x, s.y, 1)) or mvm.reaches_skycell(p.shape, s.x, s.y));

comment on view mvm.skycell_member is 'Exposures (current, not excluded) of each skycell';
comment on column mvm.skycell_member.skycell is 'Name of the skycell';
comment on column mvm.skycell_member.projection_cell is 'Number of the projection cell';
comment on column mvm.skycell_member.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.skycell_member.y is 'Row of the skycell in the projection cell, from 1';
comment on column mvm.skycell_member.exposure_id is 'Revision of the exposure';
comment on column mvm.skycell_member.shape is 'Footprint in 0-based fine pixels of the projection cell, one polygon per chip';
comment on column mvm.skycell_member.box is 'Outline of the skycell in 0-based fine pixels of the projection cell';
