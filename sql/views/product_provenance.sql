-- What went into the current products, one row per chip, in context-bit order.
create view mvm.product_provenance as
select
  p.product,
  p.skycell,
  p.layer,
  p.selection,
  p.revision as product_revision,
  e.rootname as exposure,
  i.chip,
  i.context_index / 32 as context_plane,
  i.context_index % 32 as context_bit,
  e.exptime_s,
  e.start_mjd,
  e.proposal_id,
  e.wcsname,
  i.n_pixels_contributed,
  i.sky_e_per_s_arcsec2,
  i.sky_group,
  i.flux_scale,
  e.revision as exposure_revision,
  e.is_current as exposure_is_current,
  e.file_path as exposure_path,
  e.file_sha256 as exposure_sha256,
  i.context_index,
  i.exposure_id,
  p.product_id,
  p.build_id
from mvm.product as p
join mvm.product_input as i on i.product_id = p.product_id
join mvm.exposure as e on e.exposure_id = i.exposure_id
where p.state = 'current'
order by p.product, i.context_index;

comment on view mvm.product_provenance is 'Inputs of the current products, one row per chip, in context-bit order';
comment on column mvm.product_provenance.product is 'File name of the product';
comment on column mvm.product_provenance.skycell is 'Name of the skycell';
comment on column mvm.product_provenance.layer is 'Name of the layer';
comment on column mvm.product_provenance.selection is 'Rule of which exposures the layer takes';
comment on column mvm.product_provenance.product_revision is 'Revision of the product';
comment on column mvm.product_provenance.exposure is 'Root name of the exposure';
comment on column mvm.product_provenance.chip is 'EXTVER of the chip''s SCI extension';
comment on column mvm.product_provenance.context_plane is 'Plane of the CTX array, from 0';
comment on column mvm.product_provenance.context_bit is 'Bit in that plane, 0 (lowest) to 31';
comment on column mvm.product_provenance.exptime_s is 'Exposure time, seconds';
comment on column mvm.product_provenance.start_mjd is 'Start of the exposure, modified Julian date, UTC days';
comment on column mvm.product_provenance.proposal_id is 'Proposal number';
comment on column mvm.product_provenance.wcsname is 'Name of the astrometric solution';
comment on column mvm.product_provenance.n_pixels_contributed is 'Pixels of the product that hold light of the chip';
comment on column mvm.product_provenance.sky_e_per_s_arcsec2 is 'Background subtracted from the chip, after its scaling, e-/s per square arcsecond';
comment on column mvm.product_provenance.sky_group is 'Group within which the backgrounds were matched, from 1; 0 where nothing was matched';
comment on column mvm.product_provenance.flux_scale is 'Factor by which the rates of the chip were multiplied';
comment on column mvm.product_provenance.exposure_revision is 'Revision of the exposure that was used';
comment on column mvm.product_provenance.exposure_is_current is 'False when the exposure has been revised since';
comment on column mvm.product_provenance.exposure_path is 'File of the exposure';
comment on column mvm.product_provenance.exposure_sha256 is 'SHA-256 of the uncompressed FITS bytes of that file';
comment on column mvm.product_provenance.context_index is 'Place in the drizzle order, from 0';
comment on column mvm.product_provenance.exposure_id is 'Number of the exposure''s revision';
comment on column mvm.product_provenance.product_id is 'Number of the product''s revision';
comment on column mvm.product_provenance.build_id is 'Build that made the product (MVMBUILD)';
