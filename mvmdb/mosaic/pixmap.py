"""Input pixel -> output pixel: exact, or interpolated between nodes with a measured error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import MosaicError
from mvmdb.mosaic.blocks import row_blocks
from mvmdb.sky.grid import PixelBox

Floats = NDArray[np.float64]
Pixels = NDArray[np.int64]

PixelMapping = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""0-based positions x, y of the input frame -> 0-based positions of the output frame.

Called with one-dimensional arrays of equal length, which it must not change.
"""

TABLE_STEP_PIX = 64
"""Step of the HST lookup tables (NPOL, D2IM); their kinks lie on pixels 63, 127, 191, ..."""
NODE_STEPS_PIX = (16, 8, 4)
"""Distances between nodes that are tried, coarse to fine; all divide the step of the tables."""
_CHECK_FRACTIONS = (0.25, 0.5, 0.75)
_CHECK_MARGIN = 1.25
_MAX_CHECK_LINES = 16
_BORDER_PIX = 1e-3
_CELL_ENDS = (slice(None, -1), slice(1, None))


@dataclass(frozen=True, eq=False)
class Pixmap:
    """Where the pixels of a part of an input frame fall."""

    positions: Floats
    """``(ny, nx, 2)``: output x and y of every pixel centre of ``part``."""
    part: PixelBox
    """The part of the input frame."""
    error_pix: float
    """Largest distance, in output pixels, to the exact position at the check points; 0 when exact."""
    node_step_pix: int
    """Distance between the nodes, input pixels; 1 when every pixel was evaluated."""


@dataclass(frozen=True, eq=False)
class _Nodes:
    """A mapping evaluated on the product of some columns and some rows."""

    x: Pixels
    y: Pixels
    positions: Floats
    """``(len(y), len(x), 2)``."""


def compute_pixmap(
    mapping: PixelMapping, shape: tuple[int, int], *, max_error_pix: float, part: PixelBox | None = None
) -> Pixmap:
    """Return the output position of every pixel centre.

    Parameters
    ----------
    mapping
        Input to output positions.
    shape
        ``(ny, nx)`` of the input frame.
    max_error_pix
        Largest error allowed, output pixels; 0 evaluates every pixel.
    part
        The box of the input frame that is wanted, at least 2 x 2 pixels; all of it by default. It may reach
        one pixel beyond the frame, where the mapping goes on.

    Raises
    ------
    MosaicError
        The mapping is not finite somewhere.
    ValueError
        ``max_error_pix`` is negative, or the part is too small or not inside the frame.

    Notes
    -----
    Nodes lie on the kinks of the lookup tables, between which the distortion is smooth, and on the
    edges of the part. The error is measured on some lines of pixels, each followed from edge to
    edge: a kink of a table runs along a whole column or row, so every one crosses them, and the
    smooth part changes little from one line to the next. Along a line three points of each cell are
    compared; a kink anywhere in the cell shows there with at least 0.8 of its height. For that, and
    for what lies between the lines, a fifth of ``max_error_pix`` is kept in hand.
    """
    whole = PixelBox(0, 0, shape[1], shape[0])
    wanted = whole if part is None else part
    if not max_error_pix >= 0:
        raise ValueError(f"max_error_pix must be 0 or more, not {max_error_pix}")
    if min(wanted.shape) < 2 or wanted.intersection(whole.grown(1)) != wanted:
        raise ValueError(f"{wanted} is not a part of at least 2 x 2 pixels of a frame {shape}")
    if max_error_pix > 0:
        for step in NODE_STEPS_PIX:
            nodes = _evaluate_nodes(mapping, wanted, step)
            error_pix = _measure_error(mapping, nodes)
            if error_pix * _CHECK_MARGIN <= max_error_pix:
                return Pixmap(_interpolate_part(nodes, wanted), wanted, error_pix, step)
    return Pixmap(_evaluate_part(mapping, wanted), wanted, 0.0, 1)


@dataclass(frozen=True, eq=False)
class Reach:
    """Where the pixels of an input frame fall, roughly: enough to tell which of them can reach a box."""

    nodes: _Nodes
    margin_pix: float
    """How far a pixel may reach beyond the corners of its cell, output pixels."""

    def part(self, box: PixelBox, within: PixelBox | None = None) -> PixelBox | None:
        """Return the box of the input frame outside which no pixel reaches a box of the output frame.

        None when nothing reaches it. With ``within``, only that box of the input frame is looked at.

        Notes
        -----
        A cell of nodes counts when the box around its corners, widened by two input pixels and by the bend
        of the mapping between nodes, meets the output box.
        """
        x, y = self.nodes.x, self.nodes.y
        reached = _cells_reaching(self, box)
        if within is not None:
            reached &= ((x[1:] >= within.x0) & (x[:-1] < within.x1))[None, :]
            reached &= ((y[1:] >= within.y0) & (y[:-1] < within.y1))[:, None]
        if not reached.any():
            return None
        columns, rows = np.flatnonzero(reached.any(axis=0)), np.flatnonzero(reached.any(axis=1))
        found = PixelBox(
            int(x[columns[0]]), int(y[rows[0]]), int(x[columns[-1] + 1]) + 1, int(y[rows[-1] + 1]) + 1
        )
        return found if within is None else found.intersection(within)

    def box_of(self, part: PixelBox) -> PixelBox:
        """Return a box of the output frame that holds a part of the input frame."""
        columns, rows = _around(self.nodes.x, part.x0, part.x1), _around(self.nodes.y, part.y0, part.y1)
        positions = self.nodes.positions[rows, columns]
        low, high = positions.min(axis=(0, 1)), positions.max(axis=(0, 1))
        (x0, y0), (x1, y1) = np.floor(low - self.margin_pix), np.ceil(high + self.margin_pix) + 1
        return PixelBox(int(x0), int(y0), int(x1), int(y1))


def find_reach(mapping: PixelMapping, shape: tuple[int, int]) -> Reach | None:
    """Return where the pixels of an input frame ``shape`` fall.

    None when the mapping is undefined on all of the input (a chip on the far side of the sky).

    Raises
    ------
    MosaicError
        The mapping is defined on a part of the input only.

    Notes
    -----
    From nodes 64 pixels apart or closer, at least five along each side.
    """
    y, x = (
        np.union1d(_node_pixels(0, n_pix, TABLE_STEP_PIX), np.linspace(0, n_pix - 1, 5).astype(np.int64))
        for n_pix in shape
    )
    positions = _evaluate(mapping, x, y)
    if np.isnan(positions).all():
        return None
    nodes = _Nodes(x, y, _require_finite(positions))
    margin_pix = 2 * largest_step_pix(nodes.positions, nodes.x, nodes.y) + _largest_bend_pix(nodes)
    return Reach(nodes, margin_pix)


def sticks_out(mapping: PixelMapping, shape: tuple[int, int], inner: PixelBox, outer: PixelBox) -> bool:
    """Tell whether an input frame may give light to what an output box has more than another within it.

    Only its outline is looked at, exact to a thousandth of a pixel; closer cases count as sticking out.
    """
    n_y, n_x = shape
    across, along = np.arange(n_x + 1) - 0.5, np.arange(n_y + 1) - 0.5
    x = np.concatenate([across, across, np.full(n_y + 1, -0.5), np.full(n_y + 1, n_x - 0.5)])
    y = np.concatenate([np.full(n_x + 1, -0.5), np.full(n_x + 1, n_y - 0.5), along, along])
    x_out, y_out = mapping(x, y)
    return bool(
        (outer.x0 < inner.x0 and np.min(x_out) < inner.x0 - 0.5 + _BORDER_PIX)
        or (outer.y0 < inner.y0 and np.min(y_out) < inner.y0 - 0.5 + _BORDER_PIX)
        or (outer.x1 > inner.x1 and np.max(x_out) > inner.x1 - 0.5 - _BORDER_PIX)
        or (outer.y1 > inner.y1 and np.max(y_out) > inner.y1 - 0.5 - _BORDER_PIX)
    )


def _around(nodes: Pixels, start: int, stop: int) -> slice:
    """Return the nodes from the last one not after the first pixel to the first one not before the last."""
    first = int(np.searchsorted(nodes, start, side="right")) - 1
    return slice(first, int(np.searchsorted(nodes, stop - 1)) + 1)


def _cells_reaching(reach: Reach, box: PixelBox) -> NDArray[np.bool_]:
    """Return, per cell of the nodes, whether it may reach the box."""
    corners = np.stack(
        [reach.nodes.positions[rows, columns] for rows in _CELL_ENDS for columns in _CELL_ENDS], axis=0
    )
    low, high = corners.min(axis=0) - reach.margin_pix, corners.max(axis=0) + reach.margin_pix
    first, last = np.array([box.x0, box.y0]) - 0.5, np.array([box.x1, box.y1]) - 0.5
    meets: NDArray[np.bool_] = ((high >= first) & (low <= last)).all(axis=-1)
    return meets


def largest_step_pix(positions: Floats, x: Pixels, y: Pixels) -> float:
    """Return the largest distance between the images of neighbouring input pixels, output pixels.

    Parameters
    ----------
    positions
        ``(len(y), len(x), 2)``: the images of input columns ``x`` and rows ``y``, both increasing.
    """
    along_x = np.diff(positions, axis=1) / np.diff(x)[:, None]
    along_y = np.diff(positions, axis=0) / np.diff(y)[:, None, None]
    return float(max(np.hypot(*np.moveaxis(step, -1, 0)).max() for step in (along_x, along_y)))


def _largest_bend_pix(nodes: _Nodes) -> float:
    """Return a generous bound on how far the mapping departs from a straight line within a cell."""
    bends = [0.0]
    for axis, pixels in ((1, nodes.x), (0, nodes.y)):
        steps = np.diff(pixels).reshape(-1, 1) if axis else np.diff(pixels).reshape(-1, 1, 1)
        slope_changes = np.abs(np.diff(np.diff(nodes.positions, axis=axis) / steps, axis=axis))
        if slope_changes.size:
            bends.append(float(slope_changes.max()) * TABLE_STEP_PIX)
    return sum(bends)


def _node_pixels(start: int, stop: int, step: int) -> Pixels:
    """Return the nodes of ``start <= pixel < stop``: both ends, and every kink of the tables between."""
    first = start + (-1 - start) % step
    return np.unique(np.concatenate([[start], np.arange(first, stop, step), [stop - 1]]))


def _evaluate(mapping: PixelMapping, x: Pixels, y: Pixels) -> Floats:
    """Return the images ``(len(y), len(x), 2)`` of the product of columns and rows."""
    columns, rows = (grid.ravel() for grid in np.meshgrid(x.astype(np.float64), y.astype(np.float64)))
    positions = np.empty((len(y), len(x), 2))
    x_out, y_out = mapping(columns, rows)
    positions[..., 0] = np.reshape(x_out, (len(y), len(x)))
    positions[..., 1] = np.reshape(y_out, (len(y), len(x)))
    return positions


def _evaluate_nodes(mapping: PixelMapping, part: PixelBox, step: int) -> _Nodes:
    x, y = _node_pixels(part.x0, part.x1, step), _node_pixels(part.y0, part.y1, step)
    return _Nodes(x, y, _require_finite(_evaluate(mapping, x, y)))


def _evaluate_part(mapping: PixelMapping, part: PixelBox) -> Floats:
    """Evaluate every pixel, a block of rows at a time to bound the mapping's own memory."""
    positions = np.empty((*part.shape, 2))
    x, y = np.arange(part.x0, part.x1), np.arange(part.y0, part.y1)
    for rows in row_blocks(*part.shape):
        positions[rows] = _require_finite(_evaluate(mapping, x, y[rows]))
    return positions


def _require_finite(positions: Floats) -> Floats:
    n_undefined = np.count_nonzero(~np.isfinite(positions).all(axis=-1))
    if n_undefined:
        raise MosaicError(
            f"the mapping gives no finite position for {n_undefined} of {positions[..., 0].size} pixels",
            hint="Check the WCS of this input: its chip must lie on one side of the sky.",
        )
    return positions


def _interpolate(values: Floats, at_nodes: Pixels, at: Pixels, axis: int) -> Floats:
    """Interpolate linearly along one axis of ``values``, given at the nodes, to the pixels ``at``."""
    cell = np.clip(np.searchsorted(at_nodes, at, side="right") - 1, 0, len(at_nodes) - 2)
    fraction = (at - at_nodes[cell]) / (at_nodes[cell + 1] - at_nodes[cell])
    before, after = values.take(cell, axis=axis), values.take(cell + 1, axis=axis)
    after -= before
    after *= fraction.reshape((-1,) + (1,) * (values.ndim - 1 - axis))
    after += before
    return after


def _interpolate_part(nodes: _Nodes, part: PixelBox) -> Floats:
    """Interpolate to every pixel: first along the rows of nodes, then down the columns."""
    along_rows = _interpolate(nodes.positions, nodes.x, np.arange(part.x0, part.x1), axis=1)
    positions = np.empty((*part.shape, 2))
    for row, (y0, y1) in enumerate(zip(nodes.y[:-1], nodes.y[1:], strict=True)):
        # One cell of rows at a time stays in the cache: an outer product and a sum, written in place.
        fractions = np.arange(y1 - y0) / (y1 - y0)
        block = positions[y0 - part.y0 : y1 - part.y0]
        np.multiply(fractions[:, None, None], along_rows[row + 1] - along_rows[row], out=block)
        block += along_rows[row]
    positions[-1] = along_rows[-1]
    return positions


def _measure_error(mapping: PixelMapping, nodes: _Nodes) -> float:
    """Return the largest distance between interpolated and exact positions along the check lines."""
    every_x, every_y = _check_pixels(nodes.x), _check_pixels(nodes.y)
    some_x, some_y = _check_lines(nodes.x), _check_lines(nodes.y)
    errors = [0.0]
    for x, y in ((every_x, some_y), (some_x, every_y)):
        interpolated = _interpolate(_interpolate(nodes.positions, nodes.x, x, axis=1), nodes.y, y, axis=0)
        difference = interpolated - _require_finite(_evaluate(mapping, x, y))
        errors.append(float(np.hypot(difference[..., 0], difference[..., 1]).max()))
    return max(errors)


def _check_pixels(nodes: Pixels) -> Pixels:
    """Return the pixels at a quarter, the half and three quarters of every cell, and the nodes."""
    inner = [nodes[:-1] + (np.diff(nodes) * fraction).astype(np.int64) for fraction in _CHECK_FRACTIONS]
    return np.unique(np.concatenate([nodes, *inner]))


def _check_lines(nodes: Pixels) -> Pixels:
    """Return the middle pixels of a few cells, the first and the last among them."""
    cells = np.unique(np.linspace(0, len(nodes) - 2, _MAX_CHECK_LINES).round().astype(np.int64))
    middles: Pixels = (nodes[cells] + nodes[cells + 1]) // 2
    return middles
