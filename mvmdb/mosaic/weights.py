"""From the pixels of an exposure to a count rate and a weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvmdb.records import Bunit


def good_pixels(dq: NDArray[np.integer[Any]], good_bits: int) -> NDArray[np.bool_]:
    """Return where no DQ bit is set besides the good ones.

    Parameters
    ----------
    dq
        Data quality flags, any integer type and byte order; the sign bit is a flag like any other.
    good_bits
        Sum of the bits that do not reject a pixel; 0 accepts only unflagged pixels.

    Raises
    ------
    TypeError
        ``dq`` does not hold integers.
    ValueError
        ``good_bits`` is negative.
    """
    if dq.dtype.kind not in "iu":
        raise TypeError(f"data quality flags must be integers, not {dq.dtype}")
    if good_bits < 0:
        raise ValueError(f"good_bits must be a sum of bits, not {good_bits}")
    every_bit = (1 << 8 * dq.dtype.itemsize) - 1
    rejecting = np.array(every_bit & ~good_bits, dtype=f"u{dq.dtype.itemsize}").astype(dq.dtype)
    good: NDArray[np.bool_] = (dq & rejecting) == 0
    return good


def to_rate(
    science: NDArray[np.floating[Any]], *, bunit: Bunit, gain_e_per_dn: float, exptime_s: float
) -> NDArray[np.float32]:
    """Return electrons per second, as a new float32 array in the machine's byte order.

    Parameters
    ----------
    science
        Pixels in ``bunit``, any float type and byte order.
    gain_e_per_dn
        Electrons per count; used when the unit counts data numbers.
    exptime_s
        Exposure time; used when the unit is not a rate.

    Raises
    ------
    ValueError
        The exposure time or the gain is not positive, or the unit is unknown.
    """
    rate: NDArray[np.float32] = np.asarray(science, dtype=np.float32) * np.float32(
        rate_factor(bunit, gain_e_per_dn=gain_e_per_dn, exptime_s=exptime_s)
    )
    return rate


def rate_factor(bunit: Bunit, *, gain_e_per_dn: float, exptime_s: float) -> float:
    """Return what takes a pixel in ``bunit`` to electrons per second.

    Raises
    ------
    ValueError
        As :func:`to_rate`.
    """
    factors = {
        "ELECTRONS": (1.0, exptime_s),
        "ELECTRONS/S": (1.0, 1.0),
        "COUNTS": (gain_e_per_dn, exptime_s),
        "COUNTS/S": (gain_e_per_dn, 1.0),
    }
    if bunit not in factors:
        raise ValueError(f"unit {bunit!r} is none of {', '.join(factors)}")
    electrons, seconds = factors[bunit]
    if not (electrons > 0 and seconds > 0):
        raise ValueError(f"gain {gain_e_per_dn} e-/DN and exposure time {exptime_s} s must be positive")
    return electrons / seconds


def exposure_time_weight(good: NDArray[np.bool_], exptime_s: float) -> NDArray[np.float32]:
    """Return the exposure time on good pixels and 0 elsewhere, seconds.

    Raises
    ------
    ValueError
        The exposure time is not positive.
    """
    if not exptime_s > 0:
        raise ValueError(f"exposure time must be positive, not {exptime_s} s")
    weight: NDArray[np.float32] = good * np.float32(exptime_s)
    return weight
