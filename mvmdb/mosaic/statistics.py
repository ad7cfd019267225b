"""The MVM statistics of a layer, from its weight and context images; exact, in row blocks.

A pixel counts as observed where its weight is positive. The reference pipeline defines the same
quantities over polygon masks of the chips; these count what really contributed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mvmdb.errors import EmptyLayerError, GridMismatchError
from mvmdb.mosaic.blocks import row_blocks
from mvmdb.mosaic.context import (
    PLANE_BITS,
    count_inputs,
    count_pixels,
    exposure_time,
    require_same_grid,
)
from mvmdb.records import InputStatistics, LayerStatistics

Float32s = NDArray[np.float32]
_Blocks = Callable[[], Iterator[Float32s]]
"""A stream of the values of the observed pixels that can be read more than once."""


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
    Means are summed in float64. Medians are those of the float32 values, as ``numpy.median`` gives
    them, without a sorted copy: the bit pattern of a positive float32 grows with its value, so two
    histograms of 16 bits each find the middle one.
    """
    require_same_grid(context, weight)

    def weights() -> Iterator[Float32s]:
        return (observed_weight for observed_weight, _ in _observed(weight, context))

    def times() -> Iterator[Float32s]:
        return (exposure_time(bits, exptimes_s) for _, bits in _observed(weight, context))

    n_inputs_histogram = _n_inputs_histogram(weight, context)
    n_observed = int(n_inputs_histogram.sum())
    if n_observed == 0:
        raise EmptyLayerError("no pixel of the layer has positive weight")
    if n_observed > skycell_n_pixels:
        raise GridMismatchError(f"{n_observed} pixels observed on a skycell of {skycell_n_pixels}")
    mean_exptime_s, median_exptime_s = _mean_and_median(times, n_observed)
    mean_weight, median_weight = _mean_and_median(weights, n_observed)
    return LayerStatistics(
        n_pixels_observed=n_observed,
        coverage_fraction=n_observed / skycell_n_pixels,
        mean_exptime_s=mean_exptime_s,
        median_exptime_s=median_exptime_s,
        mean_n_exposures=float(n_inputs_histogram @ np.arange(n_inputs_histogram.size)) / n_observed,
        median_n_exposures=_median_bin(n_inputs_histogram),
        mean_weight=mean_weight,
        median_weight=median_weight,
    )


def compute_input_statistics(context: NDArray[np.int32], n_inputs: int) -> tuple[InputStatistics, ...]:
    """Return what each input gave to a layer, in context order.

    Raises
    ------
    ContextOverflowError
        There are more inputs than context bits.
    """
    counts = count_pixels(context, n_inputs)
    return tuple(InputStatistics(index, int(n_pixels)) for index, n_pixels in enumerate(counts))


def _observed(weight: Float32s, context: NDArray[np.int32]) -> Iterator[tuple[Float32s, NDArray[np.int32]]]:
    """Yield weight ``(n,)`` and context ``(n_planes, n)`` of the observed pixels, in blocks."""
    for rows in row_blocks(*weight.shape):
        block_weight = np.asarray(weight[rows], dtype=np.float32).ravel()
        observed = np.flatnonzero(block_weight > 0)
        yield block_weight.take(observed), context[:, rows].reshape(len(context), -1).take(observed, axis=1)


def _n_inputs_histogram(weight: Float32s, context: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many observed pixels have 0, 1, 2, ... inputs."""
    histogram = np.zeros(PLANE_BITS * len(context) + 1, dtype=np.int64)
    for _, bits in _observed(weight, context):
        histogram += np.bincount(count_inputs(bits), minlength=histogram.size)
    return histogram


def _mean_and_median(blocks: _Blocks, n_values: int) -> tuple[float, float]:
    """Return mean and median of ``n_values`` positive float32 values, read twice."""
    total = 0.0
    high_histogram = np.zeros(1 << 16, dtype=np.int64)
    for block in blocks():
        total += float(block.sum(dtype=np.float64))
        high_histogram += np.bincount(block.view(np.uint32) >> 16, minlength=1 << 16)
    places = [_rank_in(high_histogram, rank) for rank in _middle(n_values)]
    low_histograms = {high: _low_histogram(blocks, high) for high, _ in places}
    bits = [high << 16 | _rank_in(low_histograms[high], within)[0] for high, within in places]
    return total / n_values, float(np.array(bits, dtype=np.uint32).view(np.float32).mean(dtype=np.float64))


def _low_histogram(blocks: _Blocks, high: int) -> NDArray[np.int64]:
    """Return the histogram of the lower 16 bits of the values whose upper 16 bits are ``high``."""
    histogram = np.zeros(1 << 16, dtype=np.int64)
    for block in blocks():
        bits = block.view(np.uint32)
        histogram += np.bincount(bits[bits >> 16 == high] & 0xFFFF, minlength=1 << 16)
    return histogram


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
