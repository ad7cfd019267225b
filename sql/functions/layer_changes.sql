-- What makes the product of a layer stale, row by row: what it was made of against what a build would take now.
-- Parameters and engine are those that are asked for; left out, those by which the product's own parameter set and
-- overrides would be built today, and the engine that is registered.
-- A rule of a selection that has changed is told beside the inputs that come and go with it.
-- requires: functions/layer_inputs, functions/skycell_extent, functions/recipe_parameters, functions/selection_changes
create function mvm.layer_changes(
  skycell text, layer text, selection text default 'all', parameters jsonb default null, engine text default null
)
returns table (reason text, exposure text, chip integer, before text, after text, since timestamptz)
language sql stable parallel safe rows 10
begin atomic
  with made as (
    select
      p.product_id, p.x0, p.y0, p.x1, p.y1, p.file_path, p.file_state, p.file_state_since,
      b.recipe, b.parameter_set, b.parameter_overrides
    from mvm.product as p
    join mvm.build as b on b.build_id = p.build_id
    where p.skycell = lower(right(layer_changes.skycell, 11))
      and p.layer = lower(layer_changes.layer)
      and p.selection = layer_changes.selection
      and p.state = 'current'
  ),
  used as (
    select e.rootname as exposure, i.chip::integer as chip, e.file_sha256, e.standing_since
    from made
    join mvm.product_input as i on i.product_id = made.product_id
    join mvm.exposure as e on e.exposure_id = i.exposure_id
  ),
  wanted as (
    select i.exposure, i.chip, i.file_sha256, e.standing_since
    from mvm.layer_inputs(layer_changes.skycell, layer_changes.layer, layer_changes.selection) as i
    join mvm.exposure as e on e.exposure_id = i.exposure_id
    where exists (select from made)
  ),
  rule as (
    select c.before, c.after, c.since
    from made
    cross join lateral mvm.selection_changes(
      layer_changes.selection, layer_changes.skycell, layer_changes.layer, made.recipe -> 'selection_rule'
    ) as c
    where layer_changes.selection <> 'all'
  )
  select
    case
      when u.exposure is null then 'input_added'
      when w.exposure is null then 'input_removed'
      else 'input_revised'
    end as reason,
    coalesce(w.exposure, u.exposure) as exposure,
    coalesce(w.chip, u.chip) as chip,
    u.file_sha256 as before,
    w.file_sha256 as after,
    greatest(
      coalesce(w.standing_since, u.standing_since),
      (
        -- Withdrawals from this skycell leave the standing of the exposure alone.
        select max(greatest(x.withdrawn_at, x.restored_at))
        from mvm.withdrawal as x
        where x.rootname = coalesce(w.exposure, u.exposure) and x.skycell = lower(right(layer_changes.skycell, 11))
      ),
      (select max(rule.since) from rule)
    ) as since
  from used as u
  full join wanted as w on w.exposure = u.exposure and w.chip = u.chip
  where w.file_sha256 is distinct from u.file_sha256
  union all
  select 'layer_empty', null, null, count(*) || ' chips', null, null
  from used
  where not exists (select from wanted)
  having count(*) > 0
  union all
  select 'selection_changed', null, null, rule.before, rule.after, rule.since
  from rule
  union all
  select
    'extent_changed', null, null,
    format('%s %s %s %s', made.x0, made.y0, made.x1, made.y1),
    case when e.x0 is not null then format('%s %s %s %s', e.x0, e.y0, e.x1, e.y1) end,
    (
      -- The first extent after the last one that the product has.
      select min(r.recorded_at)
      from mvm.extent_revision as r
      where r.projection_cell = key.projection_cell and r.x = key.x and r.y = key.y
        and r.revision > coalesce(
          (
            select max(o.revision)
            from mvm.extent_revision as o
            where o.projection_cell = key.projection_cell and o.x = key.x and o.y = key.y
              and (o.x0, o.y0, o.x1, o.y1) = (made.x0, made.y0, made.x1, made.y1)
          ),
          0
        )
    )
  from made
  cross join mvm.skycell_key(layer_changes.skycell) as key
  left join mvm.skycell_extent(layer_changes.skycell) as e on true
  where (e.x0, e.y0, e.x1, e.y1) is distinct from (made.x0, made.y0, made.x1, made.y1)
  union all
  select
    'parameters_changed', null, null,
    coalesce(b.key, a.key) || '=' || b.value::text,
    coalesce(b.key, a.key) || '=' || a.value::text,
    null
  from made
  cross join lateral (
    select
      coalesce(
        layer_changes.parameters,
        mvm.recipe_parameters(
          layer_changes.skycell, layer_changes.layer, made.parameter_set, made.parameter_overrides, layer_changes.selection
        ),
        '{}'
      ) as parameters
    offset 0  -- once per product
  ) as now
  cross join lateral (
    select key from jsonb_object_keys(made.recipe -> 'parameters') as key
    union
    select key from jsonb_object_keys(now.parameters) as key
  ) as name
  left join lateral (select name.key, made.recipe -> 'parameters' -> name.key as value) as b on b.value is not null
  left join lateral (select name.key, now.parameters -> name.key as value) as a on a.value is not null
  where a.value is distinct from b.value
  union all
  select
    'engine_changed', null, null, made.recipe ->> 'engine', now.engine,
    case when now.engine = registered.engine then registered.registered_at end
  from made
  cross join mvm.engine as registered
  cross join lateral (select coalesce(layer_changes.engine, registered.engine) as engine) as now
  where now.engine is distinct from made.recipe ->> 'engine'
  union all
  select 'product_' || made.file_state, null, null, made.file_path, null, made.file_state_since
  from made
  where made.file_state <> 'in_place'
  order by 1, 2, 3, 4;
end;

comment on function mvm.layer_changes is
  'What makes the product of a layer stale: the reason, the chip that causes it, what the product has and what a build would take now, and since when; since is null for parameters, whose changes are not dated; no rows where the product is current or missing';
