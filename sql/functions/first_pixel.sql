-- A pixel counts when a footprint enters it by more than 1e-5 pixel, so that an edge on a pixel border does not add a
-- row for the last digit's sake.
create function mvm.first_pixel(edge_pix double precision, skycell_index integer)
returns integer
language sql immutable strict parallel safe
return floor(edge_pix + 0.50001)::integer - (skycell_index - 1) * 21442;

comment on function mvm.first_pixel is
  'First pixel (0-based, of the skycell with that x or y) that light beginning at edge_pix of the projection cell falls on';
