-- What published builds had to do and what they took: the ground of forecasts. Builds that nobody measured are not here.
create view mvm.build_cost as
select
  b.build_id::text as build_id,
  b.skycell,
  b.layer,
  b.selection,
  b.engine,
  b.host,
  b.finished_at,
  b.n_input_pixels,
  b.n_output_pixels,
  b.n_context_planes,
  b.n_threads,
  b.wall_s,
  b.cpu_s,
  b.peak_memory_bytes,
  b.output_bytes
from mvm.build as b
where b.outcome = 'published'
  and b.wall_s is not null;

comment on view mvm.build_cost is 'Work and cost of published builds: pixels, seconds, memory, bytes';
comment on column mvm.build_cost.build_id is 'Identity of the build (MVMBUILD)';
comment on column mvm.build_cost.skycell is 'Name of the skycell';
comment on column mvm.build_cost.layer is 'Name of the layer';
comment on column mvm.build_cost.selection is 'Rule of which exposures the layer takes';
comment on column mvm.build_cost.engine is 'Engine that drew it, name and version';
comment on column mvm.build_cost.host is 'Machine that built';
comment on column mvm.build_cost.finished_at is 'End of the build, UTC';
comment on column mvm.build_cost.n_input_pixels is 'Pixels of the chips that lie in the skycell, by their outlines';
comment on column mvm.build_cost.n_output_pixels is 'Pixels of one array of the product';
comment on column mvm.build_cost.n_context_planes is 'Planes of the context image, and one more where there is an ERR';
comment on column mvm.build_cost.n_threads is 'Threads that drew at a time';
comment on column mvm.build_cost.wall_s is 'Time from reading to the written file, seconds';
comment on column mvm.build_cost.cpu_s is 'Processor time in the same interval, of all threads, seconds';
comment on column mvm.build_cost.peak_memory_bytes is 'Largest own (anonymous) memory of the process, bytes; null where the system tells none';
comment on column mvm.build_cost.output_bytes is 'Size of the file, bytes; null where it is compressed';
