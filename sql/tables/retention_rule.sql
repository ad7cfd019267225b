-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.retention_rule (
  skycell text not null,
  layer text not null,
  keep_newest integer not null,
  keep_days double precision not null,
  decided_at timestamp with time zone default now() not null,
  constraint retention_rule_pkey primary key (skycell, layer),
  constraint retention_rule_not_negative_check check (keep_newest >= 0 and keep_days >= 0)
);

comment on table mvm.retention_rule is 'How long files of superseded products are kept; the most special rule for a layer decides.';
comment on column mvm.retention_rule.skycell is 'Skycell the rule is for; * for every one';
comment on column mvm.retention_rule.layer is 'Layer the rule is for; * for every one';
comment on column mvm.retention_rule.keep_newest is 'Number of the newest former revisions of a layer that are kept';
comment on column mvm.retention_rule.keep_days is 'Former revisions are kept for so many days after they were superseded';
comment on column mvm.retention_rule.decided_at is 'When the rule was made, UTC';
