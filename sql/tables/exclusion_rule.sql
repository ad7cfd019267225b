-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.exclusion_rule (
  code text not null,
  excludes boolean not null,
  description text not null,
  source text not null,
  constraint exclusion_rule_pkey primary key (code)
);

comment on table mvm.exclusion_rule is 'Which findings exclude an exposure; a finding without a rule excludes.';
comment on column mvm.exclusion_rule.code is 'What was found, like moving_target';
comment on column mvm.exclusion_rule.excludes is 'True when an exposure with this finding enters no layer';
comment on column mvm.exclusion_rule.description is 'What the finding means';
comment on column mvm.exclusion_rule.source is 'Where the rule comes from';
