"""Tangent planes and angles against unit vectors and astropy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from hypothesis import given
from hypothesis import strategies as st

from mvmdb.sky.sphere import separation_deg, tangent_plane, tangent_sky, wrap_ra_deg
from tests.support.vectors import TangentPlane, angle_deg, unit_vectors

CENTRES = [(0.0, 0.0), (359.999, 45.0), (180.0, 26.0), (0.0, 89.999999999997), (0.0, -89.999999999997)]


@pytest.mark.parametrize(("centre_ra_deg", "centre_dec_deg"), CENTRES)
def test_projection_agrees_with_unit_vectors(centre_ra_deg: float, centre_dec_deg: float) -> None:
    plane = TangentPlane.at(centre_ra_deg, centre_dec_deg)
    ra_deg, dec_deg = plane.deproject(*np.random.default_rng(1).uniform(-0.06, 0.06, (2, 1000)))
    xi_rad, eta_rad = tangent_plane(
        ra_deg, dec_deg, centre_ra_deg=centre_ra_deg, centre_dec_deg=centre_dec_deg
    )
    expected = plane.project(unit_vectors(ra_deg, dec_deg))
    np.testing.assert_allclose([xi_rad, eta_rad], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("centre_ra_deg", "centre_dec_deg"), CENTRES)
def test_projection_and_its_inverse(centre_ra_deg: float, centre_dec_deg: float) -> None:
    xi_rad, eta_rad = np.random.default_rng(2).uniform(-0.06, 0.06, (2, 1000))
    ra_deg, dec_deg = tangent_sky(xi_rad, eta_rad, centre_ra_deg=centre_ra_deg, centre_dec_deg=centre_dec_deg)
    assert np.all((ra_deg >= 0) & (ra_deg < 360))
    back = TangentPlane.at(centre_ra_deg, centre_dec_deg).project(unit_vectors(ra_deg, dec_deg))
    np.testing.assert_allclose(back, [xi_rad, eta_rad], rtol=0, atol=1e-14)


def test_other_half_of_the_sky_has_no_place_on_the_plane() -> None:
    xi_rad, eta_rad = tangent_plane([91.0, 180.0, 270.0], [0.0, 0.0, 0.0], centre_ra_deg=0, centre_dec_deg=0)
    assert np.isnan([xi_rad, eta_rad]).all()
    xi_rad, _ = tangent_plane(60.0, 0.0, centre_ra_deg=0, centre_dec_deg=0)
    assert xi_rad == pytest.approx(np.sqrt(3))  # the tangent of 60 degrees


@pytest.mark.parametrize(
    ("ra_deg", "wrapped_deg"),
    [(0.0, 0.0), (360.0, 0.0), (-360.0, 0.0), (-0.25, 359.75), (725.5, 5.5), (-1e-20, 0.0)],
)
def test_right_ascension_wraps(ra_deg: float, wrapped_deg: float) -> None:
    assert wrap_ra_deg(ra_deg) == wrapped_deg


right_ascensions = st.floats(-400, 400)
declinations = st.floats(-90, 90)


@given(right_ascensions, declinations, right_ascensions, declinations)
def test_separation_agrees_with_astropy(ra1: float, dec1: float, ra2: float, dec2: float) -> None:
    expected = np.degrees(angular_separation(*np.radians([ra1, dec1, ra2, dec2])))
    assert separation_deg(ra1, dec1, ra2, dec2) == pytest.approx(expected, abs=1e-12)


def test_separation_keeps_its_digits_when_small() -> None:
    ra_deg = 359.9999999
    found = separation_deg(ra_deg, 60.0, [1e-7, ra_deg], [60.0, 60.0 + 1e-9])
    expected = angle_deg(unit_vectors(ra_deg, 60.0), unit_vectors([1e-7, ra_deg], [60.0, 60.0 + 1e-9]))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
