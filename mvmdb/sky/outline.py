"""The true outline of what a mosaic covers: a mask of pixels as polygons, with islands and holes.

An ``S_REGION`` is a row of ``POLYGON``, none of which can have a hole. So an island with holes is cut
through its holes into pieces that touch and do not overlap; together they cover what the island covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.grid import TanGrid

Mask = NDArray[np.bool_]
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

_ROWS_AT_ONCE = 512
_DIGITS = 8
"""Of a coordinate in degrees: 0.04 mas."""


def sky_outline(observed: Mask, grid: TanGrid) -> tuple[SkyRing, ...]:
    """Return the outline of the pixels that were observed, as polygons on the sky without holes.

    Parameters
    ----------
    observed
        Mask ``(ny, nx)``.
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


def pixel_outline(observed: Mask) -> list[Polygon]:
    """Return the same outline in 0-based pixels of the mask: polygons without holes, counter-clockwise."""
    mask = closed(observed)
    islands = island_polygons(
        mask, [loop for loop in boundary_loops(mask) if _n_pixels(loop) >= SMALLEST_PIX]
    )
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


def closed(observed: Mask) -> Mask:
    """Return a mask without the gaps that are at most ``2 CLOSED_PIX`` wide (a morphological closing)."""
    result = np.empty_like(observed)
    reach = 2 * CLOSED_PIX
    for start in range(0, len(observed), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(observed))
        rows = observed[max(start - reach, 0) : stop + reach]
        missing = (max(reach - start, 0), max(stop + reach - len(observed), 0))
        grown = _over_windows(np.pad(rows, (missing, (reach, reach))), np.logical_or)
        result[start:stop] = _over_windows(grown, np.logical_and)
    return result


def _over_windows(mask: Mask, combine: np.ufunc) -> Mask:
    """Return the combination of every window of 2 CLOSED_PIX + 1 pixels on a side that fits in a mask."""
    side = 2 * CLOSED_PIX + 1
    n_y, n_x = mask.shape[0] - side + 1, mask.shape[1] - side + 1
    rows: Mask = np.copy(mask[:n_y])
    for shift in range(1, side):
        combine(rows, mask[shift : shift + n_y], out=rows)
    result: Mask = np.copy(rows[:, :n_x])
    for shift in range(1, side):
        combine(result, rows[:, shift : shift + n_x], out=result)
    return result


def boundary_loops(mask: Mask) -> Iterator[Indices]:
    """Yield the closed boundaries of a mask, each as its corners ``(n, 2)``.

    Corner (x, y) is the lower left one of pixel (x, y). Pixels that touch at a corner alone are not
    connected. Along a row of corners, and along a column, every other gap is a piece of boundary: that
    alone tells which corner follows which.
    """
    x, y, is_upper = _corners(mask)
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
        if loop:
            yield np.column_stack([x[loop], y[loop]])


def _corners(mask: Mask) -> tuple[Indices, Indices, Mask]:
    """Return x and y of the corners of a mask, row by row, and whether a twin is the upper one of two.

    Where two pixels touch at a corner alone there are two corners. The first of them in its row ends the
    piece of boundary to its left; the upper of them begins the piece above it.
    """
    found = []
    for start in range(0, len(mask) + 1, _ROWS_AT_ONCE):
        rows = mask[max(start - 1, 0) : start + _ROWS_AT_ONCE]
        padded = np.pad(rows, ((start == 0, start + _ROWS_AT_ONCE > len(mask)), (1, 1)))
        lower_left, lower_right, upper_left, upper_right = (
            padded[rows, columns] for rows in _SIDES for columns in _SIDES
        )
        is_touch = (lower_left == upper_right) & (lower_right == upper_left) & (lower_left != lower_right)
        y, x = np.nonzero((lower_left ^ lower_right ^ upper_left ^ upper_right) | is_touch)
        is_twin, left_is_lower = is_touch[y, x], lower_left[y, x]
        place = np.repeat(np.arange(len(x)), 1 + is_twin)
        is_second = np.append(False, place[1:] == place[:-1])[: len(place)]
        is_upper = is_twin[place] & (is_second == left_is_lower[place])
        found.append((x[place], y[place] + start, is_upper))
    x, y, is_upper = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return x, y, is_upper


_SIDES = (slice(None, -1), slice(1, None))


def _other_ends(order: Indices) -> Indices:
    """Return, for each corner, the other end of its piece of boundary; in this order they stand in pairs."""
    other = np.empty_like(order)
    other[order[::2]], other[order[1::2]] = order[1::2], order[::2]
    return other


def _n_pixels(loop: Indices) -> float:
    x, y = loop.T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def island_polygons(mask: Mask, loops: Sequence[Indices]) -> list[Polygon]:
    """Return the islands of a mask, with their holes, in 0-based pixels.

    Parameters
    ----------
    mask
        Where the loops are the boundaries.
    loops
        As :func:`boundary_loops` gives them, all or some. Each begins at the lower left corner of its
        lowest row, so that the pixel above that corner tells islands from holes.
    """
    padded = np.pad(mask, (0, 1))
    is_island = [bool(padded[loop[0][1], loop[0][0]]) for loop in loops]
    shells = [Polygon(loop) for loop, island in zip(loops, is_island, strict=True) if island]
    holes: list[list[Indices]] = [[] for _ in shells]
    tree = shapely.STRtree(shells)
    for hole in (loop for loop, island in zip(loops, is_island, strict=True) if not island):
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
