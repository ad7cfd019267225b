-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.ingest_failure (
  file_path text not null,
  error text not null,
  keyword text,
  message text not null,
  failed_at timestamp with time zone default now() not null,
  constraint ingest_failure_pkey primary key (file_path)
);

comment on table mvm.ingest_failure is 'Files that were refused; a row goes when its file is ingested.';
comment on column mvm.ingest_failure.file_path is 'File that could not be ingested, absolute path or URL';
comment on column mvm.ingest_failure.error is 'Class of the error, such as HeaderError';
comment on column mvm.ingest_failure.keyword is 'Header keyword at fault, if one is';
comment on column mvm.ingest_failure.message is 'What was wrong, in words';
comment on column mvm.ingest_failure.failed_at is 'When it was first seen, UTC';
