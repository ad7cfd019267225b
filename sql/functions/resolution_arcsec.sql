-- An estimate of the width of a point source, better than a quarter: diffraction at 2.4 m, and the detector's pixel.
create function mvm.resolution_arcsec(wavelength_m double precision, pixel_scale_arcsec double precision)
returns double precision
language sql immutable strict parallel safe
return sqrt(power(1.03 * degrees(wavelength_m / 2.4) * 3600, 2) + power(pixel_scale_arcsec, 2));

comment on function mvm.resolution_arcsec is
  'Estimated full width at half maximum of a point source of the Hubble Space Telescope, arcsec; null where an input is';
