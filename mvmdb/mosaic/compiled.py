"""Drizzling by the compiled kernel: rows of a chip onto any box of the output, from any number of threads.

Unlike ``drizzle`` it clips every overlap at the edge of the box, so that nothing is lost there, needs no
pixmap, and leaves other threads free to run. The value of an output pixel depends neither on the box
nor on rows that do not reach it: a layer cut into strips has the same bits as a whole one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import GridMismatchError, MosaicError
from mvmdb.mosaic.inputs import Part, StoredPixels
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan

try:
    from mvmdb.mosaic import _kernel
except ImportError:  # installed where there was no C++ compiler
    _kernel = None  # type: ignore[assignment]

Float32s = NDArray[np.float32]

_Given = tuple[Float32s | None, Float32s | None, Float32s | None, tuple[Any, ...] | None]
"""Rate, weight, variance; or what is stored."""

COMPILED_KERNELS = ("square", "turbo", "point")
_BUILD_HINT = "Install a C++ compiler (Debian: apt-get install g++) and install mvmdb again."


def is_available() -> bool:
    """Tell whether the kernel was compiled when the package was installed."""
    return _kernel is not None


def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets of this processor that the kernel knows, the fastest first.

    Notes
    -----
    All of them give the same bits; the first is used.
    """
    return () if _kernel is None else tuple(_kernel.instruction_sets())


@dataclass(frozen=True, eq=False)
class Target:
    """A box of a layer that a chip is added to, in place; the pixels of a row lie side by side."""

    box: PixelBox
    science: Float32s
    """``box.shape``: the running weighted mean."""
    weight: Float32s
    context: NDArray[np.int32]
    """``box.shape``, of one plane."""
    variance: Float32s | None
    """Of the mean."""
    bit: int
    """Of the context, that of the chip."""


def drizzle_onto(
    target: Target,
    pixels: Part | StoredPixels,
    mapping: TanToTan | Floats,
    *,
    origin: tuple[int, int],
    kernel: str,
    pixfrac: float,
    area_ratio: float,
    node_rows: Sequence[int] = (),
    instructions: str = "",
) -> None:
    """Add a chip, or some rows of it, to a box of a layer.

    Parameters
    ----------
    target
        What is added to.
    pixels
        At least one pixel: rates, weights and, where the target has one, the variance of the rates, which may
        be NaN on a good pixel and makes that of what it reaches NaN. A pixel with weight 0, or whose rate or
        weight is not finite, is masked. Or, where the target has no variance, what a file has stored, with
        the bits that its rates and weights would give.
    mapping
        From chip pixels to output pixels; or the positions ``(ny + 2, nx + 2, 2)`` of the pixel centres
        and of a ring of one pixel around them. A pixel without finite position adds nothing.
    origin
        Chip pixel (x, y) of the first one given.
    kernel
        One of ``COMPILED_KERNELS``.
    pixfrac
        Side of what an input pixel drops, over its side; above 0, at most 1.
    area_ratio
        Area of an output pixel over that of an input pixel: the factor of the rate.
    node_rows
        Where the mapping is evaluated, four rows or more of every 64 (:mod:`mvmdb.mosaic.row_nodes`); none to
        evaluate all.
    instructions
        One of :func:`instruction_sets`; the fastest by default.

    Raises
    ------
    GridMismatchError
        The arrays differ in shape.
    MosaicError
        The kernel was not compiled, or an input pixel covers more than 256 output pixels on a side.
    ValueError
        An array is not of native float32 (positions: float64; what is stored: big-endian), the box is empty,
        or a parameter is out of range.

    Notes
    -----
    As in ``drizzle`` 3.0, corners are bilinear in the centres of neighbours, and the turbo kernel
    drops squares of side ``pixfrac / sqrt(area_ratio)``. Geometry is float64, sums are float32. What reaches
    less than 1e-8 output pixel into a column or row of output pixels does not reach it, so that rounding
    decides nothing where frames are aligned; any other overlap counts from 1e-14 of an input pixel on.

    A chip is summed by tiles, and each tile is added to the mean. Tiles lie fixed on the chip, so that no bit
    depends on the box, as long as every row that reaches it is given, in one call.
    """
    compiled = require_compiled()
    _require_parameters(target.box, kernel, pixfrac, area_ratio)
    _require_nodes(node_rows)
    given = _stored(pixels) if isinstance(pixels, StoredPixels) else _decoded(pixels)
    closed_form, positions = (
        (mapping, None)
        if isinstance(mapping, TanToTan)
        else (None, _checked_positions(mapping, pixels.shape))
    )
    is_done = compiled.drizzle(
        *given,
        closed_form,
        list(node_rows),
        positions,
        *origin,
        target.box.x0,
        target.box.y0,
        target.science,
        target.weight,
        target.context,
        target.variance,
        target.bit,
        kernel,
        pixfrac,
        area_ratio,
        instructions,
    )
    if not is_done:
        raise MosaicError(
            "an input pixel covers more than 256 output pixels on a side",
            hint="Check the WCS of this input: its chip must lie on one side of the sky.",
        )


def map_pixels(mapping: TanToTan, part: PixelBox, *, instructions: str = "") -> Floats:
    """Return the output positions ``(ny, nx, 2)`` of the pixel centres of a part of a chip.

    Raises
    ------
    MosaicError
        The kernel was not compiled.
    ValueError
        The part is empty.
    """
    if part.width < 1 or part.height < 1:
        raise ValueError(f"{part} holds no pixel")
    positions = np.empty((*part.shape, 2))
    require_compiled().map_pixels(mapping, part.x0, part.y0, positions, instructions)
    return positions


def mapping_error_pix(mapping: TanToTan, shape: tuple[int, int], node_rows: Sequence[int]) -> float:
    """Return how far positions between nodes are from the exact ones, output pixels.

    Parameters
    ----------
    mapping
        From chip pixels to output pixels.
    shape
        ``(ny, nx)`` of the chip.
    node_rows
        As for :func:`drizzle_onto`.

    Returns
    -------
    float
        The largest distance over every 64th column, more of narrow chips, and four rows or more between any
        two nodes; NaN where a position is undefined.

    Raises
    ------
    MosaicError
        The kernel was not compiled.
    ValueError
        There are nodes, and not four or more, from row 1 to row 63, in order.
    """
    _require_nodes(node_rows)
    error_pix: float = require_compiled().mapping_error(mapping, shape[1], shape[0], list(node_rows))
    return error_pix


def require_compiled() -> ModuleType:
    """Return the compiled module.

    Raises
    ------
    MosaicError
        It is missing.
    """
    if _kernel is None:
        raise MosaicError("the compiled drizzle kernel is missing", hint=_BUILD_HINT)
    return _kernel


def _require_parameters(box: PixelBox, kernel: str, pixfrac: float, area_ratio: float) -> None:
    if box.width < 1 or box.height < 1:
        raise ValueError(f"{box} holds no pixel")
    if kernel not in COMPILED_KERNELS:
        raise ValueError(f"kernel {kernel!r} is none of {', '.join(COMPILED_KERNELS)}")
    if not 0 < pixfrac <= 1:
        raise ValueError(f"pixfrac must be above 0 and at most 1, not {pixfrac}")
    if not 0 < area_ratio < np.inf:
        raise ValueError(f"the area ratio must be positive, not {area_ratio}")


def _require_nodes(rows: Sequence[int]) -> None:
    ordered = all(before < row for before, row in pairwise((0, *rows, 64)))
    if rows and not (ordered and len(rows) >= 4):
        raise ValueError(f"nodes must be four rows or more from 1 to 63, in order, not {list(rows)}")


def _decoded(part: Part) -> _Given:
    images = (part.rate, part.weight, part.variance)
    for image in images:
        if image is not None:
            _require_image(image, part.shape, "f4")
    rate, weight, variance = (None if image is None else _with_rows(image) for image in images)
    return rate, weight, variance, None


def _stored(pixels: StoredPixels) -> _Given:
    _require_image(pixels.science, pixels.shape, ">f4")
    _require_image(pixels.dq, pixels.shape, ">i2")
    stored = (
        _with_rows(pixels.science).view(np.uint32),
        _with_rows(pixels.dq).view(np.uint16),
        pixels.factor,
        pixels.flux_scale,
        pixels.sky_e_per_s,
        pixels.rejecting_bits,
        pixels.exptime_s,
    )
    return None, None, None, stored


def _require_image(image: NDArray[Any], shape: tuple[int, ...], dtype: str) -> None:
    if image.shape != shape or image.ndim != 2 or image.size == 0:
        raise GridMismatchError(f"images of shapes {shape} and {image.shape}: expected one shape, 2-D")
    if image.dtype != dtype:
        raise ValueError(f"images must be of type {np.dtype(dtype).str}, not {image.dtype.str}")


def _checked_positions(positions: Floats, shape: tuple[int, ...]) -> Floats:
    expected = (shape[0] + 2, shape[1] + 2, 2)
    if positions.shape != expected:
        raise GridMismatchError(f"positions have shape {positions.shape}, expected {expected}")
    if positions.dtype != np.float64 or not positions.dtype.isnative:
        raise ValueError(f"positions must be of native float64, not {positions.dtype.str}")
    return np.ascontiguousarray(positions)


def _with_rows(image: NDArray[Any]) -> NDArray[Any]:
    """Return the image with the pixels of a row side by side; rows may lie apart, as in a slice."""
    return image if image.strides[1] == image.itemsize else np.ascontiguousarray(image)
