-- How the layers of one skycell stand to their products, by index. What has a product is compared with what a build
-- would do now; of a layer without one only the depth is looked up. Without a selection it tells the layers of all, and
-- of the others those that have a product; with one, every layer in which that selection takes an exposure.
-- requires: functions/layer_members, functions/selection_depth, functions/layer_changes
create function mvm.layer_statuses(skycell text, selection text default null)
returns table (
  skycell text, layer text, selection text, status text, reasons text[], product text, since timestamptz,
  n_changes bigint, n_exposures bigint, exptime_s double precision, parameter_set text, parameter_overrides jsonb,
  product_id integer
)
language sql stable parallel safe rows 10
begin atomic
  with made as (
    select p.product_id, p.product, p.layer, p.selection, p.published_at, b.parameter_set, b.parameter_overrides
    from mvm.product as p
    join mvm.build as b on b.build_id = p.build_id
    where p.skycell = lower(right(layer_statuses.skycell, 11))
      and p.state = 'current'
      and p.selection = coalesce(layer_statuses.selection, p.selection)
  ),
  member as (
    select
      m.layer::text as layer, m.selection, count(*) as n_exposures, sum(m.exptime_s) as exptime_s,
      min(e.standing_since) as since
    from mvm.layer_members(layer_statuses.skycell, coalesce(layer_statuses.selection, 'all')) as m
    join mvm.exposure as e on e.exposure_id = m.exposure_id
    group by m.layer::text, m.selection
    union all
    select made.layer, made.selection, depth.n_exposures, depth.exptime_s, depth.since
    from made
    cross join lateral mvm.selection_depth(layer_statuses.skycell, made.layer, made.selection) as depth
    where layer_statuses.selection is null and made.selection <> 'all'
  ),
  change as (
    select
      made.product_id, array_agg(distinct c.reason order by c.reason) as reasons, count(*) as n_changes,
      min(c.since) as since
    from made
    cross join lateral mvm.layer_changes(layer_statuses.skycell, made.layer, made.selection) as c
    group by made.product_id
  )
  select
    lower(right(layer_statuses.skycell, 11)),
    coalesce(member.layer, made.layer),
    coalesce(member.selection, made.selection),
    case when made.product_id is null then 'missing' when change.product_id is null then 'current' else 'stale' end,
    coalesce(change.reasons, '{}'),
    made.product,
    case
      when made.product_id is null then member.since
      when change.product_id is null then made.published_at
      else change.since
    end,
    coalesce(change.n_changes, 0),
    coalesce(member.n_exposures, 0),
    coalesce(member.exptime_s, 0),
    made.parameter_set,
    made.parameter_overrides,
    made.product_id
  from member
  full join made on made.layer = member.layer and made.selection = member.selection
  left join change on change.product_id = made.product_id
  order by 2, 3;
end;

comment on function mvm.layer_statuses is 'The rows of mvm.layer_status for one skycell; with a selection, of it alone, also where it has no product';
