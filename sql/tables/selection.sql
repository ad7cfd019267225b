-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.selection (
  selection text not null,
  description text not null,
  from_utc timestamp with time zone,
  until_utc timestamp with time zone,
  wcsname_pattern text,
  min_exptime_s double precision,
  created_by text not null,
  created_at timestamp with time zone default now() not null,
  changed_by text,
  changed_at timestamp with time zone default now() not null,
  constraint selection_pkey primary key (selection),
  constraint selection_name_check check (selection ~ '^[a-z0-9]{1,32}$'),
  constraint selection_ends_after_start_check check (until_utc > from_utc),
  constraint selection_min_exptime_check check (min_exptime_s >= 0),
  constraint selection_wcsname_pattern_check check (wcsname_pattern <> ''),
  constraint selection_all_takes_all_check check (selection <> 'all' or num_nonnulls(from_utc, until_utc, wcsname_pattern, min_exptime_s) = 0)
);

comment on table mvm.selection is 'Named rules of which exposures a layer takes; the one called all takes every one and stays.';
comment on column mvm.selection.selection is 'Name, as in layers and file names';
comment on column mvm.selection.description is 'What it is for';
comment on column mvm.selection.from_utc is 'Takes exposures that start at this time or later, UTC; null for any';
comment on column mvm.selection.until_utc is 'Takes exposures that start before this time, UTC; null for any';
comment on column mvm.selection.wcsname_pattern is 'Takes exposures whose WCSNAME fits, in any case: * any text, ? a character; null for any';
comment on column mvm.selection.min_exptime_s is 'Takes exposures of at least this exposure time, seconds; null for any';
comment on column mvm.selection.created_by is 'Who added it';
comment on column mvm.selection.created_at is 'When it was added, UTC';
comment on column mvm.selection.changed_by is 'Who changed it last; null before any change';
comment on column mvm.selection.changed_at is 'When its rule or its exclusions changed last, UTC; kept by triggers';
