-- What a build would take, from what builds of the same engine took.
-- requires: functions/cost_factors, functions/cost_parts
create function mvm.forecast(
  engine text, host text, n_input_pixels bigint, n_output_pixels bigint, n_context_planes integer,
  n_threads integer default 1
)
returns table (
  wall_s double precision, wall_scatter double precision, cpu_s double precision, peak_memory_bytes bigint,
  memory_scatter double precision, output_bytes bigint, n_builds bigint, of_this_host boolean, n_times_larger double precision
)
language sql stable parallel safe rows 1
begin atomic
  with expected as (
    select
      f.quantity, f.factors[1] * part[1] + f.factors[2] * part[2] + f.factors[3] * part[3] as amount, f.scatter,
      f.n_builds, f.of_this_host, f.most_input_pixels
    from mvm.cost_factors(forecast.engine, forecast.host) as f
    cross join lateral mvm.cost_parts(
      f.quantity, forecast.n_input_pixels, forecast.n_output_pixels, forecast.n_context_planes, forecast.n_threads
    ) as part
  )
  select
    max(e.amount) filter (where e.quantity = 'wall_s'),
    max(e.scatter) filter (where e.quantity = 'wall_s'),
    max(e.amount) filter (where e.quantity = 'cpu_s'),
    max(e.amount) filter (where e.quantity = 'peak_memory_bytes')::bigint,
    max(e.scatter) filter (where e.quantity = 'peak_memory_bytes'),
    max(e.amount) filter (where e.quantity = 'output_bytes')::bigint,
    max(e.n_builds) filter (where e.quantity = 'wall_s'),
    bool_and(e.of_this_host),
    forecast.n_input_pixels / nullif(max(e.most_input_pixels) filter (where e.quantity = 'wall_s'), 0)::double precision
  from expected as e;
end;

comment on function mvm.forecast is
  'Seconds, own memory and file size that a build would take, in bytes; the rms relative errors over the n_builds builds behind it (0: the shipped estimate); n_times_larger: its input over that of the largest of them';
