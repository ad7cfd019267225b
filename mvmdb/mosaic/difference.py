"""How two images of the same sky differ: counts, order statistics to the last bit, noise and flux.

Images may be larger than memory: they are read in blocks of rows, each several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.mosaic.blocks import row_blocks

Float32s = NDArray[np.float32]
Blocks = Callable[[], Iterator[Float32s]]
"""Gives the same blocks of values, without NaN, each time."""

_SIGMA_PER_MAD = 1.4826
_SAMPLED_PIXELS = 1 << 20
_TOP_BIT = np.uint32(1 << 31)


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Two images on their common pixels; arrays ``(ny, nx)``, which may be mapped from files."""

    science_a: NDArray[np.floating]
    """NaN where not observed."""
    weight_a: NDArray[np.floating]
    science_b: NDArray[np.floating]
    weight_b: NDArray[np.floating]
    error_a: NDArray[np.floating] | None = None
    error_b: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Distribution:
    """Order statistics of some pixels, exact; the lower of two middle ones where their number is even."""

    n_pixels: int
    """Number of pixels."""
    mean: float
    """Mean."""
    least: float
    """Least value."""
    percentile_1: float
    """1 % are less."""
    percentile_16: float
    """16 % are less."""
    median: float
    """Half are less."""
    percentile_84: float
    """84 % are less."""
    percentile_99: float
    """99 % are less."""
    greatest: float
    """Greatest value."""


@dataclass(frozen=True)
class PixelDifference:
    """How the pixels of two images on the same grid differ, B minus A."""

    n_pixels_common: int
    """Pixels of the common grid."""
    n_observed_both: int
    """Observed in both."""
    n_only_a: int
    """Observed in A only."""
    n_only_b: int
    """Observed in B only."""
    n_differing: int
    """Observed in both, where SCI or WHT is not the same to the last bit."""
    science: Distribution | None
    """SCI of B less SCI of A, e-/s per pixel, where both are observed; null where nothing is."""
    noise: Distribution | None
    """The same in units of the noise of one image: the mean variance of A and B."""
    noise_from: str
    """``ERR``, or ``scatter``: from SCI times the root of WHT, which sources make a little too large."""
    weight: Distribution | None
    """WHT of B less WHT of A, seconds, where both are observed."""
    flux_a: float
    """Sum of SCI of A where both are observed, e-/s."""
    flux_b: float
    """Sum of SCI of B there, e-/s."""


def compare_images(pair: ImagePair) -> PixelDifference:
    """Return how two images differ; every array of ``pair`` has the same shape."""
    seen_a = seen_b = both = n_differing = 0
    flux_a = flux_b = 0.0
    for rows in row_blocks(*pair.science_a.shape):
        a, b = pair.science_a[rows], pair.science_b[rows]
        in_a, in_b = np.isfinite(a), np.isfinite(b)
        common = in_a & in_b
        seen_a, seen_b = seen_a + int(in_a.sum()), seen_b + int(in_b.sum())
        both += int(common.sum())
        changed = (a != b) | (pair.weight_a[rows] != pair.weight_b[rows])
        n_differing += int((changed & common).sum())
        flux_a += float(a[common].sum(dtype=np.float64))
        flux_b += float(b[common].sum(dtype=np.float64))
    differences, noise_from = _differences(pair)
    described = [describe(blocks) if both else None for blocks in differences]
    return PixelDifference(
        n_pixels_common=pair.science_a.size,
        n_observed_both=both,
        n_only_a=seen_a - both,
        n_only_b=seen_b - both,
        n_differing=n_differing,
        science=described[0],
        noise=described[1],
        noise_from=noise_from,
        weight=described[2],
        flux_a=flux_a,
        flux_b=flux_b,
    )


def _differences(pair: ImagePair) -> tuple[tuple[Blocks, Blocks, Blocks], str]:
    """Return the blocks of SCI, SCI in units of noise, and WHT; and where the noise is from."""
    has_error = pair.error_a is not None and pair.error_b is not None
    scatters = (0.0, 0.0)
    if not has_error:
        scatters = scatter(pair.science_a, pair.weight_a), scatter(pair.science_b, pair.weight_b)

    def blocks(what: str) -> Iterator[Float32s]:
        for rows in row_blocks(*pair.science_a.shape):
            a, b = pair.science_a[rows], pair.science_b[rows]
            common = np.isfinite(a) & np.isfinite(b)
            if what == "weight":
                difference = pair.weight_b[rows][common] - pair.weight_a[rows][common]
            else:
                difference = b[common] - a[common]
            if what == "noise":
                sigma = np.sqrt(_variance(pair, rows, scatters)[common])
                difference = difference[sigma > 0] / sigma[sigma > 0]
            yield np.asarray(difference, dtype=np.float32)

    made = (lambda: blocks("science"), lambda: blocks("noise"), lambda: blocks("weight"))
    return made, "ERR" if has_error else "scatter"


def _variance(pair: ImagePair, rows: slice, scatters: tuple[float, float]) -> NDArray[np.floating]:
    """Return the mean variance of both images; 0 where it is not known."""
    if pair.error_a is not None and pair.error_b is not None:
        squares = pair.error_a[rows] ** 2 + pair.error_b[rows] ** 2
        return np.nan_to_num(squares / 2)
    weights = pair.weight_a[rows], pair.weight_b[rows]
    parts = [
        np.divide(constant**2, weight, out=np.zeros(weight.shape), where=weight > 0)
        for constant, weight in zip(scatters, weights, strict=True)
    ]
    mean: NDArray[np.floating] = (parts[0] + parts[1]) / 2
    return mean


def scatter(science: NDArray[np.floating], weight: NDArray[np.floating]) -> float:
    """Return the noise of a pixel of weight 1 s, by the median deviation of rows spread over the image."""
    n_rows = max(1, _SAMPLED_PIXELS // max(1, science.shape[1]))
    step = max(1, science.shape[0] // n_rows)
    sample, seconds = np.asarray(science[::step]), np.asarray(weight[::step])
    seen = np.isfinite(sample) & (seconds > 0)
    if not seen.any():
        return 0.0
    values = (sample[seen] - np.median(sample[seen])) * np.sqrt(seconds[seen])
    return _SIGMA_PER_MAD * float(np.median(np.abs(values)))


def describe(blocks: Blocks) -> Distribution | None:
    """Return the order statistics of blocks of float32 values, read twice; None where there is no value.

    Notes
    -----
    The bits of a float, the negative ones turned round, are whole numbers in the same order. The first
    pass counts their upper halves, the second the lower halves of those that hold a wanted rank.
    """
    total, upper = 0.0, np.zeros(1 << 16, dtype=np.int64)
    for block in blocks():
        total += float(block.sum(dtype=np.float64))
        upper += np.bincount(_keys(block) >> 16, minlength=1 << 16)
    n_values = int(upper.sum())
    if n_values == 0:
        return None
    ranks = [0, *(int(part * (n_values - 1)) for part in (0.01, 0.16, 0.5, 0.84, 0.99)), n_values - 1]
    cumulative = np.cumsum(upper)
    highs = [int(np.searchsorted(cumulative, rank, side="right")) for rank in ranks]
    lower = {high: np.zeros(1 << 16, dtype=np.int64) for high in highs}
    for block in blocks():
        keys = _keys(block)
        for high in lower:
            lower[high] += np.bincount(keys[keys >> 16 == high] & 0xFFFF, minlength=1 << 16)
    values = []
    for rank, high in zip(ranks, highs, strict=True):
        within = rank - int(cumulative[high] - upper[high])
        low = int(np.searchsorted(np.cumsum(lower[high]), within, side="right"))
        values.append(_value(high << 16 | low))
    return Distribution(n_values, total / n_values, *values)


def _keys(block: Float32s) -> NDArray[np.uint32]:
    """Return whole numbers that are in the order of the values; zero has one sign."""
    bits = (block + np.float32(0)).view(np.uint32)
    return np.where(bits & _TOP_BIT, ~bits, bits | _TOP_BIT)


def _value(key: int) -> float:
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
