"""Which exposure reaches which skycell, from unit vectors alone: the second opinion on a million exposures.

A skycell is four planes through the centre of the sphere, a convex piece of a chip is as many planes as
it has sides. Two convex pieces of the sky are apart exactly when the plane of a side of one of them
separates them. No PostGIS, no projection of footprints, nothing of mvmdb: the numbers of the
tessellation are those typed in ``tests.support.vectors``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.vectors import (
    CELL_ORIGIN_PIX,
    CELL_RADIUS_DEG,
    PIXEL_RAD,
    SKYCELL_PIX,
    SKYCELL_STEP_PIX,
    TangentPlane,
    cell_planes,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_PER_SIDE = 21
MAS_RAD = np.radians(1e-3 / 3600)
CERTAIN_RAD = 1000 * MAS_RAD
"""A vertex this deep inside a skycell, or all this far beyond one of its edges: no more planes are needed."""
NEAR_PIX = 30.0
"""Skycells are looked at when the box around a footprint comes as near as this (1.2 arcsec)."""
CHUNK = 20_000


@dataclass(frozen=True)
class Pairs:
    """Exposures and skycells that overlap, or miss each other by no more than about an arcsecond."""

    key: Integers
    """Of exposure, projection cell, x and y: see ``pair_key``."""
    depth_mas: Floats
    """How far they reach into each other; negative: how far they are apart. Cut off at 1000 mas."""


def pair_key(exposure: Integers, cell: Integers, x: Integers, y: Integers) -> Integers:
    """Return one number for each exposure and skycell."""
    return ((exposure * 2644 + cell) * 32 + x) * 32 + y


def memberships(outlines: Iterable[tuple[Integers, Floats]]) -> Pairs:
    """Return the pairs of exposures and the skycells in or near them.

    Parameters
    ----------
    outlines
        Numbers of exposures ``(n,)``, and the vertices of their chips as unit vectors
        ``(n, n_chips, n_vertices, 3)``, going around either way.
    """
    found = [_memberships(*chunk) for item in outlines for chunk in _chunks(*item)]
    order = np.argsort(np.concatenate([pairs.key for pairs in found]))
    return Pairs(*(np.concatenate([vars(p)[name] for p in found])[order] for name in ("key", "depth_mas")))


def _chunks(index: Integers, vectors: Floats) -> Iterator[tuple[Integers, Floats]]:
    for start in range(0, len(index), CHUNK):
        yield index[start : start + CHUNK], vectors[start : start + CHUNK]


def _memberships(index: Integers, vectors: Floats) -> Pairs:
    exposure, cell = _near_cells(vectors)
    row, cell, x, y = _near_skycells(vectors, exposure, cell)
    depth_rad = np.full(len(row), -np.inf)
    for chip in range(vectors.shape[1]):
        depth_rad = np.maximum(depth_rad, _chip_depth(vectors[:, chip], row, _skycell(cell, x, y)))
    depth_mas = np.clip(depth_rad, -CERTAIN_RAD, CERTAIN_RAD) / MAS_RAD
    return Pairs(pair_key(index[row], cell, x, y), depth_mas)


def _near_cells(vectors: Floats) -> tuple[Integers, Integers]:
    """Return exposures and projection cells whose tangent points are near enough, by trying all."""
    first = vectors[:, 0, 0]
    largest_rad = np.arccos(np.clip(np.einsum("ncvi,ni->ncv", vectors, first).min(), -1, 1))
    cosine = np.cos(np.radians(CELL_RADIUS_DEG) + largest_rad)
    exposure, cell = np.nonzero(first @ cell_planes().centre.T > cosine)
    return exposure, cell


def _near_skycells(vectors: Floats, exposure: Integers, cell: Integers) -> tuple[Integers, ...]:
    """Return rows (exposure, cell, x, y): the columns and rows around the vertices, generously."""
    planes = cell_planes()
    plane = TangentPlane(*(part[cell][:, None, None] for part in (planes.centre, planes.east, planes.north)))
    xi, eta = (axis.reshape(len(cell), -1) for axis in plane.project(vectors[exposure]))
    x0, n_x = _numbers(CELL_ORIGIN_PIX - xi / PIXEL_RAD)
    y0, n_y = _numbers(CELL_ORIGIN_PIX + eta / PIXEL_RAD)
    pair = np.repeat(np.arange(len(cell)), n_x * n_y)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(n_x * n_y) - n_x * n_y, n_x * n_y)
    return exposure[pair], cell[pair], x0[pair] + place // n_y[pair], y0[pair] + place % n_y[pair]


def _numbers(pixels: Floats) -> tuple[Integers, Integers]:
    """Return the first number, from 1, and the count of skycells along an axis that come near a footprint."""
    low, high = pixels.min(axis=1) - NEAR_PIX, pixels.max(axis=1) + NEAR_PIX
    first = np.clip(np.floor((low - SKYCELL_PIX) / SKYCELL_STEP_PIX).astype(np.int64) + 2, 1, None)
    last = np.clip(np.floor(high / SKYCELL_STEP_PIX).astype(np.int64) + 1, None, N_PER_SIDE)
    return first, np.clip(last - first + 1, 0, None)


@dataclass(frozen=True)
class _Skycells:
    """The planes of the four edges, pointing inwards, and the corners: both ``(n, 4, 3)``."""

    normals: Floats
    corners: Floats

    def take(self, index: Integers) -> _Skycells:
        """Return some of them."""
        return _Skycells(self.normals[index], self.corners[index])


def _skycell(cell: Integers, x: Integers, y: Integers) -> _Skycells:
    planes = cell_planes()
    centre, east, north = planes.centre[cell], planes.east[cell], planes.north[cell]
    left, bottom = (x - 1) * SKYCELL_STEP_PIX - 0.5, (y - 1) * SKYCELL_STEP_PIX - 0.5
    # Standard coordinates of the edges: xi grows to the east, the columns to the west.
    xi = [(CELL_ORIGIN_PIX - edge)[:, None] * PIXEL_RAD for edge in (left, left + SKYCELL_PIX)]
    eta = [(edge - CELL_ORIGIN_PIX)[:, None] * PIXEL_RAD for edge in (bottom, bottom + SKYCELL_PIX)]
    normals = [xi[0] * centre - east, east - xi[1] * centre, north - eta[0] * centre, eta[1] * centre - north]
    corners = [centre + xi[i] * east + eta[j] * north for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
    return _Skycells(_unit(np.stack(normals, axis=1)), _unit(np.stack(corners, axis=1)))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _chip_depth(chips: Floats, row: Integers, skycells: _Skycells) -> Floats:
    """Return how far chips ``row`` reach into skycells, radians; what is certain is left at infinity."""
    # (pairs, edges, vertices): how far each vertex lies inside each edge.
    inside = np.einsum("pei,pvi->pev", skycells.normals, chips[row])
    apart = inside.max(axis=2).min(axis=1)
    within = inside.min(axis=1).max(axis=1)
    depth = np.where(apart < -CERTAIN_RAD, -np.inf, np.inf)
    doubtful = np.flatnonzero((apart >= -CERTAIN_RAD) & (within <= CERTAIN_RAD))
    if len(doubtful):
        depth[doubtful] = _exact_depth(chips[row[doubtful]], skycells.take(doubtful))
    return depth


def _exact_depth(chips: Floats, skycells: _Skycells) -> Floats:
    """Return the depth of the deepest convex piece of each chip in its skycell."""
    depth = np.full(len(chips), -np.inf)
    for pieces in _convex_pieces(chips):
        depth = np.maximum(depth, _convex_depth(pieces, skycells))
    return depth


def _convex_pieces(chips: Floats) -> Iterator[Floats]:
    """Yield the chips themselves when all are convex, else the triangles around their middles."""
    following = np.roll(chips, -1, axis=1)
    turns = np.einsum("pvi,pvi->pv", np.cross(chips, following), np.roll(chips, -2, axis=1))
    if np.all((turns > 0).all(axis=1) | (turns < 0).all(axis=1)):
        yield chips
        return
    middle = _unit(chips.mean(axis=1))
    for vertex in range(chips.shape[1]):
        yield np.stack([middle, chips[:, vertex], following[:, vertex]], axis=1)


def _convex_depth(pieces: Floats, skycells: _Skycells) -> Floats:
    """Return the depth of convex pieces in skycells: the least over the planes of all their sides.

    The depth at a side is how far beyond it the other polygon reaches to the inside; a separating side
    makes it negative.
    """
    at_edges = np.einsum("pei,pvi->pev", skycells.normals, pieces).max(axis=2).min(axis=1)
    # The difference keeps the digits that the product of two nearly equal vectors would lose.
    normals = _unit(np.cross(pieces, np.roll(pieces, -1, axis=1) - pieces))
    middle = pieces.mean(axis=1)
    normals *= np.sign(np.einsum("psi,pi->ps", normals, middle))[:, :, None]
    at_sides = np.einsum("psi,pci->psc", normals, skycells.corners).max(axis=2).min(axis=1)
    depth: Floats = np.minimum(at_edges, at_sides)
    return depth
