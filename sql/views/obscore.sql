-- What the archive holds, in the words of IVOA ObsCore 1.1: the products in force, and the exposures that layers take.
-- The mandatory columns come first, in the order of the standard, then optional ones. s_region of a product is its
-- subarray, of which parts may be unobserved; every column is computed only where it is asked for.
-- requires: functions/centre_ra_deg, functions/dataset_id, functions/diameter_deg, functions/extent_outline
-- requires: functions/file_url, functions/filter_limits, functions/media_type, functions/resolution_arcsec
-- requires: functions/tap_region
create view ivoa.obscore as
select
  'image' as dataproduct_type,
  3 as calib_level,
  publisher.obs_collection as obs_collection,
  regexp_replace(p.product, '_dr[zc]\.fits$', '') as obs_id,
  mvm.dataset_id('product', p.product, p.revision) as obs_publisher_did,
  mvm.file_url(p.file_path) as access_url,
  mvm.media_type(p.file_path) as access_format,
  ceil(p.file_size_bytes / 1000.0)::bigint as access_estsize,
  inputs.target_name as target_name,
  mvm.centre_ra_deg(o.outline) as s_ra,
  ST_Y(ST_Centroid(o.outline)::geometry) as s_dec,
  mvm.diameter_deg(o.outline) as s_fov,
  mvm.tap_region(o.outline) as s_region,
  mvm.resolution_arcsec((band.min_m + band.max_m) / 2, inputs.pixel_scale_arcsec) as s_resolution,
  p.n_x_pix::bigint as s_xel1,
  p.n_y_pix::bigint as s_xel2,
  inputs.start_mjd as t_min,
  inputs.end_mjd as t_max,
  p.median_exptime_s as t_exptime,
  p.median_exptime_s as t_resolution,
  1::bigint as t_xel,
  band.min_m as em_min,
  band.max_m as em_max,
  (band.min_m + band.max_m) / 2 / (band.max_m - band.min_m) as em_res_power,
  1::bigint as em_xel,
  'phot.count' as o_ucd,
  null::text as pol_states,
  0::bigint as pol_xel,
  'HST' as facility_name,
  upper(split_part(p.layer, '_', 1) || '/' || split_part(p.layer, '_', 2)) as instrument_name,
  'mosaic' as dataproduct_subtype,
  'HST ' || upper(split_part(p.layer, '_', 1) || '/' || split_part(p.layer, '_', 2)) || ' ' || upper(split_part(p.layer, '_', 3)) || ' mosaic of skycell ' || p.skycell as obs_title,
  p.published_at as obs_creation_date,
  case when p.layer like '%\_coarse' then 0.12::double precision else 0.04::double precision end as s_pixel_scale,
  inputs.proposal_id::text as proposal_id
from mvm.product as p
cross join mvm.publisher
cross join lateral (select mvm.extent_outline(p.skycell, p.x0, p.y0, p.x1, p.y1) as outline) as o
cross join lateral mvm.filter_limits(split_part(p.layer, '_', 1), split_part(p.layer, '_', 2), split_part(p.layer, '_', 3)) as band
cross join lateral (
  select
    case when count(distinct e.target_name) = 1 then min(e.target_name) end as target_name,
    case when count(distinct coalesce(e.proposal_id, -1)) = 1 then min(e.proposal_id) end as proposal_id,
    min(e.start_mjd) as start_mjd,
    max(e.end_mjd) as end_mjd,
    max(c.pixel_scale_arcsec) as pixel_scale_arcsec
  from mvm.product_input as i
  join mvm.exposure as e on e.exposure_id = i.exposure_id
  join mvm.chip as c on c.exposure_id = i.exposure_id and c.chip = i.chip
  where i.product_id = p.product_id
) as inputs
where p.state = 'current'
union all
select
  'image',
  2,
  'HST',
  e.rootname,
  mvm.dataset_id('exposure', e.rootname, e.revision),
  mvm.file_url(e.file_path),
  mvm.media_type(e.file_path),
  ceil(e.file_size_bytes / 1000.0)::bigint,
  e.target_name,
  mvm.centre_ra_deg(e.footprint),
  ST_Y(ST_Centroid(e.footprint)::geometry),
  mvm.diameter_deg(e.footprint),
  mvm.tap_region(e.footprint),
  mvm.resolution_arcsec((band.min_m + band.max_m) / 2, chips.pixel_scale_arcsec),
  chips.n_x_pix,
  chips.n_y_pix,
  e.start_mjd,
  e.end_mjd,
  e.exptime_s,
  e.exptime_s,
  1::bigint,
  band.min_m,
  band.max_m,
  (band.min_m + band.max_m) / 2 / (band.max_m - band.min_m),
  1::bigint,
  'phot.count',
  null::text,
  0::bigint,
  'HST',
  upper(e.instrument::text || '/' || e.detector::text),
  'exposure',
  'HST ' || upper(e.instrument::text || '/' || e.detector::text) || ' ' || upper(e.filter::text) || ' exposure ' || e.rootname,
  null::timestamptz,
  chips.pixel_scale_arcsec,
  e.proposal_id::text
from mvm.exposure as e
cross join lateral mvm.filter_limits(e.instrument::text, e.detector::text, e.filter::text) as band
cross join lateral (
  select
    case when count(*) = 1 then max(c.n_x_pix)::bigint end as n_x_pix,
    case when count(*) = 1 then max(c.n_y_pix)::bigint end as n_y_pix,
    max(c.pixel_scale_arcsec) as pixel_scale_arcsec
  from mvm.chip as c
  where c.exposure_id = e.exposure_id
) as chips
where e.is_current and e.exclusion is null and e.file_path is not null;

comment on view ivoa.obscore is 'Current products and the exposures that layers take, as IVOA ObsCore 1.1';
comment on column ivoa.obscore.dataproduct_type is 'Kind of data: image (ucd meta.code.class, utype obscore:ObsDataset.dataProductType)';
comment on column ivoa.obscore.calib_level is '3: mosaics made here; 2: calibrated exposures (ucd meta.code;obs.calib, utype obscore:ObsDataset.calibLevel)';
comment on column ivoa.obscore.obs_collection is 'Collection: that of mvm.publisher for products, HST for exposures (ucd meta.id, utype obscore:DataID.collection)';
comment on column ivoa.obscore.obs_id is 'Observation: the file name of a product without its ending, or the root name of an exposure (ucd meta.id, utype obscore:DataID.observationID)';
comment on column ivoa.obscore.obs_publisher_did is 'Identifier of this revision, as ivoa.datalink takes it (ucd meta.ref.ivoid, utype obscore:Curation.publisherDID)';
comment on column ivoa.obscore.access_url is 'Where the file is (ucd meta.ref.url, utype obscore:Access.reference)';
comment on column ivoa.obscore.access_format is 'Media type of the file (ucd meta.code.mime, utype obscore:Access.format)';
comment on column ivoa.obscore.access_estsize is 'Size of the FITS file; unit kbyte (ucd phys.size;meta.file, utype obscore:Access.size)';
comment on column ivoa.obscore.target_name is 'Target as named by the proposers; null where exposures of a product had different ones (ucd meta.id;src, utype obscore:Target.name)';
comment on column ivoa.obscore.s_ra is 'Right ascension of the middle, ICRS; unit deg (ucd pos.eq.ra, utype obscore:Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1)';
comment on column ivoa.obscore.s_dec is 'Declination of the middle, ICRS; unit deg (ucd pos.eq.dec, utype obscore:Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2)';
comment on column ivoa.obscore.s_fov is 'Diameter of the circle that holds the region; unit deg (ucd phys.angSize;instr.fov, utype obscore:Char.SpatialAxis.Coverage.Bounds.Extent.diameter)';
comment on column ivoa.obscore.s_region is 'Region, ICRS degrees: the subarray of a product, the chips of an exposure (ucd pos.outline;obs.field, utype obscore:Char.SpatialAxis.Coverage.Support.Area)';
comment on column ivoa.obscore.s_resolution is 'Estimated width of a point source, from diffraction and detector pixel; unit arcsec (ucd pos.angResolution, utype obscore:Char.SpatialAxis.Resolution.Refval.value)';
comment on column ivoa.obscore.s_xel1 is 'Columns of the image; null for several chips (ucd meta.number, utype obscore:Char.SpatialAxis.numBins1)';
comment on column ivoa.obscore.s_xel2 is 'Rows of the image; null for several chips (ucd meta.number, utype obscore:Char.SpatialAxis.numBins2)';
comment on column ivoa.obscore.t_min is 'Start of the first exposure, modified Julian date; unit d (ucd time.start;obs.exposure, utype obscore:Char.TimeAxis.Coverage.Bounds.Limits.StartTime)';
comment on column ivoa.obscore.t_max is 'End of the last exposure, modified Julian date; unit d (ucd time.end;obs.exposure, utype obscore:Char.TimeAxis.Coverage.Bounds.Limits.StopTime)';
comment on column ivoa.obscore.t_exptime is 'Exposure time; of a product the median of its observed pixels; unit s (ucd time.duration;obs.exposure, utype obscore:Char.TimeAxis.Coverage.Support.Extent)';
comment on column ivoa.obscore.t_resolution is 'Equal to t_exptime: images have one moment; unit s (ucd time.resolution, utype obscore:Char.TimeAxis.Resolution.Refval.value)';
comment on column ivoa.obscore.t_xel is 'Samples in time: 1 (ucd meta.number, utype obscore:Char.TimeAxis.numBins)';
comment on column ivoa.obscore.em_min is 'Shortest wavelength of the filter, in vacuum; null where mvm.filter_band lacks it; unit m (ucd em.wl;stat.min, utype obscore:Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit)';
comment on column ivoa.obscore.em_max is 'Longest wavelength of the filter, in vacuum; null where mvm.filter_band lacks it; unit m (ucd em.wl;stat.max, utype obscore:Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit)';
comment on column ivoa.obscore.em_res_power is 'Middle wavelength over width of the band (ucd spect.resolution, utype obscore:Char.SpectralAxis.Resolution.ResolPower.refVal)';
comment on column ivoa.obscore.em_xel is 'Samples in wavelength: 1 (ucd meta.number, utype obscore:Char.SpectralAxis.numBins)';
comment on column ivoa.obscore.o_ucd is 'What the pixels hold: electrons, or electrons per second (ucd meta.ucd, utype obscore:Char.ObservableAxis.ucd)';
comment on column ivoa.obscore.pol_states is 'Polarisation is not measured: null (ucd meta.code;phys.polarization, utype obscore:Char.PolarizationAxis.stateList)';
comment on column ivoa.obscore.pol_xel is 'Samples in polarisation: 0 (ucd meta.number, utype obscore:Char.PolarizationAxis.numBins)';
comment on column ivoa.obscore.facility_name is 'Telescope (ucd meta.id;instr.tel, utype obscore:Provenance.ObsConfig.Facility.name)';
comment on column ivoa.obscore.instrument_name is 'Instrument and detector (ucd meta.id;instr, utype obscore:Provenance.ObsConfig.Instrument.name)';
comment on column ivoa.obscore.dataproduct_subtype is 'mosaic or exposure (ucd meta.code.class, utype obscore:ObsDataset.dataProductSubtype)';
comment on column ivoa.obscore.obs_title is 'One line for people (ucd meta.title;obs, utype obscore:DataID.title)';
comment on column ivoa.obscore.obs_creation_date is 'When the product was published, UTC; null for exposures (ucd time;meta.dataset, utype obscore:DataID.date)';
comment on column ivoa.obscore.s_pixel_scale is 'Side of a pixel; unit arcsec (ucd phys.angSize;instr.pixel, utype obscore:Char.SpatialAxis.Sampling.RefVal.SamplingPeriod)';
comment on column ivoa.obscore.proposal_id is 'Proposal; null where exposures of a product had different ones (ucd meta.id;obs.proposal, utype obscore:Provenance.Proposal.identifier)';
