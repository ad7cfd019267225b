-- The products in force, with the build that made each and the number of its inputs.
create view mvm.current_product as
select
  p.product,
  p.skycell,
  p.layer,
  p.selection,
  p.revision,
  p.file_path,
  p.file_sha256,
  p.file_size_bytes,
  p.x0,
  p.y0,
  p.x1,
  p.y1,
  p.n_x_pix,
  p.n_y_pix,
  inputs.n_inputs,
  inputs.n_exposures,
  inputs.exptime_s,
  p.n_pixels_observed,
  p.coverage_fraction,
  p.mean_exptime_s,
  p.median_exptime_s,
  p.mean_n_exposures,
  p.median_n_exposures,
  p.mean_weight,
  p.median_weight,
  p.footprint_n_pixels_covered,
  p.footprint_coverage_fraction,
  p.footprint_mean_exptime_s,
  p.footprint_median_exptime_s,
  p.footprint_mean_n_exposures,
  p.footprint_median_n_exposures,
  p.sky,
  p.n_sky_groups,
  p.equalisation,
  p.photflam,
  b.parameter_set,
  b.parameter_overrides,
  b.recipe -> 'parameters' as parameters,
  to_char(p.published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as published_utc,
  p.build_id::text as build_id,
  b.recipe_sha256,
  b.host,
  b.versions,
  p.file_state,
  p.product_id
from mvm.product as p
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
) as inputs
where p.state = 'current';

comment on view mvm.current_product is 'Products in force, with their statistics and the build that made each';
comment on column mvm.current_product.product is 'File name';
comment on column mvm.current_product.skycell is 'Name of the skycell';
comment on column mvm.current_product.layer is 'Name of the layer';
comment on column mvm.current_product.selection is 'Rule of which exposures the layer takes';
comment on column mvm.current_product.revision is 'Counts the files published under this name, from 1';
comment on column mvm.current_product.file_path is 'Absolute path or URL of the file';
comment on column mvm.current_product.file_sha256 is 'SHA-256 tree hash of the file, pieces of 1 MiB; of older revisions its plain SHA-256';
comment on column mvm.current_product.file_size_bytes is 'Size of the file, bytes';
comment on column mvm.current_product.x0 is 'First column of the common subarray, 0-based fine pixels of the skycell';
comment on column mvm.current_product.y0 is 'First row of the common subarray, 0-based fine pixels of the skycell';
comment on column mvm.current_product.x1 is 'Column after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.current_product.y1 is 'Row after the last, 0-based fine pixels of the skycell (half-open)';
comment on column mvm.current_product.n_x_pix is 'Columns of the arrays at the layer''s own scale, pixels';
comment on column mvm.current_product.n_y_pix is 'Rows of the arrays at the layer''s own scale, pixels';
comment on column mvm.current_product.n_inputs is 'Number of chips that went in';
comment on column mvm.current_product.n_exposures is 'Number of exposures that went in';
comment on column mvm.current_product.exptime_s is 'Sum of the exposure times of the exposures, seconds';
comment on column mvm.current_product.n_pixels_observed is 'Pixels with positive weight';
comment on column mvm.current_product.coverage_fraction is 'NPIXFRAC: observed fraction of the full skycell';
comment on column mvm.current_product.mean_exptime_s is 'MEANEXPT: mean exposure time of observed pixels, seconds';
comment on column mvm.current_product.median_exptime_s is 'MEDEXPT: median exposure time of observed pixels, seconds';
comment on column mvm.current_product.mean_n_exposures is 'MEANNEXP: mean number of inputs of observed pixels';
comment on column mvm.current_product.median_n_exposures is 'MEDNEXP: median number of inputs of observed pixels';
comment on column mvm.current_product.mean_weight is 'MEANWHT: mean weight of observed pixels, seconds';
comment on column mvm.current_product.median_weight is 'MEDWHT: median weight of observed pixels, seconds';
comment on column mvm.current_product.footprint_n_pixels_covered is 'Pixels whose centre lies inside the outline of a chip';
comment on column mvm.current_product.footprint_coverage_fraction is 'Fraction of the full skycell inside the outlines of the chips';
comment on column mvm.current_product.footprint_mean_exptime_s is 'Mean exposure time of the pixels inside the outlines, seconds';
comment on column mvm.current_product.footprint_median_exptime_s is 'Median exposure time of the pixels inside the outlines, seconds';
comment on column mvm.current_product.footprint_mean_n_exposures is 'Mean number of chips of the pixels inside the outlines';
comment on column mvm.current_product.footprint_median_n_exposures is 'Median number of chips of the pixels inside the outlines';
comment on column mvm.current_product.sky is 'How the sky was matched: none, match to mean, match to faintest, or none: and why not';
comment on column mvm.current_product.n_sky_groups is 'Groups of overlapping exposures whose sky was matched';
comment on column mvm.current_product.equalisation is 'How the chips were scaled: none, photflam, or none: and why not';
comment on column mvm.current_product.photflam is 'Inverse sensitivity to which the chips were scaled, erg/s/cm2/Angstrom per e-/s';
comment on column mvm.current_product.parameter_set is 'Named set the parameters come from';
comment on column mvm.current_product.parameter_overrides is 'Parameters that replaced those of the set, value by name';
comment on column mvm.current_product.parameters is 'How the chips were combined';
comment on column mvm.current_product.published_utc is 'When it became current, ISO 8601, UTC';
comment on column mvm.current_product.build_id is 'Build that made it (MVMBUILD)';
comment on column mvm.current_product.recipe_sha256 is 'SHA-256 of everything that determines its pixels';
comment on column mvm.current_product.host is 'Machine that built it';
comment on column mvm.current_product.versions is 'Versions of the software that built it';
comment on column mvm.current_product.file_state is 'in_place, lost or damaged, when its file was last checked';
comment on column mvm.current_product.product_id is 'Number of the product''s revision';
