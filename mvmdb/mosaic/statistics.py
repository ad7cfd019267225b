"""The MVM statistics of a layer, from its weight and context images; exact, a block of rows at a time.

A pixel counts as observed where its weight is positive. The reference pipeline defines the same
quantities over polygon masks of the chips; these count what really contributed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import fsum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mvmdb.errors import EmptyLayerError, GridMismatchError
from mvmdb.mosaic.blocks import row_blocks
from mvmdb.mosaic.compiled import require_compiled
from mvmdb.mosaic.context import BYTE_BITS, byte_times_s, require_bits, require_same_grid
from mvmdb.mosaic.tally import HALF, Counts, Float32s, LowHalves, Tally, TimeCounts, count_rows
from mvmdb.records import InputStatistics, LayerStatistics


def compute_statistics(
    weight: Float32s, context: NDArray[np.int32], exptimes_s: ArrayLike, skycell_n_pixels: int
) -> LayerStatistics:
    """Return the eight statistics of a layer.

    Parameters
    ----------
    weight
        ``(ny, nx)``, 0 where nothing contributed.
    context
        ``(n_planes, ny, nx)``.
    exptimes_s
        Exposure time of every input, in context order.
    skycell_n_pixels
        Number of pixels of the whole skycell at the scale of the layer.

    Raises
    ------
    EmptyLayerError
        No pixel has positive weight.
    GridMismatchError
        The shapes disagree, or more pixels are observed than the skycell has.
    ContextOverflowError
        There are more inputs than context bits.

    Notes
    -----
    Means are summed in float64, row by row. Medians are those of the float32 values, as ``numpy.median``
    gives them, without a sorted copy.
    """
    require_same_grid(context, weight)
    require_bits(context, np.size(exptimes_s))
    n_y, n_x = weight.shape
    tally = Tally.empty((n_y, n_x), byte_times_s(exptimes_s, len(context)))
    for rows in row_blocks(n_y, n_x):
        planes = np.ascontiguousarray(context[:, rows], dtype=np.int32)
        count_rows(tally, rows.start, _native(weight[rows]), planes)
    return summarise(tally, lambda: weight, skycell_n_pixels)


def summarise(
    tally: Tally, weight: Callable[[], Float32s], skycell_n_pixels: int, *, n_threads: int = 1
) -> LayerStatistics:
    """Return the statistics of a layer whose rows have all been counted.

    The weights ``(ny, nx)`` are asked for, and read once more in rows where the bin of their median was not
    foreseen, only if there are such rows.

    Raises
    ------
    EmptyLayerError
        No pixel has positive weight.
    GridMismatchError
        More pixels are observed than the skycell has.
    """
    n_observed = tally.n_observed
    if n_observed == 0:
        raise EmptyLayerError("no pixel of the layer has positive weight")
    if n_observed > skycell_n_pixels:
        raise GridMismatchError(f"{n_observed} pixels observed on a skycell of {skycell_n_pixels}")
    return LayerStatistics(
        n_pixels_observed=n_observed,
        coverage_fraction=n_observed / skycell_n_pixels,
        mean_exptime_s=fsum(tally.row_time_s) / n_observed,
        median_exptime_s=_median_time_s(tally.times),
        mean_n_exposures=float(tally.n_inputs @ np.arange(tally.n_inputs.size)) / n_observed,
        median_n_exposures=_median_bin(tally.n_inputs),
        mean_weight=fsum(tally.row_weight) / n_observed,
        median_weight=_median_weight(tally, weight, n_threads),
    )


def input_statistics(tally: Tally, n_inputs: int) -> tuple[InputStatistics, ...]:
    """Return what each input gave to a layer, in context order."""
    counts = (tally.bytes @ BYTE_BITS).ravel()[:n_inputs]
    return tuple(InputStatistics(index, int(n_pixels)) for index, n_pixels in enumerate(counts))


def _native(weight: Float32s) -> Float32s:
    return np.ascontiguousarray(weight, dtype=np.float32)


def _median_time_s(times: TimeCounts) -> float:
    found = [_rank_in(times.n_pixels, rank)[0] for rank in _middle(int(times.n_pixels.sum()))]
    return _mean_of_bits([int(times.bits[index]) for index in found])


def _median_weight(tally: Tally, weight: Callable[[], Float32s], n_threads: int) -> float:
    """Return the median of the weights: first the bin of upper halves, then the lower half in this bin."""
    places = [_rank_in(tally.high_weight, rank) for rank in _middle(tally.n_observed)]
    low = {upper: _low_halves(tally, weight, upper, n_threads) for upper in {upper for upper, _ in places}}
    return _mean_of_bits([upper << 16 | _rank_in(low[upper], within)[0] for upper, within in places])


def _low_halves(tally: Tally, weight: Callable[[], Float32s], upper: int, n_threads: int) -> Counts:
    """Return the histogram ``(65536,)`` of the lower halves of the weights with this upper half."""
    known = tally.low_weight.get(upper) or LowHalves.of_none(len(tally.row_weight))
    missing = (tally.row_weight > 0) & ~known.rows
    if not missing.any():
        return known.counts
    weights = weight()
    blocks = [rows for rows in row_blocks(*weights.shape) if missing[rows].any()]
    with ThreadPoolExecutor(n_threads) as pool:
        counts = pool.map(
            partial(_count_again, weights, missing, upper),
            (blocks[first::n_threads] for first in range(n_threads)),
        )
        return known.counts + sum(counts)


def _count_again(weight: Float32s, missing: NDArray[np.bool_], upper: int, blocks: Sequence[slice]) -> Counts:
    """Return the histogram of lower halves in those rows of some blocks that are missing."""
    found = np.zeros(HALF, np.int64)
    for rows in blocks:
        require_compiled().count_low(_native(weight[rows][missing[rows]]), upper, found)
    return found


def _mean_of_bits(bits: list[int]) -> float:
    return float(np.array(bits, dtype=np.uint32).view(np.float32).mean(dtype=np.float64))


def _middle(n_values: int) -> tuple[int, int]:
    """Return the 0-based ranks whose mean is the median; equal when the number is odd."""
    return (n_values - 1) // 2, n_values // 2


def _median_bin(histogram: NDArray[np.int64]) -> float:
    return sum(_rank_in(histogram, rank)[0] for rank in _middle(int(histogram.sum()))) / 2


def _rank_in(histogram: NDArray[np.int64], rank: int) -> tuple[int, int]:
    """Return the bin that holds a 0-based rank, and the rank within that bin."""
    cumulative = np.cumsum(histogram)
    found = int(np.searchsorted(cumulative, rank, side="right"))
    return found, rank - int(cumulative[found] - histogram[found])
