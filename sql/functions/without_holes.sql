-- STC-S and ds9 know no holes: each polygon is cut upright through every hole, so that the pieces have none.
create function mvm.without_holes(shape geometry)
returns geometry
language sql immutable strict parallel safe
begin atomic
  select ST_Multi(ST_CollectionExtract(ST_Collect(
    case when ST_NumInteriorRings(part.geom) = 0 then part.geom
      else ST_Split(
        part.geom,
        (
          select ST_Collect(ST_MakeLine(ST_Point(middle.x, ST_YMin(part.geom) - 1), ST_Point(middle.x, ST_YMax(part.geom) + 1)))
          from ST_DumpRings(part.geom) as ring
          cross join lateral (select ST_X(ST_PointOnSurface(ring.geom)) as x) as middle
          where ring.path[1] > 0
        )
      )
    end
  ), 3))
  from ST_Dump(without_holes.shape) as part;
end;

comment on function mvm.without_holes is 'The same area as polygons without holes, each cut where it had one';
