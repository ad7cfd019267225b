-- How each revision of each product came about, in the words of IVOA's Provenance Data Model: the entity, the activity
-- that generated it with its parameters, and the entity that it is a revision of.
-- requires: functions/dataset_id
create view mvm.product_generation as
select
  p.product,
  p.revision,
  mvm.dataset_id('product', p.product, p.revision) as dataset_id,
  mvm.dataset_id('product', former.product, former.revision) as former_dataset_id,
  p.skycell,
  p.layer,
  p.selection,
  p.file_path,
  p.file_sha256,
  p.file_size_bytes,
  p.published_at,
  b.build_id::text as build_id,
  b.started_at,
  b.finished_at,
  b.host,
  b.process_id,
  b.versions,
  b.parameter_set,
  b.recipe -> 'parameters' as parameters,
  b.recipe ->> 'engine' as engine,
  b.recipe_sha256,
  p.product_id,
  former.product_id as former_product_id
from mvm.product as p
join mvm.build as b on b.build_id = p.build_id
left join lateral (
  select before.product, before.revision, before.product_id
  from mvm.product as before
  where before.skycell = p.skycell
    and before.layer = p.layer
    and before.selection = p.selection
    and (before.published_at, before.product_id) < (p.published_at, p.product_id)
  order by before.published_at desc, before.product_id desc
  limit 1
) as former on true
where p.published_at is not null;

comment on view mvm.product_generation is 'Every revision of every product with the build that generated it and the revision before it';
comment on column mvm.product_generation.product is 'File name';
comment on column mvm.product_generation.revision is 'Counts the files published under this name, from 1';
comment on column mvm.product_generation.dataset_id is 'IVOA identifier of the revision, as in ivoa.obscore';
comment on column mvm.product_generation.former_dataset_id is 'Identifier of the product of the layer before it; null for the first';
comment on column mvm.product_generation.skycell is 'Name of the skycell';
comment on column mvm.product_generation.layer is 'Name of the layer';
comment on column mvm.product_generation.selection is 'Rule of which exposures the layer takes';
comment on column mvm.product_generation.file_path is 'Absolute path or URL at which it was published';
comment on column mvm.product_generation.file_sha256 is 'SHA-256 tree hash of the file, pieces of 1 MiB; of older revisions its plain SHA-256';
comment on column mvm.product_generation.file_size_bytes is 'Size of the file, bytes';
comment on column mvm.product_generation.published_at is 'When it became current, UTC';
comment on column mvm.product_generation.build_id is 'Build that made it (MVMBUILD)';
comment on column mvm.product_generation.started_at is 'Start of the build, UTC';
comment on column mvm.product_generation.finished_at is 'End of the build, UTC';
comment on column mvm.product_generation.host is 'Machine that built';
comment on column mvm.product_generation.process_id is 'Process that built';
comment on column mvm.product_generation.versions is 'Versions of the software that ran, by name';
comment on column mvm.product_generation.parameter_set is 'Named set the parameters come from';
comment on column mvm.product_generation.parameters is 'Drizzle parameters of the recipe, value by name';
comment on column mvm.product_generation.engine is 'Everything that computes pixels, by name and version';
comment on column mvm.product_generation.recipe_sha256 is 'SHA-256 of everything that determines the pixels';
comment on column mvm.product_generation.product_id is 'Number of the product''s revision';
comment on column mvm.product_generation.former_product_id is 'Number of the revision before it';
