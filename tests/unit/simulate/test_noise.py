"""Noise and flaws against the statistics they should have."""

import numpy as np
import pytest

from mvmdb.simulate.detectors import ACS_WFC, WFC3_IR
from mvmdb.simulate.noise import (
    BAD,
    BLOB,
    COSMIC_RAY,
    HOT,
    SATURATED,
    WARM,
    add_flaws,
    expose,
)

SHAPE = (512, 1024)


def flat(rate_e_s, detector=ACS_WFC, *, exptime_s=500.0, seed=1):
    rng = None if seed is None else np.random.default_rng(seed)
    rate = np.full(SHAPE, rate_e_s, dtype=np.float32)
    return expose(rate, exptime_s=exptime_s, detector=detector, rng=rng)


def flawed(detector, *, chip_key="a", seed=1, rate_e_s=0.1):
    pixels = flat(rate_e_s, detector, seed=None)
    rng = np.random.default_rng(seed)
    add_flaws(pixels, exptime_s=500.0, detector=detector, chip_key=chip_key, rng=rng)
    return pixels


def test_noise_is_that_of_light_dark_and_readout():
    pixels = flat(0.8)
    # 400 e- of light, 3 of dark current, 4.2 squared of read noise: 420.64 in variance.
    expected_e = np.sqrt(0.8 * 500 + 0.006 * 500 + 4.2**2)
    assert pixels.science_e.dtype == pixels.error_e.dtype == np.float32
    np.testing.assert_allclose(pixels.error_e, expected_e, rtol=1e-5)
    assert pixels.science_e.mean() == pytest.approx(400.0, abs=5 * expected_e / 724)
    assert pixels.science_e.std() == pytest.approx(expected_e, rel=0.005)
    assert not pixels.quality.any()


def test_without_noise_the_light_is_left_and_the_error_is_the_same():
    quiet = flat(0.8, seed=None)
    assert np.all(quiet.science_e == np.float32(400.0))
    np.testing.assert_array_equal(quiet.error_e, flat(0.8).error_e)


def test_cosmic_rays_hit_the_stated_fraction_and_every_hit_is_flagged():
    pixels = flawed(ACS_WFC)
    hit = pixels.quality & COSMIC_RAY > 0
    assert hit.mean() == pytest.approx(2.0e-5 * 500, rel=0.25)
    assert pixels.science_e[hit].mean() > 200
    # Whatever is not flagged is untouched.
    assert np.all(pixels.science_e[pixels.quality == 0] == np.float32(50.0))


@pytest.mark.parametrize(
    ("detector", "bits"), [(ACS_WFC, BAD | HOT | WARM | COSMIC_RAY), (WFC3_IR, BAD | HOT | BLOB | COSMIC_RAY)]
)
def test_a_detector_has_its_own_kinds_of_flaws(detector, bits):
    assert np.bitwise_or.reduce(flawed(detector).quality, axis=None) == bits


def test_flaws_of_a_chip_stay_and_cosmic_rays_do_not():
    first, second, other = (
        flawed(WFC3_IR, seed=1),
        flawed(WFC3_IR, seed=2),
        flawed(WFC3_IR, seed=1, chip_key="b"),
    )
    lasting = BAD | HOT | BLOB
    np.testing.assert_array_equal(first.quality & lasting, second.quality & lasting)
    assert np.any((first.quality ^ second.quality) & COSMIC_RAY)
    assert np.any((first.quality ^ other.quality) & lasting)


def test_full_pixels_are_clipped_and_flagged():
    pixels = flawed(ACS_WFC, rate_e_s=200.0)  # 100,000 e- in a well of 80,000
    assert pixels.science_e.max() == 80000.0
    assert ((pixels.quality & SATURATED) > 0).mean() > 0.99
    assert not (flawed(WFC3_IR, rate_e_s=200.0).quality & SATURATED).any()
