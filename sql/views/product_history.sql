-- Every file that was ever published, and how long each was in force. A layer has one current product, whatever its
-- file name (drc becomes drz when the last FLC leaves), so a revision ends when the next one of its layer begins, or when it is retired.
create view mvm.product_history as
select
  p.product,
  p.skycell,
  p.layer,
  p.selection,
  p.revision,
  p.state,
  p.published_at,
  p.superseded_at,
  inputs.n_inputs,
  inputs.n_exposures,
  inputs.exptime_s,
  p.x0,
  p.y0,
  p.x1,
  p.y1,
  p.n_x_pix,
  p.n_y_pix,
  p.n_pixels_observed,
  p.coverage_fraction,
  p.file_path,
  p.file_sha256,
  p.file_size_bytes,
  p.file_state,
  p.file_state_since,
  p.pinned_by,
  p.pinned_at,
  b.parameter_set,
  b.recipe_sha256,
  b.host,
  b.versions,
  p.build_id::text as build_id,
  p.product_id
from (
  select
    published.product_id, published.build_id, published.product, published.skycell, published.layer,
    published.selection, published.revision, published.state, published.published_at, published.x0, published.y0,
    published.x1, published.y1, published.n_x_pix, published.n_y_pix, published.n_pixels_observed,
    published.coverage_fraction, published.file_path, published.file_sha256, published.file_size_bytes,
    published.file_state, published.file_state_since, published.pinned_by, published.pinned_at,
    coalesce(
      published.retired_at,
      lead(published.published_at) over (
        partition by published.skycell, published.layer, published.selection
        order by published.published_at, published.product_id
      )
    ) as superseded_at
  from mvm.product as published
  where published.published_at is not null
) as p
join mvm.build as b on b.build_id = p.build_id
cross join lateral (
  select sum(e.n_inputs)::bigint as n_inputs, count(*) as n_exposures, sum(e.exptime_s) as exptime_s
  from (
    select i.exposure_id, e.exptime_s, count(*) as n_inputs
    from mvm.product_input as i
    join mvm.exposure as e on e.exposure_id = i.exposure_id
    where i.product_id = p.product_id
    group by i.exposure_id, e.exptime_s
  ) as e
) as inputs;

comment on view mvm.product_history is 'Every revision of every product, with the time during which it was in force';
comment on column mvm.product_history.product is 'File name';
comment on column mvm.product_history.skycell is 'Name of the skycell';
comment on column mvm.product_history.layer is 'Name of the layer';
comment on column mvm.product_history.selection is 'Rule of which exposures the layer takes';
comment on column mvm.product_history.revision is 'Counts the files published under this name, from 1';
comment on column mvm.product_history.state is 'current, superseded by a later revision, or retired: taken out of the products without one';
comment on column mvm.product_history.published_at is 'When it became current, UTC';
comment on column mvm.product_history.superseded_at is 'When the next product of its layer became current, or when it was retired, UTC; null while it is current';
comment on column mvm.product_history.n_inputs is 'Number of chips that went in';
comment on column mvm.product_history.n_exposures is 'Number of exposures that went in';
comment on column mvm.product_history.exptime_s is 'Sum of the exposure times of the exposures, seconds';
comment on column mvm.product_history.x0 is 'First column of the common subarray, 0-based fine pixels of the skycell';
comment on column mvm.product_history.y0 is 'First row of the common subarray, 0-based fine pixels of the skycell';
comment on column mvm.product_history.x1 is 'Column after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.product_history.y1 is 'Row after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.product_history.n_x_pix is 'Columns of the arrays at the layer''s own scale, pixels';
comment on column mvm.product_history.n_y_pix is 'Rows of the arrays at the layer''s own scale, pixels';
comment on column mvm.product_history.n_pixels_observed is 'Pixels with positive weight';
comment on column mvm.product_history.coverage_fraction is 'NPIXFRAC: observed fraction of the full skycell';
comment on column mvm.product_history.file_path is 'Absolute path or URL of the file; where it lay until it was pruned, if it has been';
comment on column mvm.product_history.file_sha256 is 'SHA-256 tree hash of the file, which tells this revision from another at the same path; of older ones the plain one';
comment on column mvm.product_history.file_size_bytes is 'Size of the file, bytes';
comment on column mvm.product_history.file_state is 'in_place, lost or damaged, when its file was last checked; or pruned: removed by the rules of retention';
comment on column mvm.product_history.file_state_since is 'When a check first found this or the file was pruned, UTC; null where nothing changed it';
comment on column mvm.product_history.pinned_by is 'Who wants the file kept whatever the rules; null for nobody';
comment on column mvm.product_history.pinned_at is 'When it was pinned, UTC; null if it is not';
comment on column mvm.product_history.parameter_set is 'Named set the parameters come from, and what was overridden';
comment on column mvm.product_history.recipe_sha256 is 'SHA-256 of everything that determines its pixels';
comment on column mvm.product_history.host is 'Machine that built it';
comment on column mvm.product_history.versions is 'Versions of the software that built it';
comment on column mvm.product_history.build_id is 'Build that made it (MVMBUILD)';
comment on column mvm.product_history.product_id is 'Number of the product''s revision';
