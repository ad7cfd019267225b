-- Every build, whatever became of it, with the product that it published; while it runs, with its lease.
create view mvm.build_log as
select
  b.build_id::text as build_id,
  b.skycell,
  b.layer,
  b.selection,
  b.outcome,
  b.error,
  b.started_at,
  b.finished_at,
  extract(epoch from b.finished_at - b.started_at)::double precision as duration_s,
  b.host,
  b.process_id,
  b.versions,
  b.parameter_set,
  b.recipe_sha256,
  p.product,
  p.revision,
  extract(epoch from clock_timestamp() - l.heartbeat_at)::double precision as heartbeat_age_s,
  extract(epoch from l.expires_at - clock_timestamp())::double precision as lease_remaining_s
from mvm.build as b
left join mvm.product as p on p.build_id = b.build_id and p.published_at is not null
left join mvm.lease as l on l.token = b.lease_token and b.outcome = 'running';

comment on view mvm.build_log is 'Builds with their outcome, host, software, duration and product';
comment on column mvm.build_log.build_id is 'Identity of the build (MVMBUILD)';
comment on column mvm.build_log.skycell is 'Name of the skycell';
comment on column mvm.build_log.layer is 'Name of the layer';
comment on column mvm.build_log.selection is 'Rule of which exposures the layer takes';
comment on column mvm.build_log.outcome is 'running, published, failed or abandoned';
comment on column mvm.build_log.error is 'Why a failed build failed';
comment on column mvm.build_log.started_at is 'Start of the build, UTC';
comment on column mvm.build_log.finished_at is 'End of the build, UTC; null while it runs';
comment on column mvm.build_log.duration_s is 'Duration, seconds; null while it runs';
comment on column mvm.build_log.host is 'Machine that built';
comment on column mvm.build_log.process_id is 'Process that built';
comment on column mvm.build_log.versions is 'Versions of the software that ran, by name';
comment on column mvm.build_log.parameter_set is 'Named set the parameters come from, and what was overridden';
comment on column mvm.build_log.recipe_sha256 is 'SHA-256 of everything that determines the pixels';
comment on column mvm.build_log.product is 'File name of the product that it published';
comment on column mvm.build_log.revision is 'Revision of that product';
comment on column mvm.build_log.heartbeat_age_s is 'Since when a running build has been silent, seconds; null where it has no lease';
comment on column mvm.build_log.lease_remaining_s is 'When another may take over from a running build, seconds; null where it has no lease';
