-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.publisher (
  only_row boolean default true not null,
  authority text not null,
  obs_collection text not null,
  path_prefix text,
  url_prefix text,
  constraint publisher_pkey primary key (only_row),
  constraint publisher_only_one_row_check check (only_row),
  constraint publisher_authority_check check (authority ~* '^[a-z0-9][a-z0-9._~-]{2,}$'),
  constraint publisher_prefixes_together_check check ((path_prefix is null) = (url_prefix is null))
);

comment on table mvm.publisher is 'Under which names and addresses the products are published; one row, yours to change.';
comment on column mvm.publisher.only_row is 'Always true: there is one row';
comment on column mvm.publisher.authority is 'Authority of the IVOA identifiers ivo://authority/mvmdb?...; yours, once it is registered';
comment on column mvm.publisher.obs_collection is 'Name of the collection that the products make up (ObsCore obs_collection)';
comment on column mvm.publisher.path_prefix is 'Beginning of the paths of files that a web server gives out; null where none does';
comment on column mvm.publisher.url_prefix is 'What stands in its place in their URLs; other files have file:// URLs';
