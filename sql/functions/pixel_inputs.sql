-- What made a pixel: the values of the context planes, plane 0 first, against the inputs of the product in force.
-- Bit 31 is the sign of its plane; shifting down and keeping the last bit reads it like any other.
-- The weight that each input gave is not stored. What it gives a pixel that it covers is its exposure time times the
-- area of the product's pixel over that of its own: the share is reckoned from these.
-- requires: functions/timestamp_of_mjd
create function mvm.pixel_inputs(product text, context integer[])
returns table (
  context_index integer, exposure text, chip integer, start_utc timestamptz, exptime_s double precision,
  expected_weight_s double precision, weight_share double precision, wcsname text, proposal_id integer,
  sky_e_per_s_arcsec2 double precision, sky_group integer, flux_scale double precision, exposure_revision integer,
  exposure_is_current boolean, exposure_path text, exposure_id integer, build_id text
)
language sql stable parallel safe rows 10
begin atomic
  select
    i.context_index, e.rootname, i.chip::integer, mvm.timestamp_of_mjd(e.start_mjd), e.exptime_s,
    expected.weight_s, expected.weight_s / sum(expected.weight_s) over (), coalesce(c.wcsname, e.wcsname), e.proposal_id,
    i.sky_e_per_s_arcsec2, i.sky_group, i.flux_scale, e.revision,
    e.is_current, e.file_path, e.exposure_id, p.build_id::text
  from mvm.product as p
  join mvm.product_input as i on i.product_id = p.product_id
  join mvm.exposure as e on e.exposure_id = i.exposure_id
  join mvm.chip as c on c.exposure_id = i.exposure_id and c.chip = i.chip
  cross join lateral (
    select
      e.exptime_s * (case when p.layer like '%\_coarse' then 0.12 else 0.04 end / c.pixel_scale_arcsec) ^ 2 as weight_s
  ) as expected
  where p.product = pixel_inputs.product
    and p.state = 'current'
    and (pixel_inputs.context[i.context_index / 32 + 1] >> (i.context_index % 32)) & 1 = 1
  order by i.context_index;
end;

comment on function mvm.pixel_inputs is
  'Inputs whose bits are set in the values of the context planes (CTX, plane 0 first) at one pixel of a current product; expected_weight_s: exposure time x area ratio, seconds; weight_share: its part of their sum (drizzle weights per input are not stored); build_id: the MVMBUILD of the file that the values must come from';
