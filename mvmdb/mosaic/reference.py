"""The reference engine: the ``drizzle`` package, one window of a chip at a time, each in a frame of its own.

Drizzled straight onto a layer or a strip of it, a chip that sticks out would lose good pixels, some of them
far from the edge. So every window has a private frame whose edge none of its pixels crosses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, floor, sqrt

import numpy as np
from drizzle.resample import Drizzle

from mvmdb.errors import MosaicError
from mvmdb.mosaic.inputs import EngineInput, Float32s, Part, read_part
from mvmdb.mosaic.merge import Frame
from mvmdb.mosaic.pixmap import Pixmap, Reach, compute_pixmap, largest_step_pix
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox

_FRAME_MARGIN_PIX = 2
_RING_PIX = 1
"""``drizzle`` takes the corners of a pixel from the centres of its neighbours; where there are none it
extrapolates, which misses by 1e-4 pixel and more. So a ring of masked pixels is put around each window."""
_STEP_NODES = 9
_WINDOW_PIX = 1024
_MAX_WINDOW_ASPECT = 2
_WEIGHT_TOLERANCE = 1e-6
"""Rounding of float32 frames changes the sum of weights by 1.4e-7 at most, at any scale and roll."""


def reference_frames(
    item: EngineInput, reach: Reach, box: PixelBox, parameters: DrizzleParameters
) -> Iterator[Frame]:
    """Yield the frames of every window of a chip that reaches a box of the layer, in order.

    Notes
    -----
    Windows and frames depend on the chip alone, not on the box: whatever strip of a layer is asked for,
    its pixels are the same to the last bit.

    Raises
    ------
    MosaicError
        The mapping is undefined on a part of the chip, or drizzling lost weight.
    ValueError
        A weight is negative, or an error layer is wanted and the input has no error.
    """
    for window in _windows(*item.shape):
        if reach.part(box, within=window) is not None:
            frame = _drizzle_window(item, window, parameters)
            if frame is not None:
                yield frame


def _windows(n_y_pix: int, n_x_pix: int) -> Iterator[PixelBox]:
    """Cut a chip into windows at most twice as long as wide.

    ``drizzle`` 3.0 finds the corners of its working area by a search that fails on elongated, skewed
    images and then drops good pixels; it does not fail on these windows.
    """
    n_rows = max(ceil(n_y_pix / _WINDOW_PIX), ceil(n_y_pix / (_MAX_WINDOW_ASPECT * n_x_pix)))
    n_columns = max(ceil(n_x_pix / _WINDOW_PIX), ceil(n_x_pix / (_MAX_WINDOW_ASPECT * n_y_pix)))
    row_edges = [n_y_pix * row // n_rows for row in range(n_rows + 1)]
    column_edges = [n_x_pix * column // n_columns for column in range(n_columns + 1)]
    return (PixelBox(x0, y0, x1, y1) for y0, y1 in pairwise(row_edges) for x0, x1 in pairwise(column_edges))


def _drizzle_window(item: EngineInput, window: PixelBox, parameters: DrizzleParameters) -> Frame | None:
    """Drizzle one window; None where nothing in it is good."""
    part = read_part(item, window, with_variance=parameters.error, ring_pix=_RING_PIX)
    if not part.weight.any():
        return None
    pixmap = compute_pixmap(
        item.mapping, item.shape, max_error_pix=parameters.mapping_error_pix, part=window.grown(_RING_PIX)
    )
    return _drizzle_part(part, pixmap, item.area_ratio, parameters)


def _drizzle_part(part: Part, pixmap: Pixmap, area_ratio: float, parameters: DrizzleParameters) -> Frame:
    box = _frame_box(pixmap)
    positions = pixmap.positions
    positions -= (
        box.x0,
        box.y0,
    )  # in place: the pixmap is the largest array of a window, and no longer needed
    science_out, weight_out = np.zeros(box.shape, dtype=np.float32), np.zeros(box.shape, dtype=np.float32)
    variance_out = None if part.variance is None else np.zeros(box.shape, dtype=np.float32)
    Drizzle(
        parameters.kernel, out_img=science_out, out_img2=variance_out, out_wht=weight_out, disable_ctx=True
    ).add_image(
        part.rate,
        data2=part.variance,
        exptime=1.0,  # bookkeeping of the package: the data are rates, the weights are ours
        pixmap=positions,
        iscale=area_ratio,
        pixel_scale_ratio=sqrt(area_ratio),
        weight_map=part.weight,
        pixfrac=parameters.pixfrac,
        in_units="cps",
    )
    _require_weight_kept(part.weight, weight_out)
    return Frame(science_out, weight_out, variance_out, box)


def _frame_box(pixmap: Pixmap) -> PixelBox:
    """Return a box of the layer's grid whose edge no pixel of the part crosses."""
    positions = pixmap.positions
    x, y = (np.unique(np.linspace(0, n - 1, _STEP_NODES).astype(np.int64)) for n in pixmap.part.shape[::-1])
    # Half a pixel's diagonal is at most one step to a neighbour; the mapping is continuous and one
    # to one, so its extremes lie on the edge of the part.
    reach_pix = largest_step_pix(positions[np.ix_(y, x)], x, y) + _FRAME_MARGIN_PIX
    edge = np.concatenate([positions[0], positions[-1], positions[:, 0], positions[:, -1]])
    (x_low, y_low), (x_high, y_high) = edge.min(axis=0) - reach_pix, edge.max(axis=0) + reach_pix
    return PixelBox(floor(x_low), floor(y_low), ceil(x_high) + 1, ceil(y_high) + 1)


def _require_weight_kept(weight_in: Float32s, weight_out: Float32s) -> None:
    """Refuse a frame that lost weight: the kernels conserve it, and nothing crosses the frame's edge."""
    before, after = weight_in.sum(dtype=np.float64), weight_out.sum(dtype=np.float64)
    if abs(after - before) > _WEIGHT_TOLERANCE * before:
        raise MosaicError(
            f"drizzling kept {after / before:.6f} of the weight of an input",
            hint="Its mapping is folded or extremely sheared; check the WCS of this input.",
        )
