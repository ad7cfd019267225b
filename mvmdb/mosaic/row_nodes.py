"""In which rows of a chip the kernel evaluates the distortion: between them, positions lie on parabolas.

Rows are told apart by their place on the chip, never by what is drawn of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mvmdb.mosaic.compiled import map_pixels
from mvmdb.mosaic.pixmap import TABLE_STEP_PIX, PixelMapping
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan

NODE_STEPS_PIX = (8, 4)
"""Distances between nodes that are tried, coarse to fine. A parabola takes two of them, and kinks of HST's
lookup tables fall between parabolas."""
_CHECKS = (1, 3, 5, 7)
"""Where the error is measured, eighths of a parabola."""
_MARGIN = 2.5
"""A kink of a table, wherever it lies, shows at one of them with 0.41 of its height or more."""


@dataclass(frozen=True)
class RowNodes:
    """How far apart the rows are that are evaluated, and what that costs in accuracy."""

    step_pix: int
    """Nodes lie in rows -1, -1 + step, ...; 1 where every row is evaluated."""
    error_pix: float
    """Largest distance to the exact position that was measured, output pixels; 0 when exact."""


EVERY_ROW = RowNodes(1, 0.0)


def place_nodes(mapping: PixelMapping, shape: tuple[int, int], max_error_pix: float) -> RowNodes:
    """Return the coarsest nodes that keep the error of a chip ``shape`` below a bound.

    Notes
    -----
    The error is measured in every 64th column, those of the kinks of the lookup tables of HST among them, and
    in four rows of each parabola. Between these columns it changes linearly, but for what is smooth.
    """
    if not (isinstance(mapping, TanToTan) and max_error_pix > 0):
        return EVERY_ROW
    for step_pix in NODE_STEPS_PIX:
        error_pix = _measure_error(mapping, shape, step_pix)
        if _MARGIN * error_pix <= max_error_pix:
            return RowNodes(step_pix, error_pix)
    return EVERY_ROW


def _measure_error(mapping: TanToTan, shape: tuple[int, int], step_pix: int) -> float:
    """Return the largest distance between parabolas and exact positions; NaN where these are undefined."""
    n_rows, n_columns = (
        -(-(n_pix + 1) // step) * step
        for n_pix, step in zip(shape, (2 * step_pix, TABLE_STEP_PIX), strict=True)
    )
    every = PixelBox(-1, -1, n_columns, n_rows)
    positions = map_pixels(mapping, every, apart=(TABLE_STEP_PIX, step_pix // 4))
    low, middle, high = positions[:-1:8], positions[4::8], positions[8::8]
    errors = (_on_parabola(low, middle, high, eighth / 4 - 1) - positions[eighth::8] for eighth in _CHECKS)
    return float(np.max([np.hypot(*np.moveaxis(error, -1, 0)).max() for error in errors]))


def _on_parabola(low: Floats, middle: Floats, high: Floats, t: float) -> Floats:
    """Return what lies at t on a parabola through values at -1, 0 and 1."""
    return 0.5 * t * (t - 1) * low + (1 - t * t) * middle + 0.5 * t * (t + 1) * high
