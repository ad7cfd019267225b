-- In what the rule of a selection differs from the one that a recipe holds: one row per condition, or one for all where
-- the selection is gone. Not in SQL: inlined into mvm.layer_changes, products of all would pay for setting it up.
-- requires: functions/selection_rule
create function mvm.selection_changes(selection text, skycell text, layer text, made_rule jsonb)
returns table (before text, after text, since timestamptz)
language plpgsql stable parallel safe rows 1
as $$
declare
  rule jsonb := mvm.selection_rule(selection_changes.selection, selection_changes.skycell, selection_changes.layer);
begin
  if rule is null then
    return query select coalesce(made_rule, '{}')::text, null::text, null::timestamptz;
    return;
  end if;
  return query
    select name.key || '=' || (made_rule ->> name.key), name.key || '=' || (rule ->> name.key), s.changed_at
    from mvm.selection as s
    cross join lateral (
      select key from jsonb_object_keys(made_rule) as key
      union
      select key from jsonb_object_keys(rule) as key
    ) as name
    where s.selection = selection_changes.selection
      and made_rule -> name.key is distinct from rule -> name.key;
end
$$;

comment on function mvm.selection_changes is
  'In what the rule of a selection other than all differs from the one in a recipe, and since when: before, after; after is null where the selection is gone';
