-- Which exposure reaches which skycell: its placement in pixels of the projection cell meets the skycell's box by more
-- than 1e-5 pixel (0.4 microarcsec): to touch an edge is not to overlap, and PROJ is good to 3e-7 pixel.
-- "+ 0" keeps the int4 = int4 clause that the GiST index needs, whatever integer type the client sends.
-- requires: views/skycell
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
  and ST_Intersects(p.shape, mvm.skycell_box(s.x, s.y, 1e-5));

comment on view mvm.skycell_member is 'Exposures (current, not excluded) of each skycell';
comment on column mvm.skycell_member.skycell is 'Name of the skycell';
comment on column mvm.skycell_member.projection_cell is 'Number of the projection cell';
comment on column mvm.skycell_member.x is 'Column of the skycell in the projection cell, from 1';
comment on column mvm.skycell_member.y is 'Row of the skycell in the projection cell, from 1';
comment on column mvm.skycell_member.exposure_id is 'Revision of the exposure';
comment on column mvm.skycell_member.shape is 'Footprint in 0-based fine pixels of the projection cell, one polygon per chip';
comment on column mvm.skycell_member.box is 'Outline of the skycell in 0-based fine pixels of the projection cell';
