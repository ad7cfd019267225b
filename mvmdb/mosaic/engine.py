"""Drizzle the chips of a layer, in order, onto its subarray, strip by strip.

A strip is some rows of the layer. It is touched by the chips that reach it, and by those of their rows that
do. No pixel depends on how a layer is cut into strips, nor on which thread draws which of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Lock

from mvmdb.errors import EmptyLayerError
from mvmdb.mosaic.compiled_engine import add_compiled
from mvmdb.mosaic.context import byte_times_s, n_context_planes
from mvmdb.mosaic.inputs import EngineInput
from mvmdb.mosaic.merge import Strip, empty_strip, finish, go_on, merge
from mvmdb.mosaic.pixmap import Reach, find_reach
from mvmdb.mosaic.reference import reference_frames
from mvmdb.mosaic.statistics import empty_tally, input_statistics, summarise, tally_rows
from mvmdb.records import (
    COMPILED_ENGINE,
    ENGINE,
    REFERENCE_ENGINE,
    DrizzleParameters,
    FinishedLayer,
    LayerArrays,
    LayerImage,
)
from mvmdb.sky.grid import PixelBox

KERNELS = ("square", "turbo", "point")
"""The kernels that conserve weight and flux, which the merge of private frames relies on."""
_STRIP_BYTES = 1 << 28
_FEWEST_ROWS = 64

OnStep = Callable[[int, int], None]
"""Called with the number of steps that are done, and that of all."""


@dataclass(frozen=True, eq=False)
class _Chip:
    """One input, and where its pixels fall; reach is None on the far side of the sky."""

    item: EngineInput
    reach: Reach | None


def build_layer_image(
    box: PixelBox,
    inputs: Sequence[EngineInput],
    *,
    parameters: DrizzleParameters,
    skycell_n_pixels: int,
    out: LayerArrays | None = None,
    finished: FinishedLayer | None = None,
    engine: str = ENGINE,
    n_strip_rows: int | None = None,
    n_threads: int = 1,
    on_step: OnStep | None = None,
) -> LayerImage:
    """Return the arrays and statistics of a layer.

    Parameters
    ----------
    box
        The layer, on the grid to which the mappings of the inputs lead. On one and the same grid no pixel
        depends on how large the box is.
    inputs
        The chips in drizzle order.
    parameters
        Kernel (one of ``KERNELS``), pixfrac, the error allowed in the mapping, and whether an error layer
        is made.
    skycell_n_pixels
        Number of pixels of the whole skycell, for the covered fraction.
    out
        Where the layer goes, in any byte order: a file mapped to memory, or new arrays by default.
    finished
        The layer as it was made of the first inputs, on the same pixels or on fewer: only the others are
        drizzled. The result is the same to the last bit.
    engine
        ``COMPILED_ENGINE`` or ``REFERENCE_ENGINE``.
    n_strip_rows
        Rows that are drawn at a time; by default so many that a strip takes a quarter of a GiB.
    n_threads
        Strips that are drawn at a time.
    on_step
        Called after each input of each strip, by the thread that draws it.

    Returns
    -------
    LayerImage
        An input that reaches no pixel keeps its place in the context order and contributes none.

    Raises
    ------
    EmptyLayerError
        No good pixel of any input reaches the grid.
    MosaicError
        A mapping is undefined on a part of its chip, or drizzling lost weight.
    ValueError
        The parameters are not supported, a weight is negative, or an error layer is wanted and an input has
        no error.

    Notes
    -----
    The variance of a pixel is that of its weighted mean, with the share of every input pixel in it; rates
    and weights do not depend on whether it is asked for.
    """
    _require_supported(parameters, finished)
    add = _ADD[engine]
    arrays = out or LayerArrays.in_memory(
        box.shape, n_context_planes(len(inputs)), with_error=parameters.error
    )
    n_finished = 0 if finished is None else finished.n_inputs
    chips = [
        (index, _Chip(item, find_reach(item.mapping, item.shape)))
        for index, item in enumerate(inputs)
        if index >= n_finished
    ]
    boxes = list(_strip_boxes(box, arrays, n_strip_rows))
    n_steps = len(boxes) * len(chips)
    steps = count(1)

    tally = empty_tally(len(arrays.context), box.height)
    times_s = byte_times_s([item.exptime_s for item in inputs], len(arrays.context))
    counting = Lock()

    def draw(part: PixelBox) -> None:
        strip = empty_strip(part, len(arrays.context), with_variance=parameters.error)
        if finished is not None:
            go_on(strip, finished)
        for index, chip in chips:
            if chip.reach is not None:
                add(strip, index, chip.item, chip.reach, parameters)
            if on_step is not None:
                on_step(next(steps), n_steps)
        finish(strip)
        with counting:
            tally_rows(tally, part.y0 - box.y0, strip.weight, strip.context, times_s)
        _store(strip, arrays, slice(part.y0 - box.y0, part.y1 - box.y0))

    _in_threads(draw, boxes, n_threads)
    if tally.n_observed == 0:
        raise EmptyLayerError(
            "no good pixel of any input reaches the layer",
            hint="Check the data quality bits that reject pixels, and the WCS of the inputs.",
        )
    return LayerImage(
        arrays,
        statistics=summarise(tally, arrays.weight, arrays.context, times_s, skycell_n_pixels),
        inputs=input_statistics(tally, len(inputs)),
    )


def _require_supported(parameters: DrizzleParameters, finished: FinishedLayer | None) -> None:
    if parameters.kernel not in KERNELS:
        raise ValueError(f"kernel {parameters.kernel!r} is none of {', '.join(KERNELS)}")
    if parameters.weighting != "exptime":
        raise ValueError(f"weighting {parameters.weighting!r} is not supported; use 'exptime'")
    if finished is not None and parameters.error:
        raise ValueError("a layer with errors cannot go on from a finished one")
    if not 0 < parameters.pixfrac <= 1:
        raise ValueError(f"pixfrac must be above 0 and at most 1, not {parameters.pixfrac}")


def _strip_boxes(box: PixelBox, arrays: LayerArrays, n_strip_rows: int | None) -> Iterator[PixelBox]:
    row_bytes = box.width * 4 * (2 + len(arrays.context) + (arrays.error is not None))
    step = n_strip_rows or max(_FEWEST_ROWS, _STRIP_BYTES // row_bytes)
    return (PixelBox(box.x0, y0, box.x1, min(y0 + step, box.y1)) for y0 in range(box.y0, box.y1, step))


def _in_threads(draw: Callable[[PixelBox], None], boxes: Sequence[PixelBox], n_threads: int) -> None:
    """Draw in every box, so many at a time; the first error ends it."""
    if n_threads == 1:
        for box in boxes:
            draw(box)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        drawn = [pool.submit(draw, box) for box in boxes]
        try:
            for one in drawn:
                one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _add_reference(
    strip: Strip, index: int, item: EngineInput, reach: Reach, parameters: DrizzleParameters
) -> None:
    for frame in reference_frames(item, reach, strip.box, parameters):
        merge(strip, index, frame)


Add = Callable[[Strip, int, EngineInput, Reach, DrizzleParameters], None]
"""Adds to a strip what of a chip reaches it."""


_ADD: Mapping[str, Add] = {COMPILED_ENGINE: add_compiled, REFERENCE_ENGINE: _add_reference}


def _store(strip: Strip, arrays: LayerArrays, rows: slice) -> None:
    arrays.science[rows] = strip.science
    arrays.weight[rows] = strip.weight
    arrays.context[:, rows] = strip.context
    if arrays.error is not None and strip.variance is not None:
        arrays.error[rows] = strip.variance
