-- The chips that reach a skycell, whole, in pixels of the skycell: what a map draws and a depth map adds up.
-- requires: views/skycell_member, functions/layer_members, functions/skycell_box, functions/skycell_key
create function mvm.skycell_footprints(skycell text, layer text default null, selection text default 'all')
returns table (
  exposure text, chip integer, instrument citext, detector citext, filter citext, exptime_s double precision,
  start_mjd double precision, exposure_id integer, revision integer, shape geometry
)
language sql stable parallel safe rows 100
begin atomic
  select
    e.rootname, c.chip, e.instrument, e.detector, e.filter, e.exptime_s,
    e.start_mjd, e.exposure_id, e.revision, ST_Translate(part.geom, -(m.x - 1) * 21442, -(m.y - 1) * 21442)
  from mvm.skycell_member as m
  join mvm.exposure as e on e.exposure_id = m.exposure_id
  cross join lateral ST_Dump(m.shape) as part
  left join mvm.chip as c on c.exposure_id = m.exposure_id and c.part = part.path[1]
  where m.projection_cell = (mvm.skycell_key(skycell_footprints.skycell)).projection_cell
    and m.x = (mvm.skycell_key(skycell_footprints.skycell)).x
    and m.y = (mvm.skycell_key(skycell_footprints.skycell)).y
    and ST_Intersects(part.geom, mvm.skycell_box(m.x, m.y, 1e-5))
    and (
      skycell_footprints.layer is null
      or m.exposure_id in (
        select l.exposure_id
        from mvm.layer_members(skycell_footprints.skycell, skycell_footprints.selection) as l
        where l.layer = lower(skycell_footprints.layer)
      )
    )
  order by e.start_mjd, e.rootname, part.path[1];
end;

comment on function mvm.skycell_footprints is
  'Chips that reach a skycell, or a layer of it, in order of time; shape: whole outline, 0-based fine pixels of the skycell';
