-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.parameter_set (
  parameter_set text not null,
  description text not null,
  is_shipped boolean not null,
  constraint parameter_set_pkey primary key (parameter_set),
  constraint parameter_set_name_check check (parameter_set ~ '^[a-z][a-z0-9_-]*$')
);

comment on table mvm.parameter_set is 'Named sets of drizzle parameters.';
comment on column mvm.parameter_set.parameter_set is 'Name of the set';
comment on column mvm.parameter_set.description is 'What the set is for';
comment on column mvm.parameter_set.is_shipped is 'True for the sets of mvmdb itself, which every upgrade writes anew';
