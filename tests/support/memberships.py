"""Which skycells a footprint reaches, computed with unit vectors, tangent planes and shapely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from shapely import Polygon, box

from mvmdb.sky.footprint import SkyRing
from tests.support.vectors import (
    CELL_RADIUS_DEG,
    TangentPlane,
    cell_pixels,
    cell_planes,
    skycell_bounds_pix,
    unit_vectors,
)

LARGEST_CAMERA_DEG = 0.05

Membership = tuple[str, str]
"""Exposure and skycell."""


def overlaps(name: str, footprints: Sequence[SkyRing], margin_pix: float) -> set[Membership]:
    """Return the skycells that any chip reaches, each drawn in by a margin, whatever their number."""
    planes, found = cell_planes(), set()
    chips = [unit_vectors(*np.array(ring).T) for ring in footprints]
    reach = np.cos(np.radians(CELL_RADIUS_DEG + LARGEST_CAMERA_DEG))
    for cell in np.flatnonzero(planes.centre @ chips[0][0] > reach).tolist():
        plane = TangentPlane(planes.centre[cell], planes.east[cell], planes.north[cell])
        shapes = [Polygon(np.transpose(cell_pixels(plane, chip))) for chip in chips]
        for shape in shapes:
            x, y = shape.exterior.xy
            for i in possible_numbers(min(x), max(x)):
                for j in possible_numbers(min(y), max(y)):
                    x0, y0, x1, y1 = skycell_bounds_pix(i, j)
                    skycell = box(x0 + margin_pix, y0 + margin_pix, x1 - margin_pix, y1 - margin_pix)
                    if shape.intersection(skycell).area > 0:
                        found.add((name, f"p{cell:04d}x{i:02d}y{j:02d}"))
    return found


def possible_numbers(least: float, greatest: float) -> list[int]:
    """Return the columns (or rows) of skycells that come near an interval."""
    return [i for i in range(1, 22) if (i - 1) * 21442 - 2 < greatest and least < (i - 1) * 21442 + 21956]
