-- Whose decisions took out of a product what the revision before it still held: the withdrawals in force when its build
-- began, of exposures that went into the former revision and not into this one.
-- requires: views/product_generation, views/product_usage
create view mvm.product_withdrawal as
select
  g.product,
  g.revision,
  w.withdrawal_id,
  former.exposure,
  former.dataset_id,
  w.skycell,
  w.reason,
  w.withdrawn_by,
  w.withdrawn_at,
  g.product_id
from mvm.product_generation as g
join mvm.product_usage as former on former.product_id = g.former_product_id
join mvm.withdrawal as w
  on w.rootname = former.exposure
  and (w.skycell is null or w.skycell = g.skycell)
  and w.withdrawn_at <= g.started_at
  and (w.restored_at is null or w.restored_at > g.started_at)
where not exists (
  select
  from mvm.product_usage as still
  where still.product_id = g.product_id and still.exposure = former.exposure
);

comment on view mvm.product_withdrawal is 'Withdrawals that took an exposure out of a product: in the revision before it, not in it';
comment on column mvm.product_withdrawal.product is 'File name of the product';
comment on column mvm.product_withdrawal.revision is 'First revision without the exposure';
comment on column mvm.product_withdrawal.withdrawal_id is 'Number of the withdrawal';
comment on column mvm.product_withdrawal.exposure is 'Root name of the exposure';
comment on column mvm.product_withdrawal.dataset_id is 'IVOA identifier of the revision of the exposure that the former product held';
comment on column mvm.product_withdrawal.skycell is 'The skycell from whose layers it was withdrawn; null for all';
comment on column mvm.product_withdrawal.reason is 'Why, in words';
comment on column mvm.product_withdrawal.withdrawn_by is 'Who withdrew it';
comment on column mvm.product_withdrawal.withdrawn_at is 'When, UTC';
comment on column mvm.product_withdrawal.product_id is 'Number of the product''s revision';
