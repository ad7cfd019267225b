-- What was current at a moment: for the question what a mosaic looked like on the day that it was measured.
-- requires: views/product_history
create function mvm.products_at(moment timestamptz, skycell text default null)
returns setof mvm.product_history
language sql stable parallel safe rows 100
begin atomic
  select h.*
  from mvm.product_history as h
  where h.published_at <= products_at.moment
    and (h.superseded_at is null or h.superseded_at > products_at.moment)
    and (products_at.skycell is null or h.skycell = products_at.skycell);
end;

comment on function mvm.products_at is
  'Products that were current at a moment, of one skycell or of all, as rows of mvm.product_history; state is that of today';
