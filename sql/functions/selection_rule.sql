-- The rule of a selection as recipes hold it, by value: only what it asks for, and of its exclusions those that concern
-- the layer. The selection all has no rule.
create function mvm.selection_rule(selection text, skycell text default null, layer text default null)
returns jsonb
language sql stable parallel safe
return (
  select
    jsonb_strip_nulls(
      jsonb_build_object(
        'from', replace(to_char(s.from_utc at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
        'until', replace(to_char(s.until_utc at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
        'wcsname', lower(s.wcsname_pattern),
        'min_exptime_s', s.min_exptime_s,
        'without', (
          select jsonb_agg(distinct x.rootname)
          from mvm.selection_exclusion as x
          where x.selection = s.selection
            and (x.skycell is null or x.skycell = lower(right(selection_rule.skycell, 11)))
            and (x.layer is null or x.layer = lower(selection_rule.layer))
        )
      )
    )
  from mvm.selection as s
  where s.selection = selection_rule.selection and s.selection <> 'all'
);

comment on function mvm.selection_rule is
  'Rule of a selection as a recipe holds it: from, until (UTC), wcsname (pattern), min_exptime_s (seconds), without (root names); null for all and for a selection that does not exist';
