-- The chips that make a layer, in drizzle order: by time, then root name and chip, so that what arrives later mostly
-- comes last. A chip that misses the skycell while its exposure reaches it is no input.
-- requires: functions/layer_members, functions/reaches_skycell
create function mvm.layer_inputs(skycell text, layer text, selection text default 'all')
returns table (
  context_index integer, exposure text, chip integer, exposure_id integer, revision integer, exptime_s double precision,
  start_mjd double precision, end_mjd double precision, wcsname text, hdu_index integer, pixel_scale_arcsec double precision,
  bunit text, gain_e_per_dn double precision, photflam double precision, file_path text, file_type text, file_sha256 text
)
language sql stable parallel safe rows 100
begin atomic
  select
    (row_number() over (order by m.start_mjd, m.exposure, c.chip) - 1)::integer,
    m.exposure, c.chip, m.exposure_id, m.revision, m.exptime_s,
    m.start_mjd, m.end_mjd, c.wcsname, c.hdu_index, c.pixel_scale_arcsec,
    c.bunit, c.gain_e_per_dn, c.photflam, e.file_path, e.file_type, e.file_sha256
  from mvm.layer_members(layer_inputs.skycell, layer_inputs.selection) as m
  join mvm.exposure as e on e.exposure_id = m.exposure_id
  join mvm.placement as p on p.exposure_id = m.exposure_id and p.projection_cell = m.projection_cell
  join mvm.chip as c on c.exposure_id = m.exposure_id
  where m.layer = lower(layer_inputs.layer)
    and mvm.reaches_skycell(ST_GeometryN(p.shape, c.part), m.x, m.y)
  order by 1;
end;

comment on function mvm.layer_inputs is
  'Chips of a layer in drizzle order; context_index k is bit k % 32 of context plane k / 32 of its product; file columns are null while an exposure is known by its footprint alone';
