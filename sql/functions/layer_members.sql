-- The rows of mvm.layer_member for one skycell, by index.
-- requires: views/layer_member, functions/skycell_key
create function mvm.layer_members(skycell text)
returns setof mvm.layer_member
language sql stable parallel safe rows 100
begin atomic
  select m.*
  from mvm.layer_member as m
  where m.projection_cell = (mvm.skycell_key(layer_members.skycell)).projection_cell
    and m.x = (mvm.skycell_key(layer_members.skycell)).x
    and m.y = (mvm.skycell_key(layer_members.skycell)).y;
end;

comment on function mvm.layer_members is 'Exposures of the layers of one skycell';
