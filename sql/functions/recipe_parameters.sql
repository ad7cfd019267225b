-- The parameters that a build of a layer would put into its recipe: what the engine does by itself, over it what the
-- set gives, over both what was asked for by name.
-- requires: functions/layer_parameters
create function mvm.recipe_parameters(
  skycell text, layer text, parameter_set text default 'mvmdb', overrides jsonb default '{}', selection text default 'all'
)
returns jsonb
language sql stable parallel safe
return (
  select
    e.default_parameters
    || coalesce(
      (
        select jsonb_object_agg(p.parameter, p.value)
        from mvm.layer_parameters(
          recipe_parameters.skycell, recipe_parameters.layer, recipe_parameters.parameter_set, recipe_parameters.selection
        ) as p
      ),
      '{}'
    )
    || recipe_parameters.overrides
  from mvm.engine as e
  where exists (select from mvm.parameter_set as s where s.parameter_set = recipe_parameters.parameter_set)
);

comment on function mvm.recipe_parameters is
  'Every drizzle parameter of a layer by a named set and overrides, as its recipe has them; null for an unknown set';
