-- The rule of retention that decides for a layer of a skycell: one for just this layer, else one for the skycell, else
-- one for the layer in every skycell, else the one for all.
create function mvm.retention(skycell text, layer text)
returns table (keep_newest integer, keep_days double precision)
language sql stable parallel safe rows 1
begin atomic
  select r.keep_newest, r.keep_days
  from mvm.retention_rule as r
  where r.skycell in ('*', retention.skycell) and r.layer in ('*', retention.layer)
  order by r.skycell = '*', r.layer = '*'
  limit 1;
end;

comment on function mvm.retention is
  'How many former revisions of a layer are kept, and for how many days after they were superseded';
