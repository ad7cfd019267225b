-- Cells of equal area: the grid of sky maps and of MOCs. Formulas of Gorski et al. 2005 (ApJ 622, 759), section 4 and 5.
-- u and v count cells along the two diagonals of the grid; within a base face their bits, interleaved, number the cell.
create function mvm.healpix_cell(ra_deg double precision, dec_deg double precision, healpix_order integer)
returns bigint
language plpgsql immutable strict parallel safe
as $$
declare
  n_side constant bigint := 1::bigint << healpix_order;
  quarter constant double precision := (ra_deg - 360 * floor(ra_deg / 360)) / 90;
  facet constant integer := least(3, floor(quarter));
  z constant double precision := sind(dec_deg);
  to_pole double precision;
  u bigint;
  v bigint;
  face bigint;
  cell bigint;
begin
  if abs(z) <= 2 / 3.0::double precision then
    u := floor(n_side * (0.5 + quarter + 0.75 * z));
    v := floor(n_side * (0.5 + quarter - 0.75 * z));
    face := case
      when u / n_side = v / n_side then u / n_side % 4 + 4
      when u > v then v / n_side
      else u / n_side + 8
    end;
    u := u % n_side;
    v := n_side - 1 - v % n_side;
  else
    -- sqrt(3 (1 - |z|)), written so that it keeps its digits near the pole.
    to_pole := n_side * sqrt(6.0::double precision) * sind((90 - abs(dec_deg)) / 2);
    u := least(n_side - 1, floor((1 - quarter + facet) * to_pole));
    v := least(n_side - 1, floor((quarter - facet) * to_pole));
    face := facet;
    if z > 0 then
      u := n_side - 1 - u;
      v := n_side - 1 - v;
    else
      face := facet + 8;
      select v, u into u, v;
    end if;
  end if;
  cell := face;
  for digit in reverse healpix_order - 1 .. 0 loop
    cell := 4 * cell + 2 * ((v >> digit) & 1) + ((u >> digit) & 1);
  end loop;
  return cell;
end
$$;

comment on function mvm.healpix_cell is
  'Number of the HEALPix cell that holds a position (ICRS degrees), nested scheme; 12 * 4 ^ healpix_order cells cover the sky';
