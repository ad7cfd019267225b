-- The rules that mvmdb ships. An upgrade brings their words up to date and leaves alone what a user has decided.
insert into mvm.exclusion_rule (code, excludes, description, source) values
  ('moving_target', true, 'The telescope tracked a moving target (MTFLAG)', 'reference: analyze_data'),
  ('spatial_scan', true, 'The target was trailed on purpose (SCAN_TYP of WFC3)', 'reference: analyze_data'),
  ('spectroscopic', true, 'A spectrum: OBSTYPE, or a grism or prism', 'reference: analyze_data'),
  ('calibration_target', true, 'The target is a lamp, a dark, a bias, a flat field or the Earth (TARGNAME)', 'reference: analyze_data'),
  ('not_imaging', true, 'OBSTYPE is not IMAGING, or IMAGETYP of WFPC2 not EXT', 'reference: analyze_data'),
  ('charge_injection', true, 'Charge was injected (CHINJECT of WFC3/UVIS)', 'reference: analyze_data'),
  ('blocked_filter', true, 'The filter wheel was blocked (BLOCK)', 'reference: analyze_data'),
  ('ramp_filter', true, 'A ramp filter, whose wavelength changes over the field (FR)', 'reference: analyze_data'),
  ('zero_exposure_time', true, 'The exposure time is below 10 microseconds', 'reference: analyze_data'),
  ('bad_guiding', true, 'The guide stars failed or tracking was taken down (QUALITY)', 'reference: verify_guiding'),
  ('drizzle_omitted', true, 'Calibration left the exposure out of drizzling (DRIZCORR)', 'reference: analyze_data'),
  ('not_calibrated', true, 'The file is no calibrated exposure (flt, flc, c0m)', 'reference: input of the pipeline'),
  ('coarse_guiding', false, 'Guiding in gyro mode or coarse track (FGSLOCK)', 'reference: warned of only'),
  ('quad_filter', false, 'A quadrant filter, which covers a quarter of the field (FQ)', 'reference: kept in multi-visit mosaics'),
  ('flagged_exposure', false, 'The exposure did not go as planned (EXPFLAG)', 'reference: no longer used, it removed too much'),
  ('not_cte_corrected', false, 'Charge-transfer losses of WFC or UVIS are not corrected (flt)', 'reference: MVM_ONLY_CTE'),
  ('small_detector', false, 'ACS/HRC or ACS/SBC', 'reference: MVM_INCLUDE_SMALL')
on conflict (code) do update set description = excluded.description, source = excluded.source;
