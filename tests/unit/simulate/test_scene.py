"""The scene: reproducible, coloured, in its place; light profiles against their definitions."""

import numpy as np
import pytest

from mvmdb.simulate.detectors import ACS_WFC, WFC3_IR, WFC3_UVIS
from mvmdb.simulate.scene import DISC, ELLIPTICAL, cluster_scene, flux_e_s
from mvmdb.sky.sphere import separation_deg

PASSBANDS = {
    "wfc3/uvis/f475w": WFC3_UVIS.passband("F475W"),
    "acs/wfc/f775w": ACS_WFC.passband("F775W"),
    "wfc3/ir/f160w": WFC3_IR.passband("F160W"),
}


def scene(seed=7, **changes):
    settings = {"ra_deg": 0.001, "dec_deg": 88.0, "radius_arcsec": 60.0, "passbands": PASSBANDS, "seed": seed}
    return cluster_scene(**(settings | changes))


def test_same_seed_same_scene_and_another_seed_another():
    first, again, other = scene(), scene(), scene(seed=8)
    np.testing.assert_array_equal(first.galaxies.ra_deg, again.galaxies.ra_deg)
    for band in PASSBANDS:
        np.testing.assert_array_equal(first.galaxies.flux_e_s[band], again.galaxies.flux_e_s[band])
    assert not np.array_equal(first.galaxies.dec_deg[:50], other.galaxies.dec_deg[:50])


def test_sources_lie_around_the_centre_even_near_the_pole():
    found = scene()
    for sources in (found.stars, found.galaxies):
        away_arcsec = 3600 * separation_deg(sources.ra_deg, sources.dec_deg, 0.001, 88.0)
        assert np.median(away_arcsec) < 60.0
        # The outermost members of the cluster are at 130 arcsec.
        assert away_arcsec.max() < 150.0


def test_a_wider_field_has_more_faint_galaxies():
    assert scene(radius_arcsec=120.0).galaxies.ra_deg.size > scene().galaxies.ra_deg.size + 2000


def test_covariances_are_those_of_ellipses():
    eigenvalues = np.linalg.eigvalsh(scene().galaxies.covariance_arcsec2)
    assert eigenvalues.min() > 0
    assert np.median(eigenvalues[:, 1] / eigenvalues[:, 0]) > 1.5


def test_there_are_red_and_blue_galaxies():
    flux = scene().galaxies.flux_e_s
    colour_mag = -2.5 * np.log10(flux["wfc3/uvis/f475w"] / flux["wfc3/ir/f160w"]) + 25.69 - 25.95
    # Old stars at redshift 0.4 have F475W - F160W of 3 magnitudes and more, young ones less than 1.
    assert (colour_mag > 3.0).sum() > 300
    assert (colour_mag < 0.8).sum() > 300


def test_flux_of_a_magnitude():
    """At the zero point 1 e-/s; five magnitudes brighter 100."""
    np.testing.assert_allclose(flux_e_s([26.23, 21.23], WFC3_IR.passband("F125W")), [1.0, 100.0])


@pytest.mark.parametrize("profile", [DISC, ELLIPTICAL])
def test_half_of_the_light_lies_within_the_half_light_radius(profile):
    shares = sum(share for _, share in profile)
    within = sum(share * (1 - np.exp(-0.5 / width**2)) for width, share in profile)
    assert shares == pytest.approx(1.0)
    assert within == pytest.approx(0.5, abs=0.015)


def test_disc_is_exponential():
    """I(r) of an exponential falls by e every 1/1.678 half-light radii."""
    radius = np.array([0.5, 1.0, 1.5, 2.0])
    brightness = sum(share * np.exp(-0.5 * (radius / width) ** 2) / width**2 for width, share in DISC)
    slopes = -np.diff(np.log(brightness)) / 0.5
    np.testing.assert_allclose(slopes, 1.678, rtol=0.12)
