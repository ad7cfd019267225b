-- What earlier builds say of the shipped estimate: by how much each of its parts is to be multiplied. Of one engine the
-- 200 newest builds of this machine count; of all machines, where this one has fewer than 5. Fewer than 3 say nothing.
-- First the whole estimate is multiplied by the median of what was measured over it, then its parts are by least squares.
-- Errors are relative, so that small builds count like large ones, and one that a busy machine made ten times slower
-- pulls no more than one that was a little too fast.
-- requires: views/build_cost, functions/cost_parts, functions/nonnegative_factors
create function mvm.cost_factors(engine text, host text)
returns table (
  quantity text, factors double precision[], n_builds bigint, of_this_host boolean, scatter double precision,
  most_input_pixels bigint
)
language sql stable parallel safe rows 4
begin atomic
  with of_host as materialized (
    select b.*
    from mvm.build_cost as b
    where b.engine = cost_factors.engine and b.host = cost_factors.host
    order by b.finished_at desc
    limit 200
  ),
  here as materialized (
    select count(*) >= 5 as enough from of_host
  ),
  of_all as (
    select b.*
    from mvm.build_cost as b
    where b.engine = cost_factors.engine and not (select here.enough from here)
    order by b.finished_at desc
    limit 200
  ),
  used as materialized (
    select of_host.* from of_host where (select here.enough from here)
    union all
    select of_all.* from of_all
  ),
  raw as materialized (
    select
      measured.quantity, used.n_input_pixels, part[1] / measured.amount as f1, part[2] / measured.amount as f2,
      part[3] / measured.amount as f3
    from used
    cross join lateral (
      values ('wall_s', used.wall_s), ('cpu_s', used.cpu_s), ('peak_memory_bytes', used.peak_memory_bytes),
        ('output_bytes', used.output_bytes)
    ) as measured (quantity, amount)
    cross join lateral mvm.cost_parts(
      measured.quantity, used.n_input_pixels, used.n_output_pixels, used.n_context_planes, used.n_threads
    ) as part
    where measured.amount > 0
  ),
  level as (
    select raw.quantity, percentile_cont(0.5) within group (order by 1 / (raw.f1 + raw.f2 + raw.f3)) as level
    from raw
    group by raw.quantity
  ),
  share as materialized (
    select
      raw.quantity, raw.n_input_pixels, level.level, level.level * raw.f1 as f1, level.level * raw.f2 as f2,
      level.level * raw.f3 as f3
    from raw
    join level on level.quantity = raw.quantity
  ),
  fit as (
    select
      s.quantity, s.level, count(*) as n_builds, max(s.n_input_pixels) as most_input_pixels,
      mvm.nonnegative_factors(
        sum(s.f1 * s.f1), sum(s.f1 * s.f2), sum(s.f1 * s.f3), sum(s.f2 * s.f2), sum(s.f2 * s.f3), sum(s.f3 * s.f3),
        sum(s.f1), sum(s.f2), sum(s.f3)
      ) as k
    from share as s
    group by s.quantity, s.level
    having count(*) >= 3
  )
  select
    wanted.quantity,
    case when fit.k is null then array[1, 1, 1]::double precision[]
      else array[fit.level * fit.k[1], fit.level * fit.k[2], fit.level * fit.k[3]]
    end,
    coalesce(fit.n_builds, 0), here.enough,
    (
      select sqrt(sum((fit.k[1] * s.f1 + fit.k[2] * s.f2 + fit.k[3] * s.f3 - 1) ^ 2) / greatest(fit.n_builds - 3, 1))
      from share as s
      where s.quantity = fit.quantity
    ),
    fit.most_input_pixels
  from here
  cross join unnest(array['wall_s', 'cpu_s', 'peak_memory_bytes', 'output_bytes']) as wanted (quantity)
  left join fit on fit.quantity = wanted.quantity;
end;

comment on function mvm.cost_factors is
  'Factors of the parts of mvm.cost_parts by the newest builds of an engine on a host, else on all; scatter: rms relative error of the fit; null and factors 1 where builds are too few';
