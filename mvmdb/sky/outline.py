"""The true outline of what a mosaic covers: a mask of pixels as polygons, with islands and holes.

An ``S_REGION`` is a row of ``POLYGON``, none of which can have a hole. So an island with holes is cut
through its holes into pieces that touch and do not overlap; together they cover what the island covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from mvmdb.sky.bit_mask import BitMask
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.grid import TanGrid

Mask = NDArray[np.bool_]
Observed = BitMask | NDArray[np.generic]
"""``(ny, nx)``, 0 where nothing was observed: bits, a mask, or weights, in memory or mapped from a file."""
Part = tuple[slice, slice]
Indices = NDArray[np.int64]

CLOSED_PIX = 2
"""Gaps and holes up to twice as wide are filled before the outline is drawn."""
SMALLEST_PIX = 100
"""Islands and holes of fewer pixels are left out."""
TOLERANCE_PIX = 1.0
"""How far the outline may lie from the edges of the pixels, unless it had too many vertices then."""
MOST_VERTICES = 2000
"""Of all polygons together; half a megabyte of header is no outline."""
MOST_VERTICES_OF_ONE = 600

_TILE_PIX = 512
_DIGITS = 8
"""Of a coordinate in degrees: 0.04 mas."""


def sky_outline(observed: Observed, grid: TanGrid) -> tuple[SkyRing, ...]:
    """Return the outline of the pixels that were observed, as polygons on the sky without holes.

    Parameters
    ----------
    observed
        Bits, mask or weights ``(ny, nx)``; of arrays bits are made first, some rows at a time.
    grid
        Its grid.

    Returns
    -------
    tuple of SkyRing
        In the order of the VO, counter-clockwise as seen with north up and east to the left. Empty where
        nothing larger than a speck was observed.

    Notes
    -----
    Straight lines on the tangent plane are great circles, so nothing is lost between the vertices.
    """
    rings = []
    for polygon in pixel_outline(observed):
        x_pix, y_pix = shapely.get_coordinates(polygon.exterior)[:-1].T
        ra_deg, dec_deg = grid.pixel_to_sky(x_pix, y_pix)
        rings.append(tuple(zip(ra_deg.tolist(), dec_deg.tolist(), strict=True)))
    return tuple(rings)


def pixel_outline(observed: Observed) -> list[Polygon]:
    """Return the same outline in 0-based pixels of the mask: polygons without holes, counter-clockwise."""
    loops = boundary_loops(observed, closed_pix=CLOSED_PIX)
    islands = island_polygons([loop for loop in loops if _n_pixels(loop.corners) >= SMALLEST_PIX])
    tolerance_pix = TOLERANCE_PIX
    while True:
        pieces = [piece for island in _simplified(islands, tolerance_pix) for piece in _without_holes(island)]
        n_vertices = [shapely.get_num_coordinates(piece) - 1 for piece in pieces]
        if sum(n_vertices) <= MOST_VERTICES and max(n_vertices, default=0) <= MOST_VERTICES_OF_ONE:
            return [shapely.orient_polygons(piece, exterior_cw=False) for piece in pieces]
        tolerance_pix *= 2


def s_region(rings: Sequence[SkyRing]) -> str:
    """Return polygons as the text of an ``S_REGION``: ``POLYGON ICRS`` and the vertices, for each."""
    return " ".join(
        "POLYGON ICRS " + " ".join(f"{ra_deg:.{_DIGITS}f} {dec_deg:.{_DIGITS}f}" for ra_deg, dec_deg in ring)
        for ring in rings
    )


@dataclass(frozen=True, eq=False)
class Loop:
    """A closed boundary of a mask."""

    corners: Indices
    """``(n, 2)``. Corner (x, y) is the lower left one of pixel (x, y)."""
    is_island: bool
    """What it encloses is set; otherwise it is a hole."""


def closed(observed: Observed, part: Part, closed_pix: int) -> Mask:
    """Return a part of a mask without the gaps that are at most ``2 closed_pix`` wide (a closing)."""
    bits = _bits(observed)
    near, missing = _with_ring(bits.shape, part, 2 * closed_pix, 2 * closed_pix)
    mask = bits[near]
    if not mask.any() or mask.all():
        return np.full([one.stop - one.start for one in part], mask.any())
    grown = _over_windows(np.pad(mask, missing), closed_pix, np.logical_or)
    return _over_windows(grown, closed_pix, np.logical_and)


def _with_ring(
    shape: tuple[int, ...], part: Part, before: int, after: int
) -> tuple[Part, list[tuple[int, int]]]:
    """Return a part of an array with some pixels around it, and how many of those lie outside."""
    near, missing = [], []
    for one, n_pix in zip(part, shape, strict=True):
        start, stop = one.start - before, one.stop + after
        near.append(slice(max(start, 0), min(stop, n_pix)))
        missing.append((max(-start, 0), max(stop - n_pix, 0)))
    rows, columns = near
    return (rows, columns), missing


def _bits(observed: Observed) -> BitMask:
    return observed if isinstance(observed, BitMask) else BitMask.of(observed)


def _over_windows(mask: Mask, reach_pix: int, combine: np.ufunc) -> Mask:
    """Return the combination of every window of 2 reach_pix + 1 pixels on a side that fits in a mask."""
    side = 2 * reach_pix + 1
    n_y, n_x = mask.shape[0] - side + 1, mask.shape[1] - side + 1
    rows: Mask = np.copy(mask[:n_y])
    for shift in range(1, side):
        combine(rows, mask[shift : shift + n_y], out=rows)
    result: Mask = np.copy(rows[:, :n_x])
    for shift in range(1, side):
        combine(result, rows[:, shift : shift + n_x], out=result)
    return result


def boundary_loops(observed: Observed, *, closed_pix: int = 0) -> Iterator[Loop]:
    """Yield the closed boundaries of a mask, or of its closing.

    Pixels that touch at a corner alone are not connected. Along a row of corners, and along a column, every
    other gap is a piece of boundary: that alone tells which corner follows which.
    """
    x, y, is_upper, is_filled = _corners(observed, closed_pix)
    across = _other_ends(np.arange(len(x)))
    along = _other_ends(np.lexsort((is_upper, y, x)))
    other, following = across.tolist(), along[across].tolist()
    seen = bytearray(len(x))
    for first in range(len(x)):
        loop, corner = [], first
        while not seen[corner]:
            seen[corner] = seen[other[corner]] = 1
            loop += [corner, other[corner]]
            corner = following[corner]
        if loop:  # it begins at the lower left corner of its lowest row
            yield Loop(np.column_stack([x[loop], y[loop]]), bool(is_filled[first]))


def _corners(observed: Observed, closed_pix: int) -> tuple[Indices, Indices, Mask, Mask]:
    """Return the corners of a mask, row by row.

    For each its x and y, whether it is the upper one of two twins, and whether the pixel above and to the
    right of it is set. Where two pixels touch at a corner alone there are two corners. The first of them in
    its row ends the piece of boundary to its left; the upper of them begins the piece above it.
    """
    bits = _bits(observed)
    n_y, n_x = bits.shape
    tiles = [
        _corners_in((rows, columns), bits, closed_pix)
        for rows in _slices(n_y + 1)
        for columns in _slices(n_x + 1)
    ]
    x, y, is_upper, is_filled = (np.concatenate(parts) for parts in zip(*tiles, strict=True))
    order = np.lexsort((x, y))
    return x[order], y[order], is_upper[order], is_filled[order]


def _slices(n: int) -> list[slice]:
    return [slice(start, min(start + _TILE_PIX, n)) for start in range(0, n, _TILE_PIX)]


def _corners_in(tile: Part, bits: BitMask, closed_pix: int) -> tuple[Indices, Indices, Mask, Mask]:
    """Return what :func:`_corners` does, of one tile; most are all one, which the bits tell soon."""
    near, missing = _with_ring(bits.shape, tile, 1, 0)
    around, _ = _with_ring(bits.shape, near, 2 * closed_pix, 2 * closed_pix)
    same = bits.same_everywhere(around)
    if same is False or (same and not np.any(missing)):
        return _NO_INDICES, _NO_INDICES, _NO_MASK, _NO_MASK
    mask = closed(bits, near, closed_pix)
    if not mask.any() or (mask.all() and not np.any(missing)):
        return _NO_INDICES, _NO_INDICES, _NO_MASK, _NO_MASK
    padded = np.pad(mask, missing)
    lower_left, lower_right, upper_left, upper_right = (
        padded[rows, columns] for rows in _SIDES for columns in _SIDES
    )
    is_touch = (lower_left == upper_right) & (lower_right == upper_left) & (lower_left != lower_right)
    is_corner = (lower_left ^ lower_right ^ upper_left ^ upper_right) | is_touch
    y, x = np.divmod(np.flatnonzero(is_corner), is_corner.shape[1])  # np.nonzero takes ten times as long
    is_twin, left_is_lower, is_filled = is_touch[y, x], lower_left[y, x], upper_right[y, x]
    place = np.repeat(np.arange(len(x)), 1 + is_twin)
    is_second = np.append(False, place[1:] == place[:-1])[: len(place)]
    is_upper = is_twin[place] & (is_second == left_is_lower[place])
    return x[place] + tile[1].start, y[place] + tile[0].start, is_upper, is_filled[place]


_SIDES = (slice(None, -1), slice(1, None))
_NO_INDICES = np.empty(0, dtype=np.int64)
_NO_MASK = np.empty(0, dtype=bool)


def _other_ends(order: Indices) -> Indices:
    """Return, for each corner, the other end of its piece of boundary; in this order they stand in pairs."""
    other = np.empty_like(order)
    other[order[::2]], other[order[1::2]] = order[1::2], order[::2]
    return other


def _n_pixels(loop: Indices) -> float:
    x, y = loop.T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def island_polygons(loops: Sequence[Loop]) -> list[Polygon]:
    """Return islands with their holes, in 0-based pixels, from all or some of the boundaries of a mask."""
    shells = [Polygon(loop.corners) for loop in loops if loop.is_island]
    holes: list[list[Indices]] = [[] for _ in shells]
    tree = shapely.STRtree(shells)
    for hole in (loop.corners for loop in loops if not loop.is_island):
        below = shapely.Point(hole[0] + (0.5, -0.5))
        around = [int(index) for index in tree.query(below, predicate="within")]
        if around:
            holes[min(around, key=lambda index: shells[index].area)].append(hole)
    whole = [Polygon(shell.exterior, inner) for shell, inner in zip(shells, holes, strict=True)]
    # an outline may touch itself at a corner, which a polygon must not
    moved = [shapely.transform(shapely.make_valid(polygon), lambda points: points - 0.5) for polygon in whole]
    return [part for polygon in moved for part in shapely.get_parts(polygon) if part.geom_type == "Polygon"]


def _simplified(islands: Sequence[Polygon], tolerance_pix: float) -> list[Polygon]:
    """Return islands with fewer vertices; those smaller than the tolerance allows are left out."""
    smallest = SMALLEST_PIX * (tolerance_pix / TOLERANCE_PIX) ** 2
    large = [
        Polygon(island.exterior, [hole for hole in island.interiors if Polygon(hole).area >= smallest])
        for island in islands
        if Polygon(island.exterior).area >= smallest
    ]
    return list(shapely.get_parts(shapely.union_all(shapely.simplify(large, tolerance_pix))))


def _without_holes(polygon: Polygon) -> Iterator[Polygon]:
    """Yield the pieces of a polygon, cut upright through its holes."""
    if not polygon.interiors:
        yield polygon
        return
    holes = sorted((hole.bounds[0] + hole.bounds[2]) / 2 for hole in polygon.interiors)
    x_cut = holes[len(holes) // 2]
    x0, y0, x1, y1 = polygon.bounds
    for side in (shapely.box(x0, y0, x_cut, y1), shapely.box(x_cut, y0, x1, y1)):
        for part in shapely.get_parts(polygon.intersection(side)):
            if part.geom_type == "Polygon":
                yield from _without_holes(part)
