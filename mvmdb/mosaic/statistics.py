"""The MVM statistics of a layer, from its weight and context images; exact, a block of rows at a time.

A pixel counts as observed where its weight is positive. The reference pipeline defines the same
quantities over polygon masks of the chips; these count what really contributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import fsum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mvmdb.errors import EmptyLayerError, GridMismatchError
from mvmdb.mosaic.blocks import row_blocks
from mvmdb.mosaic.compiled import require_compiled
from mvmdb.mosaic.context import BYTE_BITS, PLANE_BITS, byte_times_s, require_bits, require_same_grid
from mvmdb.records import InputStatistics, LayerStatistics

Float32s = NDArray[np.float32]
Counts = NDArray[np.int64]
_HALF = 1 << 16


@dataclass(frozen=True, eq=False)
class Tally:
    """What is counted on some rows of a layer; tallies of other rows are added to it."""

    n_inputs: Counts
    """Observed pixels with 0, 1, 2, ... inputs."""
    bytes: Counts
    """``(4 n_planes, 256)``: observed pixels by the value of each byte of the context."""
    high_weight: Counts
    """Observed pixels by the upper 16 bits of their weight."""
    high_time: Counts
    """The same of their exposure time."""
    row_weight: NDArray[np.float64]
    """Sum of weights of each row."""
    row_time_s: NDArray[np.float64]
    """Sum of exposure times of each row, seconds."""

    @property
    def n_observed(self) -> int:
        """Number of observed pixels."""
        return int(self.n_inputs.sum())


def empty_tally(n_planes: int, n_rows: int) -> Tally:
    """Return the tally of a layer of which nothing has been counted."""
    return Tally(
        np.zeros(PLANE_BITS * n_planes + 1, np.int64),
        np.zeros((4 * n_planes, 256), np.int64),
        np.zeros(_HALF, np.int64),
        np.zeros(_HALF, np.int64),
        np.zeros(n_rows),
        np.zeros(n_rows),
    )


def tally_rows(
    tally: Tally, first_row: int, weight: Float32s, context: NDArray[np.int32], times_s: NDArray[np.float64]
) -> None:
    """Count some rows, in place.

    Parameters
    ----------
    tally
        Of the layer.
    first_row
        Row of the layer at which they begin.
    weight, context
        ``(ny, nx)`` and ``(n_planes, ny, nx)``, any byte order.
    times_s
        As :func:`mvmdb.mosaic.context.byte_times_s` gives them.
    """
    rows = slice(first_row, first_row + len(weight))
    require_compiled().count(
        *_native(weight, context),
        times_s,
        tally.n_inputs,
        tally.bytes,
        tally.high_weight,
        tally.high_time,
        tally.row_weight[rows],
        tally.row_time_s[rows],
    )


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
    times_s = byte_times_s(exptimes_s, len(context))
    tally = empty_tally(len(context), len(weight))
    for rows in row_blocks(*weight.shape):
        tally_rows(tally, rows.start, weight[rows], context[:, rows], times_s)
    return summarise(tally, weight, context, times_s, skycell_n_pixels)


def summarise(
    tally: Tally,
    weight: Float32s,
    context: NDArray[np.int32],
    times_s: NDArray[np.float64],
    skycell_n_pixels: int,
    *,
    n_threads: int = 1,
) -> LayerStatistics:
    """Return the statistics of a layer whose rows have all been counted; its arrays are read once more.

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
    median_weight, median_time_s = _medians(tally, weight, context, times_s, n_threads)
    return LayerStatistics(
        n_pixels_observed=n_observed,
        coverage_fraction=n_observed / skycell_n_pixels,
        mean_exptime_s=fsum(tally.row_time_s) / n_observed,
        median_exptime_s=median_time_s,
        mean_n_exposures=float(tally.n_inputs @ np.arange(tally.n_inputs.size)) / n_observed,
        median_n_exposures=_median_bin(tally.n_inputs),
        mean_weight=fsum(tally.row_weight) / n_observed,
        median_weight=median_weight,
    )


def input_statistics(tally: Tally, n_inputs: int) -> tuple[InputStatistics, ...]:
    """Return what each input gave to a layer, in context order."""
    counts = (tally.bytes @ BYTE_BITS).ravel()[:n_inputs]
    return tuple(InputStatistics(index, int(n_pixels)) for index, n_pixels in enumerate(counts))


def _native(weight: Float32s, context: NDArray[np.int32]) -> tuple[Float32s, NDArray[np.int32]]:
    return np.ascontiguousarray(weight, dtype=np.float32), np.ascontiguousarray(context, dtype=np.int32)


def _medians(
    tally: Tally,
    weight: Float32s,
    context: NDArray[np.int32],
    times_s: NDArray[np.float64],
    n_threads: int,
) -> tuple[float, float]:
    """Return the medians of weight and exposure time.

    The bit pattern of a positive float32 grows with its value: the histogram of the upper halves tells in
    which bin the middle one lies, that of the lower halves in this bin tells the number.
    """
    places = [
        [_rank_in(high, rank) for rank in _middle(tally.n_observed)]
        for high in (tally.high_weight, tally.high_time)
    ]
    low = {}
    with ThreadPoolExecutor(n_threads) as pool:
        for wanted in {(w, t) for (w, _), (t, _) in zip(*places, strict=True)}:
            count = partial(_low_halves, weight, context, times_s, wanted)
            counts = np.sum(list(pool.map(count, _shares(tally, weight.shape, n_threads))), axis=0)
            low[0, wanted[0]], low[1, wanted[1]] = counts
    weights, times = (
        [high << 16 | _rank_in(low[kind, high], within)[0] for high, within in found]
        for kind, found in enumerate(places)
    )
    return _mean_of_bits(weights), _mean_of_bits(times)


def _shares(tally: Tally, shape: tuple[int, ...], n_threads: int) -> list[list[slice]]:
    """Return blocks of rows for each thread; those in which nothing was observed need not be read."""
    blocks = [rows for rows in row_blocks(*shape) if tally.row_weight[rows].any()]
    return [blocks[first::n_threads] for first in range(n_threads)]


def _low_halves(
    weight: Float32s,
    context: NDArray[np.int32],
    times_s: NDArray[np.float64],
    halves: tuple[int, int],
    blocks: Sequence[slice],
) -> Counts:
    """Return the histograms ``(2, 65536)`` of lower halves: of weights and times with these upper halves."""
    low = np.zeros((2, _HALF), np.int64)
    for rows in blocks:
        native = _native(weight[rows], context[:, rows])
        require_compiled().count_low(*native, times_s, *halves, *low)
    return low


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
