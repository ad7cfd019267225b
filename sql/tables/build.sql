-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.build (
  build_id uuid not null,
  skycell text not null,
  layer text not null,
  selection text not null,
  recipe_sha256 text not null,
  recipe jsonb not null,
  parameter_set text not null,
  parameter_overrides jsonb default '{}' not null,
  versions jsonb not null,
  directory text not null,
  host text not null,
  process_id integer not null,
  lease_token bigint,
  outcome text not null,
  error text,
  started_at timestamp with time zone default now() not null,
  finished_at timestamp with time zone,
  engine text,
  n_input_pixels bigint,
  n_output_pixels bigint,
  n_context_planes integer,
  n_threads integer,
  wall_s double precision,
  cpu_s double precision,
  peak_memory_bytes bigint,
  output_bytes bigint,
  constraint build_pkey primary key (build_id),
  constraint build_outcome_check check (outcome in ('running', 'published', 'failed', 'abandoned')),
  constraint build_finished_when_over_check check ((outcome = 'running') = (finished_at is null))
);

create index build_cost_idx on mvm.build (engine, host, finished_at) where wall_s is not null;
create index build_layer_idx on mvm.build (skycell, layer, selection);
create index build_running_idx on mvm.build (build_id) where outcome = 'running';

comment on table mvm.build is 'Executions of recipes, successful or not.';
comment on column mvm.build.build_id is 'Identity of the build, as in MVMBUILD';
comment on column mvm.build.skycell is 'Skycell name, like p1889x07y19';
comment on column mvm.build.layer is 'Layer name, like wfc3_ir_f160w_coarse';
comment on column mvm.build.selection is 'Name of the rule of which exposures the layer takes; all = every one';
comment on column mvm.build.recipe_sha256 is 'SHA-256 of the recipe: equal recipes make equal pixels';
comment on column mvm.build.recipe is 'Everything that determines the pixels: inputs, extent, parameters, engine';
comment on column mvm.build.parameter_set is 'Named set the parameters come from';
comment on column mvm.build.parameter_overrides is 'Parameters that replaced those of the set, value by name';
comment on column mvm.build.versions is 'Versions of the software that ran';
comment on column mvm.build.directory is 'Directory the product is written to, absolute path or URL';
comment on column mvm.build.host is 'Name of the machine that built';
comment on column mvm.build.process_id is 'Process that built';
comment on column mvm.build.lease_token is 'Token of the lease under which it ran; null before there were leases';
comment on column mvm.build.outcome is 'running, published, failed or abandoned';
comment on column mvm.build.error is 'Why a failed build failed';
comment on column mvm.build.started_at is 'Start of the build, UTC';
comment on column mvm.build.finished_at is 'End of the build, UTC';
comment on column mvm.build.engine is 'Engine that drew it, name and version; null, as what follows, where not measured';
comment on column mvm.build.n_input_pixels is 'Pixels of the chips that lie in the skycell, by their outlines';
comment on column mvm.build.n_output_pixels is 'Pixels of one array of the product';
comment on column mvm.build.n_context_planes is 'Planes of the context image, and one more where there is an ERR';
comment on column mvm.build.n_threads is 'Threads that drew at a time';
comment on column mvm.build.wall_s is 'Time from reading to the written file, seconds';
comment on column mvm.build.cpu_s is 'Processor time in the same interval, of all threads, seconds';
comment on column mvm.build.peak_memory_bytes is 'Largest own (anonymous) memory of the process, bytes; null where the system tells none';
comment on column mvm.build.output_bytes is 'Size of the file, bytes';
