"""Which skycells lie around one: those of its projection cell and of others, in its own pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mvmdb.names import N_SKYCELLS_PER_SIDE, SkycellName
from mvmdb.sky.grid import PixelBox, projection_cell_grid, skycell_box, skycell_grid
from mvmdb.sky.sphere import Floats, separation_deg
from mvmdb.sky.tessellation import SKYCELL_PIX, SKYCELL_STEP_PIX, projection_cells

_CELL_RADIUS_DEG = 3.6
"""No skycell lies farther from the tangent point of its projection cell."""


@dataclass(frozen=True, eq=False)
class SkycellOutline:
    """A skycell on the grid of another; great circles are straight there, so its corners say all."""

    skycell: SkycellName
    corners_pix: Floats
    """Outer corners, shape ``(4, 2)``, in 0-based fine pixels of the other skycell."""


def skycells_around(skycell: SkycellName, box: PixelBox) -> Iterator[SkycellOutline]:
    """Yield every skycell that meets a box of fine pixels of a skycell, by name, itself among them.

    Parameters
    ----------
    skycell
        On whose grid the others are seen.
    box
        Of a few degrees at most; may leave the skycell.

    Notes
    -----
    Near the box some are among them that just miss it, since boxes are turned against each other.
    """
    grid = skycell_grid(skycell)
    for name in _candidates(*grid.pixel_to_sky(*_corners(box).T)):
        theirs = projection_cell_grid(name.projection_cell)
        sky = theirs.pixel_to_sky(*_corners(skycell_box(name)).T)
        yield SkycellOutline(name, np.stack(grid.sky_to_pixel(*sky), axis=-1))


def _corners(box: PixelBox) -> Floats:
    """Return the outer corners of the corner pixels of a box, around it."""
    x0, y0, x1, y1 = box.x0 - 0.5, box.y0 - 0.5, box.x1 - 0.5, box.y1 - 0.5
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _candidates(ra_deg: Floats, dec_deg: Floats) -> Iterator[SkycellName]:
    """Yield the skycells that come near the convex polygon of some positions."""
    cells = projection_cells()
    cell_ra_deg, cell_dec_deg = np.array([(cell.ra_deg, cell.dec_deg) for cell in cells]).T
    size_deg = separation_deg(ra_deg[0], dec_deg[0], ra_deg, dec_deg).max()
    away_deg = separation_deg(ra_deg[0], dec_deg[0], cell_ra_deg, cell_dec_deg)
    for number in np.flatnonzero(away_deg < _CELL_RADIUS_DEG + size_deg).tolist():
        x_pix, y_pix = projection_cell_grid(number).sky_to_pixel(ra_deg, dec_deg)
        for x in _numbers_along(x_pix):
            yield from (SkycellName(number, x, y) for y in _numbers_along(y_pix))


def _numbers_along(pixels: Floats) -> range:
    """Return the columns (or rows) of skycells between the least and the greatest of some pixels."""
    first = int(np.floor((pixels.min() - SKYCELL_PIX + 0.5) / SKYCELL_STEP_PIX)) + 2
    last = int(np.floor((pixels.max() + 0.5) / SKYCELL_STEP_PIX)) + 1
    return range(max(first, 1), min(last, N_SKYCELLS_PER_SIDE) + 1)
