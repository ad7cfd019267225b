-- The products that hold a position, and where in each: skycells overlap, so there are often several.
-- Coarse pixel c of a skycell is centred on its fine pixel 3c + 2, and the coarse subarray holds the fine one.
-- requires: functions/skycell_at
create function mvm.position_products(ra_deg double precision, dec_deg double precision)
returns table (
  product text, skycell text, layer text, selection text, revision integer, x_pix integer, y_pix integer,
  x_position_pix double precision, y_position_pix double precision, x_skycell_pix double precision,
  y_skycell_pix double precision, n_x_pix integer, n_y_pix integer, n_inputs bigint, file_path text,
  file_size_bytes bigint, build_id text
)
language sql stable parallel safe rows 10
begin atomic
  select
    p.product, p.skycell, p.layer, p.selection, p.revision,
    floor(place.x + 0.5)::integer, floor(place.y + 0.5)::integer, place.x, place.y, s.x_pix, s.y_pix,
    p.n_x_pix, p.n_y_pix,
    (select count(*) from mvm.product_input as i where i.product_id = p.product_id),
    p.file_path, p.file_size_bytes, p.build_id::text
  from mvm.skycell_at(position_products.ra_deg, position_products.dec_deg) as s
  join mvm.product as p on p.skycell = s.skycell and p.state = 'current'
  cross join lateral (
    select
      case when p.layer like '%\_coarse' then (s.x_pix - 2) / 3 - greatest((p.x0 - 1) / 3, 0) else s.x_pix - p.x0 end as x,
      case when p.layer like '%\_coarse' then (s.y_pix - 2) / 3 - greatest((p.y0 - 1) / 3, 0) else s.y_pix - p.y0 end as y
    offset 0
  ) as place
  where place.x >= -0.5
    and place.x < p.n_x_pix - 0.5
    and place.y >= -0.5
    and place.y < p.n_y_pix - 0.5
  order by s.offset_deg, p.skycell, p.layer, p.selection;
end;

comment on function mvm.position_products is
  'Current products whose subarray holds a position (ICRS degrees), nearest tangent point first; x_pix, y_pix: the 0-based pixel of the product that holds it (FITS counts from 1); x_position_pix: with fraction; x_skycell_pix: 0-based fine pixels of the skycell';
