-- The one skycell that owns a position: of the projection cells that hold it the nearest, and there the skycell on
-- whose side of the middle of the overlap (256 pixels from its edge) the position lies.
-- requires: functions/skycell_at
create function mvm.primary_skycell(ra_deg double precision, dec_deg double precision)
returns table (
  skycell text, x_pix double precision, y_pix double precision, offset_deg double precision,
  projection_cell integer, x integer, y integer
)
language sql stable parallel safe rows 1
begin atomic
  select s.skycell, s.x_pix, s.y_pix, s.offset_deg, s.projection_cell, s.x, s.y
  from mvm.skycell_at(primary_skycell.ra_deg, primary_skycell.dec_deg) as s
  order by
    s.offset_deg,
    s.projection_cell,
    (s.x_pix >= 255.5 or s.x = 1) and (s.x_pix < 21697.5 or s.x = 21)
      and (s.y_pix >= 255.5 or s.y = 1) and (s.y_pix < 21697.5 or s.y = 21) desc
  limit 1;
end;

comment on function mvm.primary_skycell is
  'The one skycell that owns a position (ICRS degrees): use it to count everything on the sky exactly once';
