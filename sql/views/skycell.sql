-- All 1,166,004 skycells. None is stored: a skycell is an integer box on its projection cell.
-- requires: functions/skycell_box, functions/skycell_name
create view mvm.skycell as
select
  mvm.skycell_name(cell.projection_cell, x.x, y.y) as skycell,
  cell.projection_cell,
  x.x,
  y.y,
  cell.ra_deg as crval_ra_deg,
  cell.dec_deg as crval_dec_deg,
  225144 - (x.x - 1) * 21442 as crpix_x,
  225144 - (y.y - 1) * 21442 as crpix_y,
  21954 as n_pix,
  mvm.skycell_box(x.x, y.y) as box
from mvm.projection_cell as cell
cross join generate_series(1, 21) as x (x)
cross join generate_series(1, 21) as y (y);

comment on view mvm.skycell is 'All skycells of the sky: squares of 21954 x 21954 pixels of 0.04 arcsec that overlap by 512 pixels';
comment on column mvm.skycell.skycell is 'Name, like p1889x07y19';
comment on column mvm.skycell.projection_cell is 'Number of the projection cell';
comment on column mvm.skycell.x is 'Column in the projection cell, 1 (east) to 21 (west)';
comment on column mvm.skycell.y is 'Row in the projection cell, 1 (south) to 21 (north)';
comment on column mvm.skycell.crval_ra_deg is 'CRVAL1: right ascension of the tangent point, ICRS degrees';
comment on column mvm.skycell.crval_dec_deg is 'CRVAL2: declination of the tangent point, ICRS degrees';
comment on column mvm.skycell.crpix_x is 'CRPIX1 of the whole skycell at the fine scale, FITS pixels (1-based)';
comment on column mvm.skycell.crpix_y is 'CRPIX2 of the whole skycell at the fine scale, FITS pixels (1-based)';
comment on column mvm.skycell.n_pix is 'NAXIS1 and NAXIS2 of the whole skycell at the fine scale, pixels';
comment on column mvm.skycell.box is 'Outline in 0-based fine pixels of the projection cell';
