-- What speaks against exposures, and what of it excludes them.
create view mvm.exclusion as
select
  rule.code,
  rule.excludes,
  count(e.exposure_id) as n_exposures,
  count(e.exposure_id) filter (where e.exclusion = rule.code) as n_excluded,
  rule.description,
  rule.source
from mvm.exclusion_rule as rule
left join (
  select distinct e.exposure_id, e.exclusion, finding.value ->> 'code' as code
  from mvm.exposure as e
  cross join lateral jsonb_array_elements(e.findings) as finding
  where e.is_current and e.findings <> '[]'
) as e on e.code = rule.code
group by rule.code;

comment on view mvm.exclusion is 'Rules of exclusion, and how many exposures each concerns';
comment on column mvm.exclusion.code is 'What was found, like moving_target';
comment on column mvm.exclusion.excludes is 'True when an exposure with this finding enters no layer';
comment on column mvm.exclusion.n_exposures is 'Current exposures with this finding';
comment on column mvm.exclusion.n_excluded is 'Current exposures that are excluded for it, no other finding coming first';
comment on column mvm.exclusion.description is 'What the finding means';
comment on column mvm.exclusion.source is 'Where the rule comes from';
