"""Depth from outlines alone: by how many polygons each bin of a grid is covered, exactly by area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PIECES_PER_BATCH = 1 << 19
"""Pieces of outlines worked on at a time, in some 200 MB."""
_RESIDUE = 1e-9
"""What rounding leaves where nothing lies is far less than this fraction of the largest weight."""
_X, _Y = 0, 1


def depth_map(
    outlines: Sequence[Floats], weights: Floats, shape: tuple[int, int], size: tuple[float, float]
) -> Floats:
    """Add up weighted polygons on a grid: in each bin, a polygon counts by the fraction it covers.

    Parameters
    ----------
    outlines
        Vertices ``(n, 2)`` of simple polygons, x and y in bins, not closed, in either sense; bin (0, 0)
        covers 0 to 1 on both axes.
    weights
        Array ``(n_maps, n_polygons)``: what a bin inside the polygon gets in each map.
    shape
        Rows and columns of the maps, ``(ny, nx)``.
    size
        Width and height of the mapped area in bins, where polygons are cut. At most ``nx`` and ``ny``, and
        more than one less; the value of a bin that sticks out is the mean over its part inside.

    Returns
    -------
    ndarray
        Shape ``(n_maps, ny, nx)``.

    Notes
    -----
    As font rasterisers do it: a piece of an outline adds its height to the bin it lies in and, for the area
    to its left, takes from there and gives to the next bin. Running sums along the rows then are covered
    fractions. The cost is that of the outlines; the areas inside are free.
    """
    n_y, n_x = shape
    borders = np.zeros((len(weights), n_y * (n_x + 2)))
    for batch in _batches(outlines):
        sides, polygon = _sides(outlines, batch)
        sides, polygon = _split(sides, polygon, _Y, _grid_lines(size[_Y]))
        middle_y = sides[:, :, _Y].mean(axis=1)
        inside = (middle_y > 0) & (middle_y < size[_Y])
        sides, polygon = _split(sides[inside], polygon[inside], _X, _grid_lines(size[_X]))
        # Beyond the left and right border only the height of a side counts: it keeps the rows closed.
        np.clip(sides[:, :, _X], 0.0, size[_X], out=sides[:, :, _X])
        _add_borders(borders, sides, weights[:, polygon], n_x + 2)
    covered: Floats = np.cumsum(borders.reshape(-1, n_y, n_x + 2), axis=2)[:, :, :n_x]
    covered /= np.outer(_parts_inside(size[_Y], n_y), _parts_inside(size[_X], n_x))
    covered[np.abs(covered) < _RESIDUE * np.abs(weights).max(initial=0.0)] = 0.0
    return covered


def _batches(outlines: Sequence[Floats]) -> Iterator[slice]:
    """Yield runs of polygons whose sides cross about as many bins as are worked on at a time."""
    n_pieces = [2 * len(line) + np.abs(line - np.roll(line, 1, axis=0)).sum() for line in outlines]
    batch = (np.cumsum(n_pieces) // _PIECES_PER_BATCH).astype(int)
    limits = np.flatnonzero(np.diff(batch, prepend=-1, append=-1)) if len(outlines) else np.empty(0, int)
    for start, stop in pairwise(limits.tolist()):
        yield slice(start, stop)


def _sides(outlines: Sequence[Floats], batch: slice) -> tuple[Floats, NDArray[np.intp]]:
    """Return sides ``(n, 2 ends, 2 axes)`` with their polygon to the left, and the index of that polygon."""
    found = [anticlockwise(outline) for outline in outlines[batch]]
    sides = np.concatenate([np.stack([line, np.roll(line, -1, axis=0)], axis=1) for line in found])
    polygon = np.repeat(np.arange(batch.start, batch.stop), [len(line) for line in found])
    rising = sides[:, 0, _Y] != sides[:, 1, _Y]  # a level side has no height to add
    return sides[rising], polygon[rising]


def anticlockwise(outline: Floats) -> Floats:
    """Return a simple polygon, vertices ``(n, 2)``, turned so that its inside lies to the left."""
    x, y = (outline - outline[0]).T
    area = np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    return outline if area > 0 else outline[::-1]


def _grid_lines(size: float) -> Floats:
    """Return the borders of bins from 0 to the border of the area."""
    return np.append(np.arange(np.ceil(size)), size)


def _split(
    sides: Floats, polygon: NDArray[np.intp], axis: int, lines: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Return the pieces into which lines across an axis cut the sides."""
    low, high = sides[:, :, axis].min(axis=1), sides[:, :, axis].max(axis=1)
    first = np.searchsorted(lines, low, side="right")
    count = np.maximum(np.searchsorted(lines, high, side="left") - first, 0) + 1
    index = np.repeat(np.arange(len(sides)), count)
    gap = np.arange(len(index)) + np.repeat(first - np.cumsum(count) + count, count)
    borders = np.concatenate([[-np.inf], lines, [np.inf]])
    pieces, whole = sides[index], sides[index]
    along = np.clip(whole[:, :, axis], borders[gap, np.newaxis], borders[gap + 1, np.newaxis])
    length = whole[:, 1, axis] - whole[:, 0, axis]
    cut = length != 0
    fraction = (along[cut] - whole[cut, :1, axis]) / length[cut, np.newaxis]
    across = whole[cut, :, 1 - axis]
    pieces[cut, :, 1 - axis] = across[:, :1] + fraction * (across[:, 1:] - across[:, :1])
    pieces[:, :, axis] = along
    return pieces, polygon[index]


def _add_borders(borders: Floats, sides: Floats, weights: Floats, stride: int) -> None:
    """Add pieces that lie in one bin each to the borders, shape ``(n_maps, ny * stride)``."""
    height = sides[:, 0, _Y] - sides[:, 1, _Y]
    middle = sides.mean(axis=1)
    column, row = np.floor(middle).astype(np.intp).T
    to_next = middle[:, _X] - column
    here = row * stride + column
    for border, weight in zip(borders, weights, strict=True):
        np.add.at(border, here, weight * height * (1 - to_next))
        np.add.at(border, here + 1, weight * height * to_next)


def _parts_inside(size: float, n_bins: int) -> Floats:
    """Return how much of each bin lies inside the area: all of it, except perhaps for the last."""
    parts: Floats = np.minimum(size - np.arange(n_bins), 1.0)
    return parts
