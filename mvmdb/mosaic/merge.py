"""A strip of a layer while its inputs are added: the running weighted mean, in float32.

Per pixel and input two roundings, where ``drizzle`` itself has two per overlap. Sums in float64 would double
the memory to keep digits that the frames do not have. What is kept between inputs is the product itself, so
adding an input to a finished layer gives the same bits as building it with that input last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.mosaic.compiled import Target, require_compiled
from mvmdb.mosaic.context import PLANE_BITS, require_bits
from mvmdb.mosaic.inputs import Float32s
from mvmdb.records import FinishedLayer
from mvmdb.sky.grid import PixelBox

_ROWS_READ = 256
"""Of a finished layer, at a time."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A chip or a window of it, drizzled: its arrays on a box of the layer's grid, which may stick out."""

    science: Float32s
    weight: Float32s
    variance: Float32s | None
    box: PixelBox


@dataclass(frozen=True, eq=False)
class Strip:
    """Some rows of a layer, changed in place; science is 0 where unobserved until the strip is finished."""

    box: PixelBox
    """In the pixels of the layer."""
    science: Float32s
    weight: Float32s
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``."""
    variance: Float32s | None


def empty_strip(box: PixelBox, n_planes: int, *, with_variance: bool) -> Strip:
    """Return a strip to which nothing has contributed."""
    return Strip(
        box,
        np.zeros(box.shape, dtype=np.float32),
        np.zeros(box.shape, dtype=np.float32),
        np.zeros((n_planes, *box.shape), dtype=np.int32),
        np.zeros(box.shape, dtype=np.float32) if with_variance else None,
    )


def strip_in(room: Strip, box: PixelBox) -> Strip:
    """Return an empty strip in the memory of another one, as wide and at least as high."""
    rows = slice(box.height)
    strip = Strip(
        box,
        room.science[rows],
        room.weight[rows],
        room.context[:, rows],
        None if room.variance is None else room.variance[rows],
    )
    for array in (strip.science, strip.weight, strip.context, strip.variance):
        if array is not None:
            array.fill(0)
    return strip


def go_on(strip: Strip, finished: FinishedLayer) -> None:
    """Put what a finished layer has in an empty strip: its pixels are what was kept between inputs."""
    common = finished.box.intersection(strip.box)
    if common.n_pixels == 0:
        return
    for y0 in range(common.y0, common.y1, _ROWS_READ):
        rows = PixelBox(common.x0, y0, common.x1, min(y0 + _ROWS_READ, common.y1))
        arrays = finished.read(rows)
        target = rows.shifted(-strip.box.x0, -strip.box.y0).slices
        strip.weight[target] = arrays.weight
        strip.science[target] = arrays.science
        np.copyto(strip.science[target], 0, where=strip.weight[target] == 0)
        strip.context[: len(arrays.context), *target] = arrays.context


def merge(strip: Strip, index: int, frame: Frame) -> None:
    """Add a frame to a strip, in place: weighted mean, sum of weights, one context bit.

    Raises
    ------
    ContextOverflowError
        The planes have no bit for this input.
    """
    common = frame.box.intersection(strip.box)
    if common.n_pixels == 0:
        return
    require_bits(strip.context, index + 1)
    source = common.shifted(-frame.box.x0, -frame.box.y0).slices
    target = common.shifted(-strip.box.x0, -strip.box.y0).slices
    require_compiled().merge_frame(
        strip.science[target],
        strip.weight[target],
        strip.context[index // PLANE_BITS][target],
        None if strip.variance is None else strip.variance[target],
        frame.science[source],
        frame.weight[source],
        None if frame.variance is None else frame.variance[source],
        index % PLANE_BITS,
    )


def part_of(strip: Strip, index: int, box: PixelBox) -> Target:
    """Return a box of a strip, in pixels of the layer, for what an input adds to it.

    Raises
    ------
    ContextOverflowError
        The planes have no bit for this input.
    """
    require_bits(strip.context, index + 1)
    inside = box.shifted(-strip.box.x0, -strip.box.y0).slices
    return Target(
        box,
        strip.science[inside],
        strip.weight[inside],
        strip.context[index // PLANE_BITS][inside],
        None if strip.variance is None else strip.variance[inside],
        index % PLANE_BITS,
    )
