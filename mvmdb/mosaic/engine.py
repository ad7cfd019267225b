"""Drizzle the chips of a layer, in order, onto its subarray: rates, weights and mappings in, arrays out.

Every chip is drizzled by the ``drizzle`` package into a private frame that holds all of its part that
matters, and the frame is merged into the layer. Drizzled straight onto the layer, a chip that sticks
out would lose good pixels, some of them far from the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, sqrt

import numpy as np
from drizzle.resample import Drizzle
from numpy.typing import NDArray

from mvmdb.errors import ContextOverflowError, EmptyLayerError, GridMismatchError, MosaicError
from mvmdb.mosaic.blocks import row_blocks
from mvmdb.mosaic.context import n_context_planes, set_bit
from mvmdb.mosaic.pixmap import (
    PixelMapping,
    Pixmap,
    compute_pixmap,
    find_reaching_part,
    largest_step_pix,
)
from mvmdb.mosaic.statistics import compute_input_statistics, compute_statistics
from mvmdb.records import DrizzleParameters, LayerImage
from mvmdb.sky.grid import PixelBox

Float32s = NDArray[np.float32]

KERNELS = ("square", "turbo", "point")
"""The kernels that conserve weight and flux, which the merge of private frames relies on."""
_FRAME_MARGIN_PIX = 2
_RING_PIX = 1
_STEP_NODES = 9
_MAX_WINDOW_ASPECT = 2
_WEIGHT_TOLERANCE = 1e-6
"""Rounding of float32 frames changes the sum of weights by 1.4e-7 at most, at any scale and roll."""


@dataclass(frozen=True, eq=False)
class EngineInput:
    """One chip, ready to drizzle.

    Raises
    ------
    GridMismatchError
        Rate, weight and error are not images of one shape, at least 2 x 2 pixels.
    ValueError
        The exposure time or the area ratio is not positive, or a weight is negative.
    """

    rate: Float32s
    """``(ny, nx)``, e-/s per input pixel; what is not finite is treated as masked."""
    weight: Float32s
    """``(ny, nx)``, the exposure time on good pixels and 0 on masked ones, s."""
    mapping: PixelMapping
    """From the chip's pixels to those of the layer."""
    area_ratio: float
    """Area of an output pixel over the area of the input pixel to which the photometry refers."""
    exptime_s: float
    error: Float32s | None = None
    """``(ny, nx)``, standard deviation of ``rate``; needed where an error layer is made. What is no number of
    at least 0 on a good pixel makes the error of the layer unknown there."""

    def __post_init__(self) -> None:
        if self.rate.shape != self.weight.shape or self.rate.ndim != 2 or min(self.rate.shape) < 2:
            raise GridMismatchError(
                f"rate has shape {self.rate.shape}, weight {self.weight.shape}: "
                "expected two images of one shape, at least 2 x 2 pixels"
            )
        if self.error is not None and self.error.shape != self.rate.shape:
            raise GridMismatchError(f"error has shape {self.error.shape}, rate {self.rate.shape}")
        if not (self.exptime_s > 0 and self.area_ratio > 0):
            raise ValueError(
                f"exposure time {self.exptime_s} s and area ratio {self.area_ratio} must be positive"
            )
        if self.weight.min() < 0:
            raise ValueError(f"weights must not be negative; the smallest is {self.weight.min()}")


@dataclass(frozen=True, eq=False)
class _Layer:
    """The arrays of a layer while its inputs are added, changed in place; science is 0 where unobserved."""

    science: Float32s
    weight: Float32s
    context: NDArray[np.int32]
    variance: Float32s | None


@dataclass(frozen=True, eq=False)
class _Frame:
    """One chip, drizzled: its own arrays on a box of the layer's grid, which may stick out of the layer."""

    science: Float32s
    weight: Float32s
    variance: Float32s | None
    box: PixelBox


@dataclass(frozen=True, eq=False)
class _Part:
    """What is drizzled of a chip: contiguous, and 0 where it is masked."""

    rate: Float32s
    weight: Float32s
    variance: Float32s | None


def build_layer_image(
    shape: tuple[int, int],
    inputs: Iterable[EngineInput],
    *,
    n_inputs: int,
    parameters: DrizzleParameters,
    skycell_n_pixels: int,
    on_input: Callable[[int], None] | None = None,
) -> LayerImage:
    """Return the arrays and statistics of a layer.

    Parameters
    ----------
    shape
        ``(ny, nx)`` of the layer.
    inputs
        The chips in drizzle order, taken one at a time: only one needs to be in memory.
    n_inputs
        How many chips there will be, which fixes the number of context planes.
    parameters
        Kernel (one of ``KERNELS``), pixfrac, the error allowed in the mapping, and whether an error layer
        is made.
    skycell_n_pixels
        Number of pixels of the whole skycell, for the covered fraction.
    on_input
        Called with the context index of each input when it has been added.

    Returns
    -------
    LayerImage
        An input that reaches no pixel keeps its place in the context order and contributes none.

    Raises
    ------
    EmptyLayerError
        No good pixel of any input reaches the grid.
    ContextOverflowError
        There are more inputs than announced.
    MosaicError
        A mapping is undefined on a part of its chip, or drizzling lost weight.
    ValueError
        There are fewer inputs than announced, the parameters are not supported, or an error layer is wanted
        and an input has no error.

    Notes
    -----
    The variance of a pixel is that of its weighted mean, with the share of every input pixel in it; rates
    and weights do not depend on whether it is asked for.

    The layer is the running weighted mean of its inputs, in float32: per pixel and input two
    roundings, where ``drizzle`` itself has two per overlap. Sums in float64 would double the memory
    of a full skycell (3.9 GB more) to keep digits that the frames do not have. What is kept between
    inputs is the product itself, so adding an input to a finished layer gives the same bits as
    building it with that input last.
    """
    _require_supported(parameters)
    layer = _Layer(
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros((n_context_planes(n_inputs), *shape), dtype=np.int32),
        np.zeros(shape, dtype=np.float32) if parameters.error else None,
    )
    exptimes_s: list[float] = []
    for item in inputs:
        index = len(exptimes_s)
        if index == n_inputs:
            raise ContextOverflowError(f"more inputs than the {n_inputs} announced")
        _add_input(layer, index, item, parameters)
        exptimes_s.append(item.exptime_s)
        del item  # before the next chip is read, so that only one is in memory
        if on_input is not None:
            on_input(index)
    if len(exptimes_s) < n_inputs:
        raise ValueError(f"{len(exptimes_s)} inputs given, {n_inputs} announced")
    _finish(layer)
    return LayerImage(
        science=layer.science,
        weight=layer.weight,
        context=layer.context,
        statistics=compute_statistics(layer.weight, layer.context, exptimes_s, skycell_n_pixels),
        inputs=compute_input_statistics(layer.context, n_inputs),
        error=layer.variance,
    )


def _require_supported(parameters: DrizzleParameters) -> None:
    if parameters.kernel not in KERNELS:
        raise ValueError(f"kernel {parameters.kernel!r} is none of {', '.join(KERNELS)}")
    if parameters.weighting != "exptime":
        raise ValueError(f"weighting {parameters.weighting!r} is not supported; use 'exptime'")
    if not 0 < parameters.pixfrac <= 1:
        raise ValueError(f"pixfrac must be above 0 and at most 1, not {parameters.pixfrac}")


def _add_input(layer: _Layer, index: int, item: EngineInput, parameters: DrizzleParameters) -> None:
    frame = _drizzle_input(item, layer.weight.shape, parameters)
    if frame is not None:
        _merge(layer, index, frame)


def _drizzle_input(item: EngineInput, shape: tuple[int, int], parameters: DrizzleParameters) -> _Frame | None:
    """Drizzle what reaches a layer of ``shape``; None where nothing good does."""
    part = find_reaching_part(item.mapping, item.rate.shape, shape)
    if part is None:
        return None
    masked = _masked(item, part, with_variance=parameters.error)
    if not masked.weight.any():
        return None
    pixmap = compute_pixmap(
        item.mapping, item.rate.shape, max_error_pix=parameters.mapping_error_pix, part=part.grown(_RING_PIX)
    )
    return _drizzle_frame(masked, pixmap, item.area_ratio, parameters)


def _masked(item: EngineInput, box: PixelBox, *, with_variance: bool) -> _Part:
    """Return contiguous copies, 0 wherever rate or weight is unusable: a NaN there never spreads.

    A ring of such pixels is put around them. ``drizzle`` takes the corners of a pixel from the centres
    of its neighbours; where there are none it extrapolates, which misses by 1e-4 pixel and more.
    """
    rate, weight = item.rate[box.slices], item.weight[box.slices]
    good = np.isfinite(rate) & np.isfinite(weight)
    variance = _variance(item, box, good & (weight > 0)) if with_variance else None
    return _Part(
        _ringed(rate, good),
        _ringed(weight, good),
        None if variance is None else _ringed(variance, good),
    )


def _ringed(image: NDArray[np.floating], good: NDArray[np.bool_]) -> Float32s:
    """Return an image in a ring of zeros, 0 as well where it is not good."""
    n_y, n_x = good.shape
    ringed = np.zeros((n_y + 2 * _RING_PIX, n_x + 2 * _RING_PIX), dtype=np.float32)
    inside = (slice(_RING_PIX, -_RING_PIX),) * 2
    np.copyto(ringed[inside], image, where=good, casting="same_kind")
    return ringed


def _variance(item: EngineInput, box: PixelBox, good: NDArray[np.bool_]) -> Float32s:
    """Return the variance of good pixels, NaN where it is unknown, and 0 elsewhere."""
    if item.error is None:
        raise ValueError("an error layer needs the error of every input")
    error = np.where(good, item.error[box.slices], 0).astype(np.float32, copy=False)
    variance: Float32s = np.where(np.isfinite(error) & (error >= 0), error, np.nan) ** 2
    return variance


def _drizzle_frame(part: _Part, pixmap: Pixmap, area_ratio: float, parameters: DrizzleParameters) -> _Frame:
    box = _frame_box(pixmap)
    positions = pixmap.positions
    positions -= (box.x0, box.y0)  # in place: the pixmap is the largest array of a chip, and no longer needed
    science_out, weight_out = np.zeros(box.shape, dtype=np.float32), np.zeros(box.shape, dtype=np.float32)
    variance_out = None if part.variance is None else np.zeros(box.shape, dtype=np.float32)
    driz = Drizzle(
        parameters.kernel, out_img=science_out, out_img2=variance_out, out_wht=weight_out, disable_ctx=True
    )
    for window in _windows(*part.weight.shape):
        driz.add_image(
            part.rate,
            data2=part.variance,
            exptime=1.0,  # bookkeeping of the package: the data are rates, the weights are ours
            pixmap=positions,
            iscale=area_ratio,
            pixel_scale_ratio=sqrt(area_ratio),
            weight_map=part.weight,
            pixfrac=parameters.pixfrac,
            in_units="cps",
            xmin=window.x0,
            xmax=window.x1 - 1,
            ymin=window.y0,
            ymax=window.y1 - 1,
        )
    _require_weight_kept(part.weight, weight_out)
    return _Frame(science_out, weight_out, variance_out, box)


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


def _windows(n_y_pix: int, n_x_pix: int) -> Iterator[PixelBox]:
    """Cut an elongated part into windows at most twice as long as wide.

    ``drizzle`` 3.0 finds the corners of its working area by a search that fails on elongated, skewed
    images and then drops good pixels; it does not fail on these windows.
    """
    n_rows = ceil(n_y_pix / (_MAX_WINDOW_ASPECT * n_x_pix))
    n_columns = ceil(n_x_pix / (_MAX_WINDOW_ASPECT * n_y_pix))
    row_edges = [n_y_pix * row // n_rows for row in range(n_rows + 1)]
    column_edges = [n_x_pix * column // n_columns for column in range(n_columns + 1)]
    return (PixelBox(x0, y0, x1, y1) for y0, y1 in pairwise(row_edges) for x0, x1 in pairwise(column_edges))


def _require_weight_kept(weight_in: Float32s, weight_out: Float32s) -> None:
    """Refuse a frame that lost weight: the kernels conserve it, and nothing crosses the frame's edge."""
    before, after = weight_in.sum(dtype=np.float64), weight_out.sum(dtype=np.float64)
    if abs(after - before) > _WEIGHT_TOLERANCE * before:
        raise MosaicError(
            f"drizzling kept {after / before:.6f} of the weight of an input",
            hint="Its mapping is folded or extremely sheared; check the WCS of this input.",
        )


def _merge(layer: _Layer, index: int, frame: _Frame) -> None:
    """Add a frame to the layer: weighted mean, sum of weights, one context bit."""
    height, width = layer.weight.shape
    common = frame.box.intersection(PixelBox(0, 0, width, height))
    if common.n_pixels == 0:
        return
    inside = common.shifted(-frame.box.x0, -frame.box.y0).slices
    frame_science, frame_weight = frame.science[inside], frame.weight[inside]
    science, weight = layer.science[common.slices], layer.weight[common.slices]
    context = layer.context[:, *common.slices]
    for rows in row_blocks(*common.shape):
        contributed = frame_weight[rows] > 0
        set_bit(context[:, rows], index, contributed)
        weight[rows] += frame_weight[rows]
        share = np.zeros_like(frame_weight[rows])
        np.divide(frame_weight[rows], weight[rows], out=share, where=contributed)
        if frame.variance is not None and layer.variance is not None:
            block = layer.variance[common.slices][rows]
            _merge_variance(block, frame.variance[inside][rows], share, contributed)
        share *= frame_science[rows] - science[rows]
        science[rows] += share


def _merge_variance(
    variance: Float32s, added: Float32s, share: Float32s, contributed: NDArray[np.bool_]
) -> None:
    """Replace, in place, the variance of a mean by that of the mean with one more input."""
    np.multiply(variance, (1 - share) ** 2, out=variance, where=contributed)
    np.add(variance, added * share**2, out=variance, where=contributed)


def _finish(layer: _Layer) -> None:
    """Blank what is unobserved, and turn variances into standard deviations, in place."""
    if not layer.weight.any():
        raise EmptyLayerError(
            "no good pixel of any input reaches the layer",
            hint="Check the data quality bits that reject pixels, and the WCS of the inputs.",
        )
    for rows in row_blocks(*layer.weight.shape):
        unobserved = layer.weight[rows] == 0
        np.copyto(layer.science[rows], np.nan, where=unobserved)
        if layer.variance is not None:
            np.sqrt(layer.variance[rows], out=layer.variance[rows])
            np.copyto(layer.variance[rows], np.nan, where=unobserved)
