-- What it would take to build all that is missing or stale, per skycell, on one thread and one after the other. The fit is
-- made once for all of them.
-- requires: views/layer_status, functions/layer_work, functions/cost_factors, functions/cost_parts
create function mvm.unsettled_costs(engine text, host text)
returns table (skycell text, n_layers bigint, build_s double precision, build_bytes bigint)
language sql stable parallel safe rows 1000
begin atomic
  with factor as materialized (
    select f.quantity, f.factors
    from mvm.cost_factors(unsettled_costs.engine, unsettled_costs.host) as f
    where f.quantity in ('wall_s', 'output_bytes')
  ),
  unsettled as (
    select s.skycell, s.selection, array_agg(s.layer) as layers
    from mvm.layer_status as s
    where s.status <> 'current'
    group by s.skycell, s.selection
  ),
  expected as (
    select
      u.skycell, f.quantity, f.factors[1] * part[1] + f.factors[2] * part[2] + f.factors[3] * part[3] as amount
    from unsettled as u
    cross join lateral mvm.layer_work(u.skycell, u.selection) as w
    cross join factor as f
    cross join lateral mvm.cost_parts(f.quantity, w.n_input_pixels, w.n_output_pixels, w.n_context_planes, 1) as part
    where w.layer = any(u.layers)
  )
  select
    e.skycell,
    count(*) filter (where e.quantity = 'wall_s'),
    sum(e.amount) filter (where e.quantity = 'wall_s'),
    sum(e.amount) filter (where e.quantity = 'output_bytes')::bigint
  from expected as e
  group by e.skycell
  order by e.skycell;
end;

comment on function mvm.unsettled_costs is
  'Layers of each skycell that are missing or stale, the seconds that building them would take one after the other, and the bytes it would write';
