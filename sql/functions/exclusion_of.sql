-- The first of the findings of an exposure that excludes it; one without a rule does.
create function mvm.exclusion_of(findings jsonb)
returns table (code text, detail text)
language sql stable parallel safe rows 1
begin atomic
  select finding.value ->> 'code', finding.value ->> 'detail'
  from jsonb_array_elements(exclusion_of.findings) with ordinality as finding (value, position)
  left join mvm.exclusion_rule as r on r.code = finding.value ->> 'code'
  where coalesce(r.excludes, true)
  order by finding.position
  limit 1;
end;

comment on function mvm.exclusion_of is
  'Why an exposure with these findings enters no layer, by mvm.exclusion_rule; no row when it does';
