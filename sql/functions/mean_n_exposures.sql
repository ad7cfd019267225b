-- The mean number of chips over the part of a skycell that a layer covers: the sum of the areas of the chips over the
-- area of their union. It is what MEANNEXP converges to for small pixels.
-- requires: functions/layer_inputs, functions/skycell_box, functions/skycell_key
create function mvm.mean_n_exposures(skycell text, layer text, selection text default 'all')
returns double precision
language sql stable parallel safe
begin atomic
  select sum(ST_Area(chip.shape)) / nullif(ST_Area(ST_Union(chip.shape)), 0)
  from (
    select ST_ClipByBox2D(ST_GeometryN(p.shape, c.part), mvm.skycell_box(key.x, key.y)::box2d) as shape
    from mvm.skycell_key(mean_n_exposures.skycell) as key
    cross join mvm.layer_inputs(mean_n_exposures.skycell, mean_n_exposures.layer, mean_n_exposures.selection) as i
    join mvm.placement as p on p.exposure_id = i.exposure_id and p.projection_cell = key.projection_cell
    join mvm.chip as c on c.exposure_id = i.exposure_id and c.chip = i.chip
  ) as chip;
end;

comment on function mvm.mean_n_exposures is
  'Mean number of chips over the area that a layer covers, from outlines; null where the layer has no exposures';
