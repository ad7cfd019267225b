"""The MVM statistics of a layer by the outlines of its chips, as the reference defines them.

A pixel counts where its centre lies in an outline. The reference paints a mask of the whole skycell for
every chip; here each row is cut into the runs between the outlines, and no pixel is touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mvmdb.errors import EmptyLayerError
from mvmdb.mosaic.depth import anticlockwise
from mvmdb.records import FootprintStatistics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_X, _Y = 0, 1


def footprint_statistics(
    outlines: Sequence[Floats], exptimes_s: ArrayLike, shape: tuple[int, int], skycell_n_pixels: int
) -> FootprintStatistics:
    """Return the statistics of the pixels inside the outlines.

    Parameters
    ----------
    outlines
        Vertices ``(n, 2)`` of a simple polygon for each chip, x and y in pixels of the layer with centres
        at the integers, not closed, in either sense; may stick out.
    exptimes_s
        Exposure time of each chip.
    shape
        Rows and columns of the layer, ``(ny, nx)``.
    skycell_n_pixels
        Number of pixels of the whole skycell at the scale of the layer.

    Raises
    ------
    EmptyLayerError
        No outline holds the centre of a pixel.

    Notes
    -----
    mvm_facts.md, section 6.1. Chips that overlap count each; an exposure of two chips counts twice where
    they do, and once elsewhere.
    """
    n_pixels, n_chips, exptime_s = _runs(outlines, np.asarray(exptimes_s, dtype=np.float64), shape)
    n_covered = int(n_pixels.sum())
    if n_covered == 0:
        raise EmptyLayerError("no outline holds the centre of a pixel of the layer")
    return FootprintStatistics(
        n_pixels_covered=n_covered,
        coverage_fraction=n_covered / skycell_n_pixels,
        mean_exptime_s=float(np.average(exptime_s, weights=n_pixels)),
        median_exptime_s=_median(exptime_s, n_pixels),
        mean_n_exposures=float(np.average(n_chips, weights=n_pixels)),
        median_n_exposures=_median(n_chips, n_pixels),
    )


def _runs(
    outlines: Sequence[Floats], exptimes_s: Floats, shape: tuple[int, int]
) -> tuple[Ints, Ints, Floats]:
    """Return length, number of chips and exposure time of the covered runs of pixels along the rows."""
    row, column, step, chip = _crossings(outlines, shape)
    order = np.argsort(row * (shape[1] + 1) + column, kind="stable")
    row, column, step = row[order], column[order], step[order]
    n_chips = np.cumsum(step)  # outlines are closed: the sum is 0 at the end of each row
    exptime_s = np.cumsum(step * exptimes_s[chip[order]])
    length = np.diff(column, append=0)
    inside = (n_chips > 0) & (length > 0) & (np.diff(row, append=-1) == 0)
    return length[inside], n_chips[inside], exptime_s[inside]


def _crossings(outlines: Sequence[Floats], shape: tuple[int, int]) -> tuple[Ints, Ints, Ints, Ints]:
    """Return where the outlines cross the centres of rows.

    For each crossing: the row, the first column beyond it, 1 where the outline is entered and -1 where it
    is left going right, and the number of the outline.
    """
    n_y, n_x = shape
    start = np.concatenate([anticlockwise(outline) for outline in outlines])
    end = np.concatenate([np.roll(anticlockwise(outline), -1, axis=0) for outline in outlines])
    chip = np.repeat(np.arange(len(outlines)), [len(outline) for outline in outlines])
    first, last = (
        np.clip(np.ceil(limit(start[:, _Y], end[:, _Y])), 0, n_y).astype(np.int64)
        for limit in (np.minimum, np.maximum)
    )
    n_rows = last - first
    side = np.repeat(np.arange(len(n_rows)), n_rows)
    row = np.arange(len(side)) + np.repeat(first - np.cumsum(n_rows) + n_rows, n_rows)
    slope = (end[side, _X] - start[side, _X]) / (end[side, _Y] - start[side, _Y])
    x = start[side, _X] + slope * (row - start[side, _Y])
    column = np.clip(np.ceil(x), 0, n_x).astype(np.int64)
    step = np.where(
        end[side, _Y] < start[side, _Y], 1, -1
    )  # anticlockwise: down on the left, up on the right
    return row, column, step, chip[side]


def _median(values: NDArray[np.number], counts: Ints) -> float:
    """Return the median of values that occur so many times each."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(counts[order])
    n_values = int(cumulative[-1])
    middle = np.searchsorted(cumulative, [(n_values - 1) // 2, n_values // 2], side="right")
    return float(values[order[middle]].mean())
