-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.engine (
  engine text not null,
  default_parameters jsonb not null,
  only_row boolean default true not null,
  registered_at timestamp with time zone default now() not null,
  constraint engine_pkey primary key (engine),
  constraint engine_only_one_row_check check (only_row),
  constraint engine_only_row_key unique (only_row)
);

comment on table mvm.engine is 'The engine of the mvmdb that last opened the database; products of another one are stale.';
comment on column mvm.engine.engine is 'Name and version of everything that computes pixels, as in recipes';
comment on column mvm.engine.default_parameters is 'Drizzle parameters that hold where a set gives none';
comment on column mvm.engine.only_row is 'Always true: there is one row';
comment on column mvm.engine.registered_at is 'When it came into force, UTC';
