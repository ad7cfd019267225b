-- Projection cell, x and y of a skycell's name; a name that stands for no skycell is refused.
create function mvm.skycell_key(skycell text)
returns mvm.skycell_key
language plpgsql immutable strict parallel safe
as $$
declare
  part text[] := regexp_match(lower(skycell), '^(?:skycell-)?p([0-9]{4})x([0-9]{2})y([0-9]{2})$');
begin
  if part is null or part[1]::int > 2643 or part[2]::int not between 1 and 21 or part[3]::int not between 1 and 21 then
    raise exception '% is not a skycell', skycell
      using errcode = 'invalid_parameter_value', hint = 'write it like p1889x07y19; cells 0 to 2643, x and y 1 to 21';
  end if;
  return row(part[1]::int, part[2]::int, part[3]::int)::mvm.skycell_key;
end
$$;

comment on function mvm.skycell_key is 'Projection cell, x and y of a skycell name such as p1889x07y19';
