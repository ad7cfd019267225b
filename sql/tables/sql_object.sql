-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.sql_object (
  position integer not null,
  kind text not null,
  identity text not null,
  definition_sha256 text not null,
  constraint sql_object_pkey primary key (position)
);

comment on table mvm.sql_object is 'Views and functions created from sql/, replaced at every upgrade.';
comment on column mvm.sql_object.position is 'Order of creation';
comment on column mvm.sql_object.kind is 'view, function or data (rows that mvmdb ships)';
comment on column mvm.sql_object.identity is 'Name, and for a function its argument types, as drop needs it';
comment on column mvm.sql_object.definition_sha256 is 'SHA-256 of the file that defines it';
