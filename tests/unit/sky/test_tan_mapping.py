"""The closed form against astropy's chain of transformations, on invented chips and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvmdb.files.wcs import pixel_to_sky
from mvmdb.sky.distortion import ChipDistortion, LookupTable
from mvmdb.sky.grid import TanGrid
from mvmdb.sky.tan_mapping import TanToTan
from tests.support.distortions import random_distortion
from tests.support.exposures import SyntheticExposure, read_chip
from tests.support.shared_data import shared_data

TOLERANCE_PIX = 1e-7
PLACES = [(150.0, 2.0), (0.0, 0.0), (359.9999, -30.0), (10.0, 90.0), (200.0, -90.0), (123.0, 89.9995)]
REAL_CHIPS = [
    ("acs_hrc_47tuc/j8bt05njq_flt", 1),
    ("acs_wfc_47tuc_zero_pixels/j94f05bgq_flt", 4),
    ("headers_fullsize_zero_pixels/sample_ipppssoot_flc.full", 1),
    ("wfc3_ir_goodss/ib6o03n9q_flt", 1),
    ("wfpc2_omegacen/u40x010hm_c0m", 3),
]


def grid_near(distortion: ChipDistortion, offset_deg: float = 0.01, scale_arcsec: float = 0.04) -> TanGrid:
    ra_deg, dec_deg = distortion.crval_deg
    dec_deg += -offset_deg if dec_deg > 0 else offset_deg
    return TanGrid((ra_deg + 3 * offset_deg) % 360, dec_deg, 3000.5, 2000.25, scale_arcsec, 6000, 4000)


def difference_pix(distortion: ChipDistortion, n_x_pix: int, n_y_pix: int) -> float:
    """Return the largest distance between the closed form and astropy, on the chip and a bit beyond."""
    random = np.random.default_rng(3)
    x_pix, y_pix = random.uniform(-4, n_x_pix + 4, 2000), random.uniform(-4, n_y_pix + 4, 2000)
    x_pix[:100], y_pix[:100] = np.rint(x_pix[:100]), np.rint(y_pix[:100])  # kinks lie on whole pixels
    grid = grid_near(distortion)
    expected = grid.sky_to_pixel(*pixel_to_sky(distortion)(x_pix, y_pix))
    return float(np.max(np.abs(np.subtract(TanToTan.onto(grid, distortion)(x_pix, y_pix), expected))))


@pytest.mark.parametrize(("name", "hdu_index"), REAL_CHIPS)
def test_real_chips_map_as_astropy_maps_them(name: str, hdu_index: int) -> None:
    chip = read_chip(shared_data(f"exposures/{name}.fits.gz"), hdu_index)

    assert difference_pix(chip.distortion, *chip.science.shape[::-1]) < TOLERANCE_PIX


@pytest.mark.parametrize("sip", [False, True])
@pytest.mark.parametrize("lonpole_deg", [None, 180.0, 33.0])
def test_what_is_read_from_a_header_maps_as_astropy_maps_it(
    tmp_path: Path, sip: bool, lonpole_deg: float | None
) -> None:
    exposure = SyntheticExposure(kind="acs_wfc", sip=sip, tables=True, sci={"LONPOLE": lonpole_deg})
    chip = read_chip(exposure.write(tmp_path), 4)

    assert difference_pix(chip.distortion, 64, 48) < TOLERANCE_PIX


@given(
    seed=st.integers(0, 2**32 - 1),
    place=st.sampled_from(PLACES),
    lonpole_deg=st.sampled_from([180.0, 0.0, 77.0, -150.0]),
)
@settings(max_examples=80, deadline=None)
def test_any_distortion_maps_as_astropy_maps_it(
    seed: int, place: tuple[float, float], lonpole_deg: float
) -> None:
    assert difference_pix(random_distortion(seed, place, lonpole_deg=lonpole_deg), 100, 80) < TOLERANCE_PIX


def test_a_chip_astride_the_pole_is_mapped_whole() -> None:
    distortion = random_distortion(5, (10.0, 90.0))
    x_pix, y_pix = (grid.ravel() for grid in np.meshgrid(np.arange(80.0), np.arange(60.0)))
    ra_deg, _ = pixel_to_sky(distortion)(x_pix, y_pix)

    assert np.ptp(ra_deg) > 300
    assert np.all(np.isfinite(TanToTan.onto(grid_near(distortion), distortion)(x_pix, y_pix)))


def test_what_lies_ninety_degrees_away_or_more_has_no_position() -> None:
    distortion = random_distortion(1, (0.0, 0.0))
    everywhere = np.arange(60.0), np.arange(60.0)
    behind, beside, ahead = (
        TanToTan.onto(TanGrid(ra_deg, 0.0, 50.0, 50.0, 0.04, 100, 100), distortion)(*everywhere)
        for ra_deg in (180.0, 91.0, 89.0)
    )

    assert np.all(np.isnan(behind))
    assert np.all(np.isnan(beside))
    assert np.all(np.isfinite(ahead))


def test_a_table_is_bilinear_and_its_edge_counts_beyond_it() -> None:
    table = LookupTable(np.array([[0, 1], [2, 7]], dtype=np.float32), (1.0, 1.0), (11.0, 21.0), (10.0, 20.0))

    x_pix = np.array([10.0, 20.0, 10.0, 20.0, 15.0, -50.0, 99.0])
    y_pix = np.array([20.0, 20.0, 40.0, 40.0, 30.0, 30.0, 99.0])
    np.testing.assert_allclose(table(x_pix, y_pix), [0, 1, 2, 7, 2.5, 1, 7], rtol=0, atol=1e-12)
