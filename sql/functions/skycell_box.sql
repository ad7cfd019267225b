-- Skycells are 21954 pixels wide and 21442 apart; a pixel covers half a pixel to either side of its centre.
create function mvm.skycell_box(x integer, y integer, inset_pix double precision default 0)
returns geometry
language sql immutable strict parallel safe
return ST_MakeEnvelope(
  (x - 1) * 21442 - 0.5::double precision + inset_pix,
  (y - 1) * 21442 - 0.5::double precision + inset_pix,
  (x - 1) * 21442 + 21953.5::double precision - inset_pix,
  (y - 1) * 21442 + 21953.5::double precision - inset_pix
);

comment on function mvm.skycell_box is
  'Outline of skycell x, y (from 1), drawn in by inset_pix on every side, in 0-based fine pixels of its projection cell';
