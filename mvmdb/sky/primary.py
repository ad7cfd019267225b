"""Which skycell owns a position: a division of the sky without overlap, for counting everything once.

A position belongs to the projection cell with the nearest tangent point, among those whose skycells
hold it, and there to the skycell on whose side of the middle of the overlap it lies. Nearer to one point
than to another is a half space bounded by a plane through the centre of the sphere, so on any tangent
plane it is a half plane: the core of a cell is made of convex polygons with straight sides, exactly.

Beside the equator the nearest cell does not always hold a position: where the cells of two rings stand
like bricks, the tips of 16 cores reach a little beyond the last skycell. A tip goes to the next nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from mvmdb.names import N_SKYCELLS_PER_SIDE
from mvmdb.sky.grid import projection_cell_grid
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tessellation import (
    FINE_SCALE_ARCSEC,
    PROJECTION_CELL_CRPIX,
    SKYCELL_PIX,
    SKYCELL_STEP_PIX,
    projection_cells,
)

_NEIGHBOURS_WITHIN_DEG = 6.0
"""A little more than twice the 2.8 degrees that the farthest position is from its nearest tangent point."""

_FAR_PIX = 300_000.0
"""3.3 degrees: no core reaches as far from its tangent point."""

LAST_PIX = (N_SKYCELLS_PER_SIDE - 1) * SKYCELL_STEP_PIX + SKYCELL_PIX - 0.5
"""Far edge of the last skycell of a projection cell, 0-based fine pixels."""

_PIXEL_RAD = float(np.radians(FINE_SCALE_ARCSEC / 3600))
_ORIGIN_PIX = PROJECTION_CELL_CRPIX - 1


@dataclass(frozen=True, eq=False)
class CorePart:
    """A convex piece of sky that a projection cell owns."""

    projection_cell: int
    polygon: Floats
    """Vertices ``(n, 2)``: x, y in 0-based fine pixels of the cell, in order, not closed."""


HalfPlane = tuple[Floats, float]
"""Normal n and constant c: the pixels with n . (x, y) + c >= 0."""

_WITHIN_SKYCELLS: tuple[HalfPlane, ...] = (
    (np.array([1.0, 0.0]), 0.5),
    (np.array([0.0, 1.0]), 0.5),
    (np.array([-1.0, 0.0]), LAST_PIX),
    (np.array([0.0, -1.0]), LAST_PIX),
)


def core_parts() -> Iterator[CorePart]:
    """Yield the cores of all projection cells; together they cover the sky once."""
    for number in range(len(projection_cells())):
        yield from _parts_around(number)


def _parts_around(number: int) -> Iterator[CorePart]:
    """Yield the part nearest to a tangent point that its cell holds, and its tips as parts of others."""
    near = _neighbours(number)
    nearest = _clip(_far_square(), (_nearer(number, number, other) for other in near))
    yield CorePart(number, _clip(nearest, _WITHIN_SKYCELLS))
    for normal, constant in _WITHIN_SKYCELLS:
        tip = _clip(nearest, [(-normal, -constant)])
        if len(tip):
            yield from _share_tip(number, tip, near)


def _share_tip(number: int, tip: Floats, near: list[int]) -> Iterator[CorePart]:
    """Yield the pieces of a tip for the cells that are nearest when its own is left out."""
    for heir in near:
        piece = _clip(tip, (_nearer(number, heir, other) for other in near if other != heir))
        if len(piece):
            sky = projection_cell_grid(number).pixel_to_sky(*piece.T)
            yield CorePart(heir, np.transpose(projection_cell_grid(heir).sky_to_pixel(*sky)))


@cache
def _directions() -> Floats:
    """Return the unit vectors of all tangent points, ``(2644, 3)``."""
    ra_rad, dec_rad = np.radians([(cell.ra_deg, cell.dec_deg) for cell in projection_cells()]).T
    return np.stack(
        [np.cos(dec_rad) * np.cos(ra_rad), np.cos(dec_rad) * np.sin(ra_rad), np.sin(dec_rad)], axis=1
    )


def _neighbours(number: int) -> list[int]:
    """Return the cells whose tangent points may bound the core of one, nearest first."""
    cosine = _directions() @ _directions()[number]
    near = np.flatnonzero(cosine > np.cos(np.radians(_NEIGHBOURS_WITHIN_DEG)))
    return [int(k) for k in near[np.argsort(-cosine[near], kind="stable")] if k != number]


def _nearer(plane: int, one: int, other: int) -> HalfPlane:
    """Return the pixels of a cell's plane that are nearer to one tangent point than to another.

    Pixel x, y looks to ``centre + xi east + eta north``: ``xi = (origin - x) s``, ``eta = (y - origin) s``.
    """
    ra_rad, dec_rad = np.radians([projection_cells()[plane].ra_deg, projection_cells()[plane].dec_deg])
    east = np.array([-np.sin(ra_rad), np.cos(ra_rad), 0.0])
    north = np.array([-np.sin(dec_rad) * np.cos(ra_rad), -np.sin(dec_rad) * np.sin(ra_rad), np.cos(dec_rad)])
    toward = _directions()[one] - _directions()[other]
    normal = _PIXEL_RAD * np.array([-toward @ east, toward @ north])
    return normal, float(toward @ _directions()[plane] - _ORIGIN_PIX * normal.sum())


def _far_square() -> Floats:
    low, high = _ORIGIN_PIX - _FAR_PIX, _ORIGIN_PIX + _FAR_PIX
    return np.array([[low, low], [high, low], [high, high], [low, high]])


def _clip(polygon: Floats, half_planes: Iterable[HalfPlane]) -> Floats:
    """Return the part of a convex polygon in all half planes; no vertices where there is none."""
    for normal, constant in half_planes:
        height = polygon @ normal + constant
        if len(polygon) == 0 or height.min() >= 0:
            continue
        polygon = _cut(polygon, height)
    return polygon


def _cut(polygon: Floats, height: Floats) -> Floats:
    """Return the part of a convex polygon whose height over a line is not negative."""
    kept: list[Floats] = []
    for k, (point, here) in enumerate(zip(polygon, height, strict=True)):
        before, there = polygon[k - 1], height[k - 1]
        if (here >= 0) != (there >= 0):
            kept.append(before + (point - before) * (there / (there - here)))
        if here >= 0:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)
