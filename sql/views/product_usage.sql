-- Which exposure files each revision of each product was made from, one row per file however many chips it has.
-- requires: functions/dataset_id
create view mvm.product_usage as
select
  p.product,
  p.revision,
  e.rootname as exposure,
  e.revision as exposure_revision,
  mvm.dataset_id('exposure', e.rootname, e.revision) as dataset_id,
  e.file_path,
  e.file_sha256,
  used.n_chips,
  used.n_pixels_contributed,
  used.context_index,
  p.product_id,
  e.exposure_id
from mvm.product as p
cross join lateral (
  select
    i.exposure_id,
    count(*) as n_chips,
    sum(i.n_pixels_contributed)::bigint as n_pixels_contributed,
    min(i.context_index) as context_index
  from mvm.product_input as i
  where i.product_id = p.product_id
  group by i.exposure_id
) as used
join mvm.exposure as e on e.exposure_id = used.exposure_id
where p.published_at is not null;

comment on view mvm.product_usage is 'Exposure files that every revision of every product was made from';
comment on column mvm.product_usage.product is 'File name of the product';
comment on column mvm.product_usage.revision is 'Revision of the product';
comment on column mvm.product_usage.exposure is 'Root name of the exposure';
comment on column mvm.product_usage.exposure_revision is 'Revision of the exposure that was used';
comment on column mvm.product_usage.dataset_id is 'IVOA identifier of that revision of the exposure, as in ivoa.obscore';
comment on column mvm.product_usage.file_path is 'File of the exposure';
comment on column mvm.product_usage.file_sha256 is 'SHA-256 of the uncompressed FITS bytes of that file';
comment on column mvm.product_usage.n_chips is 'Number of its chips that went in';
comment on column mvm.product_usage.n_pixels_contributed is 'Pixels of the product that hold light of the exposure, summed over its chips';
comment on column mvm.product_usage.context_index is 'Place of its first chip in the drizzle order, from 0';
comment on column mvm.product_usage.product_id is 'Number of the product''s revision';
comment on column mvm.product_usage.exposure_id is 'Number of the exposure''s revision';
