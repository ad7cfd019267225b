"""From exposure pixels to rates and weights."""

from __future__ import annotations

import numpy as np
import pytest

from mvmdb.mosaic.weights import exposure_time_weight, good_pixels, to_rate
from mvmdb.records import Bunit


@pytest.mark.parametrize("dtype", ["i2", ">i2", "u2", ">u2", "i4", ">i4", "u4", "i8", "u1"])
@pytest.mark.parametrize("good_bits", [0, 80, 528, 1034, 65535])
def test_a_pixel_is_good_without_other_bits(dtype: str, good_bits: int) -> None:
    n_bits = 8 * np.dtype(dtype).itemsize
    flags = [0, 1, 16, 80, 81, 255, 528, 1034, 4096, 32768, 32768 + 16, 65535, (1 << n_bits) - 1]
    flags = [flag for flag in flags if flag < 1 << n_bits]
    dq = np.array(flags, dtype=f"u{n_bits // 8}").astype(dtype)
    assert good_pixels(dq, good_bits).tolist() == [flag & ~good_bits == 0 for flag in flags]


def test_flags_must_be_integers() -> None:
    with pytest.raises(TypeError, match="float32"):
        good_pixels(np.zeros(3, dtype=np.float32), 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="-1"):
        good_pixels(np.zeros(3, dtype=np.int16), -1)


@pytest.mark.parametrize(
    ("bunit", "expected"),
    [("ELECTRONS", 0.5), ("ELECTRONS/S", 100.0), ("COUNTS", 0.75), ("COUNTS/S", 150.0)],
)
def test_rate_is_electrons_per_second(bunit: Bunit, expected: float) -> None:
    science = np.full((2, 3), 100.0, dtype=">f4")
    rate = to_rate(science, bunit=bunit, gain_e_per_dn=1.5, exptime_s=200.0)
    assert rate.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(rate, np.full((2, 3), expected))
    assert science[0, 0] == 100


def test_rate_needs_a_known_unit_and_positive_factors() -> None:
    science = np.ones((2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="'JY'"):
        to_rate(science, bunit="JY", gain_e_per_dn=1, exptime_s=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 s must be positive"):
        to_rate(science, bunit="ELECTRONS", gain_e_per_dn=1, exptime_s=0)
    with pytest.raises(ValueError, match=r"-1\.5 e-/DN"):
        to_rate(science, bunit="COUNTS/S", gain_e_per_dn=-1.5, exptime_s=0)


def test_rate_units_do_not_need_an_exposure_time() -> None:
    assert to_rate(np.ones(1), bunit="ELECTRONS/S", gain_e_per_dn=1, exptime_s=0).tolist() == [1]


def test_weight_is_the_exposure_time_of_good_pixels() -> None:
    weight = exposure_time_weight(np.array([[True, False], [False, True]]), 350.5)
    assert weight.dtype == np.float32
    assert weight.tolist() == [[350.5, 0], [0, 350.5]]
    with pytest.raises(ValueError, match="0 s"):
        exposure_time_weight(np.array([[True]]), 0)
