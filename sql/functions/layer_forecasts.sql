-- What a build of each layer of a skycell would take, for lists of what is to be built; a plan asks mvm.forecast with its
-- own numbers, which know of an ERR extension and of the last row and column of coarse layers.
-- requires: functions/layer_work, functions/forecast
create function mvm.layer_forecasts(skycell text, engine text, host text, selection text default 'all')
returns table (
  layer text, wall_s double precision, wall_scatter double precision, cpu_s double precision, peak_memory_bytes bigint,
  memory_scatter double precision, output_bytes bigint, n_builds bigint, of_this_host boolean,
  n_times_larger double precision
)
language sql stable parallel safe rows 10
begin atomic
  select w.layer, f.*
  from mvm.layer_work(layer_forecasts.skycell, layer_forecasts.selection) as w
  cross join lateral mvm.forecast(
    layer_forecasts.engine, layer_forecasts.host, w.n_input_pixels, w.n_output_pixels, w.n_context_planes
  ) as f;
end;

comment on function mvm.layer_forecasts is 'mvm.forecast of each layer of a skycell, on one thread';
