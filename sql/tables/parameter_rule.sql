-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.parameter_rule (
  parameter_set text not null,
  position integer not null,
  parameter text not null,
  value jsonb not null,
  instrument citext,
  detector citext,
  filters text[],
  min_mean_n_exposures double precision,
  below_mean_n_exposures double precision,
  source text not null,
  constraint parameter_rule_pkey primary key (parameter_set, position),
  constraint parameter_rule_parameter_set_fkey foreign key(parameter_set) references mvm.parameter_set (parameter_set) on delete cascade
);

comment on table mvm.parameter_rule is 'Values of drizzle parameters and the layers they hold for.';
comment on column mvm.parameter_rule.parameter_set is 'Set the rule belongs to';
comment on column mvm.parameter_rule.position is 'Of the rules that apply to a layer, the one with the highest position decides';
comment on column mvm.parameter_rule.parameter is 'Parameter that the rule sets';
comment on column mvm.parameter_rule.value is 'Value of the parameter';
comment on column mvm.parameter_rule.instrument is 'Instrument the rule is for; null for every one';
comment on column mvm.parameter_rule.detector is 'Detector the rule is for; null for every one';
comment on column mvm.parameter_rule.filters is 'Filters the rule is for, lower case; null for every one';
comment on column mvm.parameter_rule.min_mean_n_exposures is 'Least mean number of chips over the covered area for which the rule holds; null for any';
comment on column mvm.parameter_rule.below_mean_n_exposures is 'The rule holds where the mean number of chips is less than this; null for any';
comment on column mvm.parameter_rule.source is 'Where the value comes from';
