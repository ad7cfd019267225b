-- p1889x07y19 of projection cell 1889, x 7, y 19.
create function mvm.skycell_name(projection_cell integer, x integer, y integer)
returns text
language sql immutable strict parallel safe
return 'p' || lpad(projection_cell::text, 4, '0') || 'x' || lpad(x::text, 2, '0') || 'y' || lpad(y::text, 2, '0');

comment on function mvm.skycell_name is 'Name of a skycell, like p1889x07y19';
