-- The drizzle parameters that a set gives to one layer, each with its source. Of the rules that apply, the one with
-- the highest position decides.
-- requires: functions/mean_n_exposures
create function mvm.layer_parameters(
  skycell text, layer text, parameter_set text default 'mvmdb', selection text default 'all'
)
returns table (parameter text, value jsonb, source text)
language sql stable parallel safe rows 10
begin atomic
  select distinct on (r.parameter) r.parameter, r.value, r.source
  from mvm.parameter_rule as r
  cross join lateral (
    -- Outlines are only looked at for rules that depend on them.
    select
      case when r.min_mean_n_exposures is not null or r.below_mean_n_exposures is not null
        then (select mvm.mean_n_exposures(layer_parameters.skycell, layer_parameters.layer, layer_parameters.selection))
      end as n
  ) as mean
  where r.parameter_set = layer_parameters.parameter_set
    and (r.instrument is null or r.instrument = split_part(layer_parameters.layer, '_', 1)::citext)
    and (r.detector is null or r.detector = split_part(layer_parameters.layer, '_', 2)::citext)
    and (r.filters is null or lower(split_part(layer_parameters.layer, '_', 3)) = any(r.filters))
    and (r.min_mean_n_exposures is null or mean.n >= r.min_mean_n_exposures)
    and (r.below_mean_n_exposures is null or mean.n < r.below_mean_n_exposures)
  order by r.parameter, r.position desc;
end;

comment on function mvm.layer_parameters is
  'Drizzle parameters of a layer by a named set, with the source of each value; no rows for an unknown set';
