-- The files that the rules of retention do not keep: superseded, not pinned, neither among the newest former revisions
-- nor young. What is lost or damaged does not count as one of the newest, so that it pushes no sound file out. A retired
-- product has no successor to be compared with: its own file goes at once, unless it is pinned.
-- requires: functions/retention
create view mvm.prunable_product as
select
  former.product,
  former.skycell,
  former.layer,
  former.selection,
  former.revision,
  former.file_path,
  former.file_size_bytes,
  former.file_state,
  former.superseded_at,
  former.n_newer,
  rule.keep_newest,
  rule.keep_days,
  former.product_id
from (
  select
    p.product_id, p.product, p.skycell, p.layer, p.selection, p.revision, p.state, p.file_path, p.file_size_bytes,
    p.file_state, p.pinned_at,
    coalesce(p.retired_at, lead(p.published_at) over layers) as superseded_at,
    count(*) filter (where p.state = 'superseded' and p.file_state = 'in_place') over (
      layers rows between 1 following and unbounded following
    ) as n_newer
  from mvm.product as p
  where p.published_at is not null
  window layers as (partition by p.skycell, p.layer, p.selection order by p.published_at, p.product_id)
) as former
cross join lateral mvm.retention(former.skycell, former.layer) as rule
where former.file_state in ('in_place', 'damaged')
  and former.pinned_at is null
  and (
    former.state = 'retired'
    or former.state = 'superseded'
    and former.n_newer >= rule.keep_newest
    and former.superseded_at < now() - rule.keep_days * interval '1 day'
  );

comment on view mvm.prunable_product is 'Former revisions whose files no rule of retention keeps, and retired products';
comment on column mvm.prunable_product.product is 'File name of the product';
comment on column mvm.prunable_product.skycell is 'Name of the skycell';
comment on column mvm.prunable_product.layer is 'Name of the layer';
comment on column mvm.prunable_product.selection is 'Rule of which exposures the layer takes';
comment on column mvm.prunable_product.revision is 'Revision of the product';
comment on column mvm.prunable_product.file_path is 'Absolute path or URL of the file';
comment on column mvm.prunable_product.file_size_bytes is 'Size of the file, bytes';
comment on column mvm.prunable_product.file_state is 'in_place or damaged, when the file was last checked';
comment on column mvm.prunable_product.superseded_at is 'When the next product of its layer became current, or when it was retired, UTC';
comment on column mvm.prunable_product.n_newer is 'Number of newer former revisions of the layer whose files are in place';
comment on column mvm.prunable_product.keep_newest is 'Number of the newest former revisions that the rule in force keeps';
comment on column mvm.prunable_product.keep_days is 'Days for which the rule in force keeps a former revision';
comment on column mvm.prunable_product.product_id is 'Number of the product''s revision';
