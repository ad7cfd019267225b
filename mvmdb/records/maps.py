"""What maps draw and count: outlines and depths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.names import LayerName, SkycellName
from mvmdb.sky.binning import binned_grid
from mvmdb.sky.grid import PixelBox, TanGrid, skycell_grid


@dataclass(frozen=True, eq=False)
class ChipOutline:
    """One chip that reaches a skycell: what a map draws and a depth map adds up."""

    exposure: str
    chip: int | None
    """EXTVER of the SCI extension; None where only the footprint is known."""
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    vertices_pix: NDArray[np.float64]
    """Shape ``(n, 2)``, x and y in 0-based fine pixels of the skycell, not closed; may leave the skycell."""


def first_chips(outlines: Sequence[ChipOutline]) -> tuple[ChipOutline, ...]:
    """Return one outline per exposure, its first, in the given order."""
    found: dict[str, ChipOutline] = {}
    for outline in outlines:
        found.setdefault(outline.exposure, outline)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class DepthMap:
    """How deep a skycell, or one layer of it, has been observed, from footprints alone."""

    skycell: SkycellName
    layer: LayerName | None
    """The layer that was counted; None counts everything that reaches the skycell."""
    box: PixelBox
    """The part of the skycell that is mapped, in its fine pixels."""
    bin_pix: int
    """Side of a bin, fine pixels."""
    exptime_s: NDArray[np.float64]
    """Mean over each bin of the exposure time of the chips there, ``(ny, nx)``."""
    n_chips: NDArray[np.float64]
    """Mean over each bin of the number of chips there, ``(ny, nx)``."""
    outlines: tuple[ChipOutline, ...]
    """What was counted, in order of time."""

    @property
    def grid(self) -> TanGrid:
        """The grid of the bins."""
        return binned_grid(skycell_grid(self.skycell).subarray(self.box), self.bin_pix)

    @property
    def exposures(self) -> tuple[ChipOutline, ...]:
        """The first chip of each exposure, in order of time."""
        return first_chips(self.outlines)


@dataclass(frozen=True, eq=False)
class SkyDepth:
    """How many exposures lie where on the whole sky, in HEALPix cells."""

    healpix_order: int
    cell: NDArray[np.int64]
    """Numbers of the cells that hold exposures, nested scheme."""
    n_exposures: NDArray[np.int64]
    exptime_s: NDArray[np.float64]
    """Sum of the exposure times in each cell."""
