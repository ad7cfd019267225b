-- The counterpart of mvm.first_pixel.
create function mvm.end_pixel(edge_pix double precision, skycell_index integer)
returns integer
language sql immutable strict parallel safe
return ceil(edge_pix + 0.49999)::integer - (skycell_index - 1) * 21442;

comment on function mvm.end_pixel is
  'Pixel after the last (0-based, of the skycell with that x or y) that light ending at edge_pix of the projection cell falls on';
