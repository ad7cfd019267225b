"""Sources on pixels: flux, place and shape against sums and moments taken through the file's own WCS."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from mvmdb.simulate.detectors import ACS_WFC, WFC3_IR
from mvmdb.simulate.exposure import simulate_exposure
from mvmdb.simulate.painting import gaussian_psf, paint_stars, telescope_psf
from mvmdb.simulate.scene import Stars
from mvmdb.sky.sphere import tangent_sky
from tests.support.scenes import chip_wcs, galaxy_scene, pixel_areas_arcsec2, planned_exposure, star_scene

BANDS = [("acs/wfc", "F775W"), ("wfc3/uvis", "F475W"), ("wfc3/ir", "F160W")]
HALF_CHIP_ARCSEC = {"acs/wfc": 6.4, "wfc3/uvis": 5.1, "wfc3/ir": 0.0}
FLUX_E_S = 270.0


def spot(planned, east_arcsec=0.0, north_arcsec=0.0):
    """Return a sky position near the middle of the first chip: on two-chip detectors half a chip down."""
    down = HALF_CHIP_ARCSEC[planned.detector_name]
    angle = np.radians(planned.orient_deg)
    xi_arcsec, eta_arcsec = east_arcsec - down * np.sin(angle), north_arcsec - down * np.cos(angle)
    return tangent_sky(
        np.radians(xi_arcsec / 3600),
        np.radians(eta_arcsec / 3600),
        centre_ra_deg=planned.ra_deg,
        centre_dec_deg=planned.dec_deg,
    )


def light_and_wcs(planned, scene, directory):
    """Return the light on each pixel of the first chip, e-/s, with areas from the sphere; and its WCS."""
    path = simulate_exposure(planned, scene, directory, noiseless=True, with_artifacts=False)
    with fits.open(path) as hdus:
        science = hdus["SCI", 1].data.astype(float)
        wcs = WCS(hdus["SCI", 1].header, fobj=hdus)
    rate = science if planned.detector.counts_per_s else science / planned.exptime_s
    y, x = np.indices(science.shape)
    return rate * pixel_areas_arcsec2(wcs, x, y) / planned.detector.scale_arcsec**2, wcs


def moments(light):
    """Return the centre of light (x, y) and its covariance."""
    y, x = np.indices(light.shape)
    points, weights = np.stack([x.ravel(), y.ravel()]), light.ravel()
    centre = (points * weights).sum(axis=1) / weights.sum()
    return centre, np.cov(points, aweights=weights, ddof=0)


@pytest.mark.parametrize(("detector", "filter_name"), BANDS)
@pytest.mark.parametrize("step_arcsec", [0.0, 0.31])
def test_star_keeps_its_flux_and_its_place(tmp_path, detector, filter_name, step_arcsec):
    planned = planned_exposure(detector, filter_name)
    ra_deg, dec_deg = spot(planned, step_arcsec, 0.7 * step_arcsec)
    scene = star_scene(ra_deg, dec_deg, FLUX_E_S, [planned.band])
    light, wcs = light_and_wcs(planned, scene, tmp_path)
    assert light.sum() == pytest.approx(FLUX_E_S, rel=2e-3)
    centre, _ = moments(light)
    np.testing.assert_allclose(centre, wcs.all_world2pix(ra_deg, dec_deg, 0, tolerance=1e-7), atol=0.02)


def test_bright_star_keeps_its_flux_in_its_spikes(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W")
    light, _ = light_and_wcs(planned, star_scene(*spot(planned), 5000.0, [planned.band]), tmp_path)
    assert light.sum() == pytest.approx(5000.0, rel=2e-3)
    on_diagonal, beside_it = light[127 + 14, 127 + 14], light[127, 127 + 20]
    assert on_diagonal > 5 * beside_it


def test_uniform_sky_is_uniform_in_calibrated_pixels(tmp_path):
    planned = planned_exposure("acs/wfc", "F775W", crop_pix=1024)
    scene = star_scene([], [], [], [planned.band], sky_e_s_arcsec2=40.0)
    path = simulate_exposure(planned, scene, tmp_path, noiseless=True, with_artifacts=False)
    with fits.open(path) as hdus:
        np.testing.assert_allclose(hdus["SCI", 2].data, 40.0 * 0.05**2 * 500.0, rtol=1e-6)


@pytest.mark.parametrize(("detector", "filter_name"), BANDS)
def test_galaxy_keeps_flux_and_shape(tmp_path, detector, filter_name):
    planned = planned_exposure(detector, filter_name)
    shape_arcsec2 = np.array([[0.20, 0.07], [0.07, 0.09]])
    scene = galaxy_scene(*spot(planned), shape_arcsec2, FLUX_E_S, [planned.band])
    light, wcs = light_and_wcs(planned, scene, tmp_path)
    assert light.sum() == pytest.approx(FLUX_E_S, rel=2e-3)
    centre, covariance_pix = moments(light)
    # From pixels to the sky by differences of positions one pixel apart, not by the simulator's matrix.
    ra, dec = wcs.all_pix2world(
        centre[0] + np.array([-0.5, 0.5, 0, 0]), centre[1] + np.array([0, 0, -0.5, 0.5]), 0
    )
    east, north = 3600 * ((ra - ra[0] + 180) % 360 - 180) * np.cos(np.radians(dec)), 3600 * dec
    to_sky = np.array([[east[1] - east[0], east[3] - east[2]], [north[1] - north[0], north[3] - north[2]]])
    psf_arcsec2 = (planned.passband.psf_fwhm_arcsec / 2.3548) ** 2
    pixel_arcsec2 = to_sky @ to_sky.T / 12
    seen_arcsec2 = to_sky @ covariance_pix @ to_sky.T - pixel_arcsec2 - np.eye(2) * psf_arcsec2
    np.testing.assert_allclose(seen_arcsec2, shape_arcsec2, rtol=0.01, atol=0.001)


def test_wide_galaxy_beside_the_chip_still_shines_on_it(tmp_path):
    """25 arcsec from the middle, 500 pixels of 0.05 arcsec, where the chip is 256 wide; sigma 10 arcsec."""
    planned = planned_exposure("acs/wfc", "F775W")
    ra_deg, dec_deg = spot(planned)
    scene = galaxy_scene(ra_deg, dec_deg + 25.0 / 3600, np.eye(2) * 100.0, 1e6, [planned.band])
    light, wcs = light_and_wcs(planned, scene, tmp_path)
    x_pix, y_pix = (round(float(v)) for v in wcs.all_world2pix(ra_deg, dec_deg, 0))
    expected = 1e6 / (2 * np.pi * 100.0) * np.exp(-0.5 * 2.5**2) * pixel_areas_arcsec2(wcs, x_pix, y_pix)
    assert light[y_pix, x_pix] == pytest.approx(expected, rel=0.02)


def test_pixels_integrate_a_star_instead_of_sampling_it():
    """A star far narrower than a pixel falls into one pixel, or evenly into the four around a corner."""
    wcs = chip_wcs(WFC3_IR)
    ra, dec = wcs.all_pix2world([500.0, 800.5], [500.0, 300.5], 0)
    image = np.zeros((1014, 1014), dtype=np.float32)
    stars = Stars(ra, dec, {"any": np.array([10.0, 8.0])})
    paint_stars(image, stars, "any", wcs, psf=gaussian_psf(0.01))
    assert image[500, 500] == pytest.approx(10.0, rel=1e-4)
    np.testing.assert_allclose(image[300:302, 800:802], 2.0, rtol=1e-2)


def test_point_spread_has_the_width_asked_for():
    """Half of the peak is reached half a FWHM from the centre: on fine pixels, by definition."""
    wcs = chip_wcs(ACS_WFC)
    ra, dec = wcs.all_pix2world([1000.0], [1000.0], 0)
    image = np.zeros((2048, 4096), dtype=np.float32)
    paint_stars(image, Stars(ra, dec, {"any": np.array([1.0])}), "any", wcs, psf=gaussian_psf(2.0))
    scale_arcsec = np.sqrt(pixel_areas_arcsec2(wcs, 1000, 1000))
    profile = image[1000, 1000:1040] / image[1000, 1000]
    half = np.interp(-0.5, -profile, np.arange(40)) * scale_arcsec
    assert half == pytest.approx(1.0, rel=0.03)


def test_telescope_psf_is_normalised_and_has_a_core_and_halos():
    parts = telescope_psf(0.1)
    assert sum(part.fraction for part in parts) == pytest.approx(1.0)
    assert parts[0].sigma_arcsec * 2.35482 == pytest.approx(0.1, rel=1e-5)
    assert parts[0].fraction > 0.5


def test_sources_beyond_the_chip_leave_no_light(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W")
    ra_deg, dec_deg = spot(planned, 40.0, 40.0)
    light, _ = light_and_wcs(
        planned, star_scene([ra_deg, 180.0], [dec_deg, -62.0], 50.0, [planned.band]), tmp_path
    )
    assert not light.any()
