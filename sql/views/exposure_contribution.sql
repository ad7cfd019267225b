-- What exposures gave to products, over all revisions: one row per product and exposure, its chips added up.
-- A pixel lit by two chips of one exposure counts twice. Areas are true ones: a pixel far from the tangent point covers
-- less sky than its nominal side says; the ratio is that of the middle of the subarray, good to 0.06 %.
-- requires: functions/skycell_key
create view mvm.exposure_contribution as
select
  given.exposure,
  given.exposure_revision,
  given.product,
  given.skycell,
  given.layer,
  given.selection,
  given.revision,
  given.state,
  given.n_chips,
  given.n_pixels,
  given.n_pixels * pixel.area_arcsec2 as area_arcsec2,
  given.exptime_s,
  given.weight / nullif(whole.weight, 0) as weight_share,
  given.published_at,
  given.exposure_id,
  given.product_id,
  given.build_id::text as build_id
from (
  select
    p.product_id, p.product, p.skycell, p.layer, p.selection, p.revision, p.state, p.published_at, p.build_id,
    p.x0, p.y0, p.x1, p.y1,
    e.exposure_id,
    e.rootname as exposure,
    e.revision as exposure_revision,
    e.exptime_s,
    count(*) as n_chips,
    sum(i.n_pixels_contributed)::bigint as n_pixels,
    sum(i.n_pixels_contributed * e.exptime_s / c.pixel_scale_arcsec ^ 2) as weight
  from mvm.product as p
  join mvm.product_input as i on i.product_id = p.product_id
  join mvm.exposure as e on e.exposure_id = i.exposure_id
  join mvm.chip as c on c.exposure_id = i.exposure_id and c.chip = i.chip
  where p.published_at is not null
  group by p.product_id, e.exposure_id
) as given
cross join lateral (
  select sum(i.n_pixels_contributed * e.exptime_s / c.pixel_scale_arcsec ^ 2) as weight
  from mvm.product_input as i
  join mvm.exposure as e on e.exposure_id = i.exposure_id
  join mvm.chip as c on c.exposure_id = i.exposure_id and c.chip = i.chip
  where i.product_id = given.product_id
) as whole
cross join lateral mvm.skycell_key(given.skycell) as key
cross join lateral (
  select
    (case when given.layer like '%\_coarse' then 0.12 else 0.04 end) ^ 2
    * (
      1 + radians(0.04 / 3600) ^ 2 * (
        ((given.x0 + given.x1 - 1) / 2.0 + (key.x - 1) * 21442 - 225143) ^ 2
        + ((given.y0 + given.y1 - 1) / 2.0 + (key.y - 1) * 21442 - 225143) ^ 2
      )
    )::double precision ^ (-1.5) as area_arcsec2
) as pixel;

comment on view mvm.exposure_contribution is 'What each exposure gave to each product, over all revisions of both';
comment on column mvm.exposure_contribution.exposure is 'Root name of the exposure';
comment on column mvm.exposure_contribution.exposure_revision is 'Revision of the exposure that was used';
comment on column mvm.exposure_contribution.product is 'File name of the product';
comment on column mvm.exposure_contribution.skycell is 'Name of the skycell';
comment on column mvm.exposure_contribution.layer is 'Name of the layer';
comment on column mvm.exposure_contribution.selection is 'Rule of which exposures the layer takes';
comment on column mvm.exposure_contribution.revision is 'Revision of the product';
comment on column mvm.exposure_contribution.state is 'current, or superseded by a later revision';
comment on column mvm.exposure_contribution.n_chips is 'Number of chips of the exposure that went in';
comment on column mvm.exposure_contribution.n_pixels is 'Pixels of the product that hold light of these chips';
comment on column mvm.exposure_contribution.area_arcsec2 is 'Sky that these pixels cover, square arcsec';
comment on column mvm.exposure_contribution.exptime_s is 'Exposure time of the exposure, seconds';
comment on column mvm.exposure_contribution.weight_share is 'Part of the weight of the product, 0 to 1, by pixels x exposure time x area ratio (drizzle weights per input are not stored)';
comment on column mvm.exposure_contribution.published_at is 'When the product became current, UTC';
comment on column mvm.exposure_contribution.exposure_id is 'Number of the exposure''s revision';
comment on column mvm.exposure_contribution.product_id is 'Number of the product''s revision';
comment on column mvm.exposure_contribution.build_id is 'Build that made the product (MVMBUILD)';
