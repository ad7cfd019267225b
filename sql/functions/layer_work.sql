-- How much there is to draw in each layer of a skycell. A chip counts with the part of its pixels that lies in the
-- skycell, by area. A chip whose file nobody has seen counts by its area alone: in pixels of 0.12 arcsec where its
-- detector is also combined at that scale, else of 0.04 arcsec. The output of coarse layers is told to a row and a column.
-- requires: functions/layer_members, functions/reaches_skycell, functions/skycell_box, functions/skycell_extent
create function mvm.layer_work(skycell text, selection text default 'all')
returns table (
  layer text, n_inputs bigint, n_input_pixels bigint, n_output_pixels bigint, n_context_planes integer
)
language sql stable parallel safe rows 10
begin atomic
  with input as (
    select m.layer::text as layer, m.scale, count(*) as n_inputs, sum(size.n_pixels * inside.share) as n_pixels
    from mvm.layer_members(layer_work.skycell, layer_work.selection) as m
    join mvm.placement as p on p.exposure_id = m.exposure_id and p.projection_cell = m.projection_cell
    join mvm.chip as c on c.exposure_id = m.exposure_id
    cross join lateral (select ST_GeometryN(p.shape, c.part) as shape offset 0) as chip
    cross join lateral (
      select
        ST_Area(ST_ClipByBox2D(chip.shape, mvm.skycell_box(m.x, m.y)::box2d)) / nullif(ST_Area(chip.shape), 0) as share
    ) as inside
    cross join lateral (
      select
        coalesce(
          c.n_x_pix::double precision * c.n_y_pix,
          ST_Area(chip.shape) / (
            select case when bool_or(s.scale = 'coarse') then 9 else 1 end
            from mvm.layer_scale as s
            where s.instrument = m.instrument and s.detector = m.detector
          )
        ) as n_pixels
    ) as size
    where mvm.reaches_skycell(chip.shape, m.x, m.y)
    group by m.layer::text, m.scale
  )
  select
    input.layer, input.n_inputs, input.n_pixels::bigint,
    case input.scale
      when 'coarse' then ((e.x1 - e.x0 + 2) / 3)::bigint * ((e.y1 - e.y0 + 2) / 3)
      else (e.x1 - e.x0)::bigint * (e.y1 - e.y0)
    end,
    ((input.n_inputs + 31) / 32)::integer
  from input
  cross join mvm.skycell_extent(layer_work.skycell) as e
  order by 1;
end;

comment on function mvm.layer_work is
  'What a build of each layer of a skycell would have to do: chips, pixels of them in the skycell, pixels of one array, planes of the context image';
