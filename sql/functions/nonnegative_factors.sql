-- Least squares for three factors k >= 0: the least sum of (k1 f1 + k2 f2 + k3 f3 - 1)^2 over builds, f their parts of
-- an estimate over what was measured, plus 0.01 (k - 1)^2 for each factor. That is the estimate as one
-- observation more: relative errors of builds are about 0.3, and it is good to a factor of 3, hence (0.3 / 3)^2. It
-- decides what the builds do not tell, so that three builds of one size are enough. The eight choices of factors that
-- may differ from 0 are solved by Cramer's rule; the best of those without a negative factor is the answer.
create function mvm.nonnegative_factors(
  s11 double precision, s12 double precision, s13 double precision, s22 double precision, s23 double precision,
  s33 double precision, s1 double precision, s2 double precision, s3 double precision
)
returns double precision[]
language sql immutable strict parallel safe
begin atomic
  with system as (
    select
      case m1 when 1 then s11 + 0.01 else 1 end as a, m1 * m2 * s12 as b, m1 * m3 * s13 as c,
      case m2 when 1 then s22 + 0.01 else 1 end as d, m2 * m3 * s23 as e,
      case m3 when 1 then s33 + 0.01 else 1 end as f,
      m1 * (s1 + 0.01) as x, m2 * (s2 + 0.01) as y, m3 * (s3 + 0.01) as z
    from generate_series(0, 1) as m1, generate_series(0, 1) as m2, generate_series(0, 1) as m3
  ),
  solved as (
    select
      x, y, z,
      (x * (d * f - e * e) - b * (y * f - e * z) + c * (y * e - d * z)) / det as k1,
      (a * (y * f - e * z) - x * (b * f - c * e) + c * (b * z - y * c)) / det as k2,
      (a * (d * z - y * e) - b * (b * z - y * c) + x * (b * e - c * d)) / det as k3
    from system
    cross join lateral (select a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d) as det) as determinant
  )
  select array[k1, k2, k3]
  from solved
  where least(k1, k2, k3) >= 0
  order by k1 * x + k2 * y + k3 * z desc
  limit 1;
end;

comment on function mvm.nonnegative_factors is
  'Factors of the three parts of an estimate, from sums over builds: s11 ... of products of parts, s1 ... of parts, each part over what was measured';
