-- The parameter sets that mvmdb ships, every value with its source; replaced at every upgrade. Sets that users add
-- stay as they are. Of the rules that apply to a layer, the one furthest down decides, parameter by parameter.
delete from mvm.parameter_set where is_shipped;

insert into mvm.parameter_set (parameter_set, is_shipped, description) values
  ('mvmdb', true,
   'The default: the same parameters however many exposures overlap, sky matched, epochs on one flux scale; no static '
   'mask, because it would reject in every exposure what is faint in one of many.'),
  ('hap', true,
   'The effective values of the reference pipeline (drizzlepac 3.11.0, mvm_parameters), with its switch to other '
   'parameters where on average one chip covers a pixel. Not reproduced: its static mask; cosmic-ray rejection in '
   'ACS/SBC; statistics of the sky other than the median; mapping on a 10-pixel grid without a bound on the error.');

insert into mvm.parameter_rule
  (parameter_set, position, parameter, value, instrument, detector, filters, min_mean_n_exposures, below_mean_n_exposures, source)
select
  rule.parameter_set, row_number() over (partition by rule.parameter_set order by rule.place), rule.parameter, rule.value::jsonb,
  rule.instrument, rule.detector, rule.filters, rule.min_mean, rule.below_mean, rule.source
from (values
  -- every layer
  (1, 'mvmdb', 'kernel', '"square"', null, null, null::text[], null::float, null::float, 'as hap: conserves flux, no holes at pixfrac 1'),
  (2, 'mvmdb', 'pixfrac', '1.0', null, null, null, null, null, 'as hap, for any number of exposures'),
  (3, 'mvmdb', 'weighting', '"exptime"', null, null, null, null, null, 'as hap'),
  (4, 'mvmdb', 'mapping_error_pix', '0.001', null, null, null, null, null, 'docs/decisions: a bound; on real chips the error is 2e-7 at most'),
  (5, 'mvmdb', 'sky', '"match"', null, null, null, null, null, 'as hap, without its exception for single exposures'),
  (6, 'mvmdb', 'sky_zero', '"mean"', null, null, null, null, null, 'docs/decisions: keeps the sum of the light of the layer'),
  (7, 'mvmdb', 'equalise', '"photflam"', null, null, null, null, null, 'docs/decisions: sensitivities change over decades'),
  (8, 'mvmdb', 'error', 'false', null, null, null, null, null, 'an option: products are those of the document'),
  -- good bits: 2 in WFPC2 defect in the reference file, 8 saturation, 1024 dark; 16 hot, 64 warm; 512 bad reference, infrared blob
  (10, 'mvmdb', 'good_bits', '80', 'acs', 'wfc', null, null, null, 'hap, several exposures: hot and warm pixels kept (16, 64)'),
  (11, 'mvmdb', 'good_bits', '80', 'acs', 'hrc', null, null, null, 'hap, several exposures: hot and warm pixels kept (16, 64)'),
  (12, 'mvmdb', 'good_bits', '528', 'acs', 'sbc', null, null, null, 'hap, several exposures, generic (16, 512)'),
  (13, 'mvmdb', 'good_bits', '0', 'acs', 'sbc', array['f115lp', 'f122m'], null, null, 'hap, two exposures or more: no flag accepted'),
  (14, 'mvmdb', 'good_bits', '80', 'wfc3', 'uvis', null, null, null, 'hap, several exposures: hot and warm pixels kept (16, 64)'),
  (15, 'mvmdb', 'good_bits', '528', 'wfc3', 'ir', null, null, null, 'hap, several exposures: hot pixels and blobs kept (16, 512)'),
  (16, 'mvmdb', 'good_bits', '1034', 'wfpc2', 'pc', null, null, null, 'hap, several exposures (2, 8, 1024)'),

  (1, 'hap', 'kernel', '"square"', null, null, null, null, null, 'final_kernel, all detectors'),
  (2, 'hap', 'pixfrac', '1.0', null, null, null, null, null, 'final_pixfrac, all detectors'),
  (3, 'hap', 'weighting', '"exptime"', null, null, null, null, null, 'final_wht_type EXP'),
  (4, 'hap', 'mapping_error_pix', '0.0', null, null, null, null, null, 'exact, where stepsize 10 has an error of up to 0.0017 pixel'),
  (5, 'hap', 'sky', '"match"', null, null, null, null, null, 'skysub, skymethod match'),
  (6, 'hap', 'sky_zero', '"faintest"', null, null, null, null, null, 'skymethod match: only differences are removed'),
  (7, 'hap', 'equalise', '"none"', null, null, null, null, null, 'photeq is not called for mosaics of several visits'),
  (8, 'hap', 'error', 'false', null, null, null, null, null, 'no error layer'),
  (10, 'hap', 'good_bits', '80', 'acs', 'wfc', null, null, null, 'final_bits, two exposures or more'),
  (11, 'hap', 'good_bits', '80', 'acs', 'hrc', null, null, null, 'final_bits, two exposures or more'),
  (12, 'hap', 'good_bits', '528', 'acs', 'sbc', null, null, null, 'final_bits, other filters (generic configuration)'),
  (13, 'hap', 'good_bits', '0', 'acs', 'sbc', array['f115lp', 'f122m'], null, null, 'final_bits, two exposures or more'),
  (14, 'hap', 'pixfrac', '0.8', 'acs', 'sbc', array['f115lp', 'f122m'], 5.5, null, 'final_pixfrac, six exposures or more'),
  (15, 'hap', 'good_bits', '80', 'wfc3', 'uvis', null, null, null, 'final_bits, two exposures or more'),
  (16, 'hap', 'good_bits', '528', 'wfc3', 'ir', null, null, null, 'final_bits, two exposures or more'),
  (17, 'hap', 'good_bits', '1034', 'wfpc2', 'pc', null, null, null, 'final_bits, two exposures or more'),
  -- round(MEANNEXP) = 1: every flagged pixel is kept, and no sky is subtracted
  (20, 'hap', 'good_bits', '65535', null, null, null, null, 1.5, 'final_bits of any_n1, for layers with a mean number of chips that rounds to 1'),
  (21, 'hap', 'sky', '"none"', null, null, null, null, 1.5, 'skysub of any_n1, for layers with a mean number of chips that rounds to 1')
) as rule (place, parameter_set, parameter, value, instrument, detector, filters, min_mean, below_mean, source);
