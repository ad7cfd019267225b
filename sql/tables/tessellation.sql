-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.tessellation (
  definition_sha256 text not null,
  only_row boolean default true not null,
  registered_at timestamp with time zone default now() not null,
  constraint tessellation_pkey primary key (definition_sha256),
  constraint tessellation_only_one_row_check check (only_row),
  constraint tessellation_only_row_key unique (only_row)
);

comment on table mvm.tessellation is 'The frozen tessellation this database was made for; another one is refused.';
comment on column mvm.tessellation.definition_sha256 is 'SHA-256 of the definition (mvmdb.sky.tessellation)';
comment on column mvm.tessellation.only_row is 'Always true: there is one row';
comment on column mvm.tessellation.registered_at is 'When it was loaded, UTC';
