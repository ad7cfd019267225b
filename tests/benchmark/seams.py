"""Synthetic exposures where membership is hard: a fifth lies on seams of the sky and of the tessellation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.benchmark.footprints import (
    CAMERAS,
    Floats,
    Pointings,
    outlines,
    random_directions,
    sky_of,
    vectors_of,
)
from tests.support.vectors import (
    CELL_ORIGIN_PIX,
    PIXEL_RAD,
    SKYCELL_PIX,
    SKYCELL_STEP_PIX,
    TangentPlane,
    cell_planes,
)

ARCMINUTE_DEG = 1 / 60
N_CELLS, N_PER_SIDE, N_RINGS = 2644, 21, 46
FINEST_PIX, COARSEST_PIX = 1e-3, 0.25
"""How far footprints reach over an edge at least and at most: 0.04 to 10 mas."""


def on_seams(n: int, seed: int) -> Pointings:
    """Return exposures all over the sky; a fifth lies within an arcminute of something difficult.

    One in twenty-five each: RA 0, a pole, a seam between rings, a corner of a skycell or projection
    cell, and an edge of a skycell that a vertex or a whole side crosses, or fails to, by milliarcseconds.
    """
    random = np.random.default_rng(seed)
    few = n // 25
    parts = [
        _near_ra_0(few, random),
        _near_poles(few, random),
        _near_rings(few, random),
        _near_corners(few, random),
        _on_edges(few, random),
        _aimed(*sky_of(random_directions(n - 5 * few, random)), random),
    ]
    order = random.permutation(n)
    return Pointings(
        *(np.concatenate([vars(part)[name] for part in parts])[order] for name in vars(parts[0]))
    )


def _aimed(ra_deg: Floats, dec_deg: Floats, random: np.random.Generator) -> Pointings:
    n = len(ra_deg)
    return Pointings(ra_deg, dec_deg, random.uniform(0, 360, n), random.integers(0, len(CAMERAS), n))


def _near_ra_0(n: int, random: np.random.Generator) -> Pointings:
    dec_deg = np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    offset_deg = random.uniform(-ARCMINUTE_DEG, ARCMINUTE_DEG, n) / np.cos(np.radians(dec_deg))
    return _aimed(offset_deg, dec_deg, random)


def _near_poles(n: int, random: np.random.Generator) -> Pointings:
    distance_deg = ARCMINUTE_DEG * np.sqrt(random.uniform(0, 1, n))
    return _aimed(random.uniform(-180, 180, n), random.choice([-1, 1], n) * (90 - distance_deg), random)


def _near_rings(n: int, random: np.random.Generator) -> Pointings:
    """Halfway between two rings of tangent points, where a position changes its owner."""
    seam_deg = -88 + 4 * random.integers(0, N_RINGS - 1, n)
    dec_deg = seam_deg + random.uniform(-ARCMINUTE_DEG, ARCMINUTE_DEG, n)
    return _aimed(random.uniform(-180, 180, n), dec_deg, random)


def _near_corners(n: int, random: np.random.Generator) -> Pointings:
    corner = random.integers(0, N_PER_SIDE, (2, n)) * SKYCELL_STEP_PIX + random.choice(
        [-0.5, SKYCELL_PIX - 0.5], (2, n)
    )
    away_pix = random.uniform(-1, 1, (2, n)) * np.radians(ARCMINUTE_DEG) / PIXEL_RAD
    plane = _planes(random.integers(0, N_CELLS, n))
    return _aimed(*_sky(plane, *(corner + away_pix)), random)


def _on_edges(n: int, random: np.random.Generator) -> Pointings:
    """Footprints whose outermost vertex, or a side of theirs, lies just beyond an edge of a skycell.

    Half of the edges are the border of the projection cell, where the search on the sphere decides.
    """
    plane = _planes(random.integers(0, N_CELLS, n))
    inner = random.integers(0, N_PER_SIDE, n) * SKYCELL_STEP_PIX + random.choice([-0.5, SKYCELL_PIX - 0.5], n)
    border = random.choice([-0.5, (N_PER_SIDE - 1) * SKYCELL_STEP_PIX + SKYCELL_PIX - 0.5], n)
    reach_pix = np.exp(random.uniform(np.log(FINEST_PIX), np.log(COARSEST_PIX), n))
    goal_pix = np.where(random.random(n) < 0.5, border, inner) + random.choice([-1, 1], n) * reach_pix
    axis, upper = random.integers(0, 2, n), random.random(n) < 0.5
    is_side = random.random(n) < 0.5
    centre_pix = random.uniform(0, N_PER_SIDE * SKYCELL_STEP_PIX, (n, 2))
    centre_pix[np.arange(n), axis] = goal_pix
    pointings = _aimed(*_sky(plane, *centre_pix.T), random)
    for _ in range(8):
        turn_deg, outermost_pix = _outermost(pointings, plane, axis, upper)
        roll_deg = pointings.roll_deg + np.where(is_side, turn_deg, 0.0)
        centre_pix[np.arange(n), axis] += goal_pix - outermost_pix
        pointings = Pointings(*_sky(plane, *centre_pix.T), roll_deg, pointings.camera)
    return pointings


def _planes(cells: NDArray[np.int64]) -> TangentPlane:
    planes = cell_planes()
    return TangentPlane(planes.centre[cells], planes.east[cells], planes.north[cells])


def _sky(plane: TangentPlane, x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
    """Return the sky positions of 0-based pixels of projection cells."""
    ra_deg, dec_deg = plane.deproject(
        (CELL_ORIGIN_PIX - x_pix) * PIXEL_RAD, (y_pix - CELL_ORIGIN_PIX) * PIXEL_RAD
    )
    return sky_of(vectors_of(ra_deg, dec_deg))


def _outermost(
    pointings: Pointings, plane: TangentPlane, axis: NDArray[np.int64], upper: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the turn, degrees, that lays a side on the edge, and the outermost coordinate, pixels."""
    turn_deg, outermost_pix = np.empty(len(pointings)), np.empty(len(pointings))
    for item in outlines(pointings):
        i = item.index
        here = TangentPlane(*(part[i][:, None, None] for part in (plane.centre, plane.east, plane.north)))
        xi, eta = here.project(item.vectors)
        pixels = np.stack([CELL_ORIGIN_PIX - xi / PIXEL_RAD, CELL_ORIGIN_PIX + eta / PIXEL_RAD], axis=-1)
        across = np.take_along_axis(pixels, axis[i][:, None, None, None], axis=-1)[..., 0]
        across = np.where(upper[i], 1, -1)[:, None, None] * across
        outermost_pix[i] = np.where(upper[i], 1, -1) * across.reshape(len(i), -1).max(axis=1)
        turn_deg[i] = _turn_to_edge(pixels, across, axis[i])
    return turn_deg, outermost_pix


def _turn_to_edge(pixels: Floats, across: Floats, axis: NDArray[np.int64]) -> Floats:
    """Return the turn of the roll that makes a side at the outermost vertex parallel to the edge."""
    n, _, n_vertices = across.shape
    chip, vertex = np.divmod(across.reshape(n, -1).argmax(axis=1), n_vertices)
    row = np.arange(n)
    turns_deg = []
    for neighbour in ((vertex + 1) % n_vertices, vertex - 1):
        side = pixels[row, chip, neighbour] - pixels[row, chip, vertex]
        # x of the pixels grows to the west: a growing position angle turns (x, y) anticlockwise.
        turn = np.where(axis == 0, np.arctan2(side[:, 0], side[:, 1]), -np.arctan2(side[:, 1], side[:, 0]))
        turns_deg.append(np.degrees((turn + np.pi / 2) % np.pi - np.pi / 2))
    following, preceding = turns_deg
    smaller: Floats = np.where(np.abs(following) < np.abs(preceding), following, preceding)
    return smaller
