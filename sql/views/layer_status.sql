-- Which layers are missing, current or stale, and why; of one skycell mvm.layer_statuses tells it by index.
-- A layer whose last exposure has gone stays here as long as it has a product, and so do selections other than all.
-- requires: functions/layer_statuses, views/skycell_member
create view mvm.layer_status as
select s.*
from (
  select m.skycell from mvm.skycell_member as m
  union
  select p.skycell from mvm.product as p where p.state = 'current'
) as cell
cross join lateral mvm.layer_statuses(cell.skycell) as s;

comment on view mvm.layer_status is 'Whether each layer has a product that a build would make again, and why not';
comment on column mvm.layer_status.skycell is 'Name of the skycell';
comment on column mvm.layer_status.layer is 'Name of the layer';
comment on column mvm.layer_status.selection is 'Rule of which exposures the layer takes';
comment on column mvm.layer_status.status is 'missing (no product), current, or stale';
comment on column mvm.layer_status.reasons is 'Why it is stale: input_added, input_removed, input_revised, extent_changed, parameters_changed, selection_changed, engine_changed, layer_empty, product_lost, product_damaged';
comment on column mvm.layer_status.product is 'File name of its product; null when missing';
comment on column mvm.layer_status.since is 'Since when it is so, UTC; null where only parameters have changed, which is not dated';
comment on column mvm.layer_status.n_changes is 'Number of rows of mvm.layer_changes behind the reasons';
comment on column mvm.layer_status.n_exposures is 'Number of exposures that a build would take now';
comment on column mvm.layer_status.exptime_s is 'Sum of their exposure times, seconds';
comment on column mvm.layer_status.parameter_set is 'Parameter set the product was made with; null when missing';
comment on column mvm.layer_status.parameter_overrides is 'Parameters that replaced those of the set, value by name; null when missing';
comment on column mvm.layer_status.product_id is 'Number of the product''s revision; null when missing';
