"""What is counted of a layer while it is drawn: everything that its statistics and its outline need.

The bit pattern of a positive float32 grows with its value. So the histogram of the upper halves of all
weights tells in which bin the median lies, that of the lower halves in this bin tells the number. To count
both in one pass, the bin is foreseen from the rows that were counted before. Where it was not, these rows are
looked at once more; the median is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mvmdb.mosaic.compiled import require_compiled
from mvmdb.mosaic.context import PLANE_BITS
from mvmdb.sky.bit_mask import BitMask

Float32s = NDArray[np.float32]
Counts = NDArray[np.int64]
HALF = 1 << 16
_MOST_BINS = 16
"""Foreseen at a time: a weight differs by 0.4 to 0.8 percent from one to the next."""
_PIXELS_OF_A_BIN = 4 * HALF
"""A histogram with more numbers than there are pixels would cost more than a second look."""
_FORESEEN_RANKS = (0.3, 0.5, 0.7)
"""Shares of the weights counted before that lie below the median of all: least, best guess, and most."""
_SAMPLED_ROWS = 16
"""Every so many of the first rows that are counted are looked at beforehand."""
_MOST_KEPT = 4 * _MOST_BINS


@dataclass(frozen=True, eq=False)
class TimeCounts:
    """Observed pixels by exposure time."""

    bits: NDArray[np.uint32]
    """Of every time that occurs, as float32, ascending."""
    n_pixels: Counts

    def plus(self, bits: NDArray[np.uint32], n_pixels: Counts) -> TimeCounts:
        """Return the sum with other pixels, times in any order."""
        every, place = np.unique(np.concatenate([self.bits, bits]), return_inverse=True)
        total = np.zeros(len(every), np.int64)
        np.add.at(total, place, np.concatenate([self.n_pixels, n_pixels]))
        return TimeCounts(every, total)


@dataclass(frozen=True, eq=False)
class LowHalves:
    """Weights with one and the same upper half."""

    counts: Counts
    """``(65536,)``: pixels by the lower half."""
    rows: NDArray[np.bool_]
    """``(ny,)``: the rows that were counted."""

    @classmethod
    def of_none(cls, n_rows: int) -> LowHalves:
        """Return those of a layer of which no row was counted."""
        return cls(np.zeros(HALF, np.int64), np.zeros(n_rows, np.bool_))


@dataclass(eq=False)
class Tally:
    """What is counted of a layer, rows in any order, by any number of threads: no number depends on that."""

    times_s: NDArray[np.float64]
    """As :func:`mvmdb.mosaic.context.byte_times_s` gives them."""
    observed: BitMask
    """Pixels with positive weight."""
    n_inputs: Counts
    """Observed pixels with 0, 1, 2, ... inputs."""
    bytes: Counts
    """``(4 n_planes, 256)``: observed pixels by the value of each byte of the context."""
    high_weight: Counts
    """Observed pixels by the upper 16 bits of their weight."""
    row_weight: NDArray[np.float64]
    """Sum of weights of each row."""
    row_time_s: NDArray[np.float64]
    """Sum of exposure times of each row, seconds."""
    times: TimeCounts
    low_weight: dict[int, LowHalves] = field(default_factory=dict)
    """Of the upper halves that were foreseen."""
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def empty(cls, shape: tuple[int, int], times_s: NDArray[np.float64]) -> Tally:
        """Return the tally of a layer ``(ny, nx)`` of which nothing has been counted."""
        n_bytes = len(times_s)
        return cls(
            times_s,
            BitMask.empty(shape),
            np.zeros(PLANE_BITS * n_bytes // 4 + 1, np.int64),
            np.zeros((n_bytes, 256), np.int64),
            np.zeros(HALF, np.int64),
            np.zeros(shape[0]),
            np.zeros(shape[0]),
            TimeCounts(np.zeros(0, np.uint32), np.zeros(0, np.int64)),
        )

    @property
    def n_observed(self) -> int:
        """Number of observed pixels."""
        return int(self.n_inputs.sum())


def count_rows(
    tally: Tally,
    first_row: int,
    weight: Float32s,
    context: NDArray[np.int32],
    *,
    science: Float32s | None = None,
    variance: Float32s | None = None,
) -> None:
    """Count some rows, each of them once, and finish them, in place.

    Parameters
    ----------
    tally
        Of the layer.
    first_row
        Row of the layer at which they begin.
    weight, context
        ``(ny, nx)`` and ``(n_planes, ny, nx)``, of native numbers; rows lie side by side.
    science, variance
        ``(ny, nx)``: made NaN where nothing was observed, the variance a standard deviation.
    """
    rows = slice(first_row, first_row + len(weight))
    foreseen = _foreseen(tally, weight)
    compiled = require_compiled()
    weights = np.zeros((compiled.HIGH_ROWS + len(foreseen), HALF), np.uint32)
    n_inputs, of_bytes = np.zeros_like(tally.n_inputs), np.zeros_like(tally.bytes)
    times = compiled.count(
        weight,
        context,
        tally.times_s,
        science,
        variance,
        tally.observed.packed[rows],
        foreseen.start,
        weights,
        n_inputs,
        of_bytes,
        tally.row_weight[rows],
        tally.row_time_s[rows],
    )
    with tally.lock:
        tally.n_inputs += n_inputs
        tally.bytes += of_bytes
        tally.times = tally.times.plus(*times)
        _add_weights(tally, rows, foreseen, weights)


def _foreseen(tally: Tally, weight: Float32s) -> range:
    """Return the upper halves of which one is expected to be that of the median of the layer."""
    n_bins = min(_MOST_BINS, weight.size // _PIXELS_OF_A_BIN)
    if n_bins == 0:
        return range(0)
    with tally.lock:
        high = np.cumsum(tally.high_weight)
    if high[-1] == 0:
        sample = weight[::_SAMPLED_ROWS].view(np.uint32) >> 16
        high = np.cumsum(np.bincount(sample[sample > 0], minlength=HALF))
    ranks = np.multiply(_FORESEEN_RANKS, high[-1])
    first, middle, last = np.searchsorted(high, ranks, side="right").tolist()
    first, last = max(first, middle - n_bins // 2), min(last, middle + (n_bins - 1) // 2, HALF - 1)
    return range(first, last + 1)


def _add_weights(tally: Tally, rows: slice, foreseen: range, weights: NDArray[np.uint32]) -> None:
    high, low = np.split(weights, [len(weights) - len(foreseen)])
    tally.high_weight += high.sum(axis=0, dtype=np.int64)
    tally.high_weight[foreseen.start : foreseen.stop] += low.sum(axis=1, dtype=np.int64)
    for upper, counts in zip(foreseen, low, strict=True):
        if upper not in tally.low_weight:
            tally.low_weight[upper] = LowHalves.of_none(len(tally.row_weight))
        tally.low_weight[upper].counts[:] += counts
        tally.low_weight[upper].rows[rows] = True
    fullest = sorted(tally.low_weight, key=lambda upper: int(tally.low_weight[upper].rows.sum()))
    for upper in fullest[:-_MOST_KEPT]:
        del tally.low_weight[upper]
