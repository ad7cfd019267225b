"""In which rows of a chip the kernel evaluates the distortion: between them, positions lie on cubics.

Rows are told apart by their place on the chip, never by what is drawn of it. The kinks of the lookup tables
of HST lie in row 63 and every 64th row from there. D2IM moves those of NPOL by less than a pixel. So such a
row is evaluated by itself, and cubics hold for the 63 rows between two of them: no kink comes between their
nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mvmdb.mosaic.compiled import mapping_error_pix
from mvmdb.mosaic.pixmap import TABLE_STEP_PIX, PixelMapping
from mvmdb.sky.tan_mapping import TanToTan

NODE_COUNTS = (5, 9, 17)
"""Nodes between two kinks that are tried, few first. A cubic takes four, the nearest ones."""
_MARGIN = 2.0
"""By how much errors may be larger where they are not measured."""


@dataclass(frozen=True)
class RowNodes:
    """Which rows are evaluated, and what that costs in accuracy."""

    rows: tuple[int, ...]
    """Rows ``64 k - 1 + row`` of the chip, for each k; that of a kink, row 0, is evaluated as well. None
    where every row is."""
    error_pix: float
    """Largest distance to the exact position that was measured, output pixels; 0 when exact."""


EVERY_ROW = RowNodes((), 0.0)


def place_nodes(mapping: PixelMapping, shape: tuple[int, int], max_error_pix: float) -> RowNodes:
    """Return the fewest nodes that keep the error of a chip ``shape`` below a bound.

    Notes
    -----
    The error is measured in every 64th column, those of the kinks of HST's lookup tables among them. Between
    these it changes linearly, but for what is smooth.
    """
    if not (isinstance(mapping, TanToTan) and max_error_pix > 0):
        return EVERY_ROW
    for n_nodes in NODE_COUNTS:
        rows = node_rows(n_nodes)
        error_pix = mapping_error_pix(mapping, shape, rows)
        if _MARGIN * error_pix <= max_error_pix:
            return RowNodes(rows, error_pix)
    return EVERY_ROW


def node_rows(n_nodes: int) -> tuple[int, ...]:
    """Return rows from 1 to 63, as far apart as possible."""
    return tuple(np.linspace(1, TABLE_STEP_PIX - 1, n_nodes).round().astype(int).tolist())
