"""Drizzle the chips of a layer, in order, onto its subarray, strip by strip.

A strip is some rows of the layer. It is touched by the chips that reach it, and by those of their rows that
do. No pixel depends on how a layer is cut into strips, nor on which thread draws which of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Protocol

from mvmdb.errors import EmptyLayerError
from mvmdb.mosaic.chips import Chip, find_chips
from mvmdb.mosaic.compiled_engine import add_compiled
from mvmdb.mosaic.context import byte_times_s, n_context_planes
from mvmdb.mosaic.inputs import EngineInput, Float32s
from mvmdb.mosaic.merge import Strip, empty_strip, go_on, merge, strip_in
from mvmdb.mosaic.reference import reference_frames
from mvmdb.mosaic.statistics import input_statistics, summarise
from mvmdb.mosaic.tally import Tally, count_rows
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
_LEAST_STRIP_BYTES = 1 << 22
"""What is as small is not worth a seam."""
_FEWEST_ROWS = 64
_MOST_ROWS = 400
"""So that strips are small where memory is new, and seams few."""
_STRIPS_OF_A_THREAD = 5
"""At least, so that all threads end at about the same time."""

OnStep = Callable[[int, int], None]
"""Called with the number of steps that are done, and that of all."""

Add = Callable[[Strip, Chip, DrizzleParameters], None]
"""Adds to a strip what of a chip reaches it."""


class Store(Protocol):
    """Where the rows of a layer go."""

    def write(self, first_row: int, rows: LayerArrays) -> None:
        """Keep some rows, called by the thread that drew them; their arrays are used again."""

    def flush(self) -> None:
        """Make all rows that were written readable in the arrays of the layer."""


@dataclass(frozen=True, eq=False)
class _Copies:
    """Rows are copied into the arrays of the layer."""

    arrays: LayerArrays

    def write(self, first_row: int, rows: LayerArrays) -> None:
        """Copy some rows."""
        to, place = self.arrays, slice(first_row, first_row + len(rows.science))
        to.science[place] = rows.science
        to.weight[place] = rows.weight
        to.context[:, place] = rows.context
        if to.error is not None and rows.error is not None:
            to.error[place] = rows.error

    def flush(self) -> None:
        """Do nothing: they are there."""


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A layer that is drawn, strip by strip."""

    box: PixelBox
    chips: Sequence[Chip]
    add: Add
    parameters: DrizzleParameters
    finished: FinishedLayer | None
    tally: Tally
    store: Store
    on_chip: Callable[[], None] | None

    def draw(self, strip: Strip) -> None:
        """Draw what reaches an empty strip, count it, and hand it on."""
        if self.finished is not None:
            go_on(strip, self.finished)
        for chip in self.chips:
            if chip.box.intersection(strip.box).n_pixels:
                self.add(strip, chip, self.parameters)
            if self.on_chip is not None:
                self.on_chip()
        first_row = strip.box.y0 - self.box.y0
        images = {"science": strip.science, "variance": strip.variance}
        count_rows(self.tally, first_row, strip.weight, strip.context, **images)
        self.store.write(first_row, LayerArrays(strip.science, strip.weight, strip.context, strip.variance))

    def n_pixels_reached(self, box: PixelBox) -> int:
        """Return how much is to be done for a strip: its pixels, once for each chip that may reach them."""
        return sum(chip.box.intersection(box).n_pixels for chip in self.chips)


def build_layer_image(
    box: PixelBox,
    inputs: Sequence[EngineInput],
    *,
    parameters: DrizzleParameters,
    skycell_n_pixels: int,
    out: LayerArrays | None = None,
    store: Store | None = None,
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
        The layer, in any byte order: a file mapped to memory, or new arrays by default.
    store
        Puts rows there; they are copied by default.
    finished
        The layer as it was made of the first inputs, on the same pixels or on fewer: only the others are
        drizzled. The result is the same to the last bit.
    engine
        ``COMPILED_ENGINE`` or ``REFERENCE_ENGINE``.
    n_strip_rows
        Rows that are drawn at a time; by default 400 at most, and a quarter of a GiB.
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
    arrays = out or LayerArrays.in_memory(
        box.shape, n_context_planes(len(inputs)), with_error=parameters.error
    )
    store = store or _Copies(arrays)
    boxes = _strip_boxes(box, n_strip_rows or _n_strip_rows(box, arrays, n_threads))
    chips = find_chips(
        inputs,
        n_finished=0 if finished is None else finished.n_inputs,
        max_error_pix=parameters.mapping_error_pix,
    )
    times_s = byte_times_s([item.exptime_s for item in inputs], len(arrays.context))
    tally = Tally.empty(box.shape, times_s)
    drawing = _Drawing(
        box,
        chips,
        _ADD[engine],
        parameters,
        finished,
        tally,
        store,
        _on_chip(on_step, len(boxes) * len(chips)),
    )
    largest = partial(empty_strip, boxes[0], len(arrays.context), with_variance=parameters.error)
    # those with most to do come first, so that no thread is left with one when the others are done
    _in_threads(drawing.draw, largest, sorted(boxes, key=drawing.n_pixels_reached, reverse=True), n_threads)
    if tally.n_observed == 0:
        raise EmptyLayerError(
            "no good pixel of any input reaches the layer",
            hint="Check the data quality bits that reject pixels, and the WCS of the inputs.",
        )
    statistics = summarise(
        tally, partial(_stored_weight, store, arrays), skycell_n_pixels, n_threads=n_threads
    )
    return LayerImage(arrays, statistics, input_statistics(tally, len(inputs)), observed=tally.observed)


def _stored_weight(store: Store, arrays: LayerArrays) -> Float32s:
    """Return the weights of a drawn layer, readable in its arrays from now on."""
    store.flush()
    return arrays.weight


def _on_chip(on_step: OnStep | None, n_steps: int) -> Callable[[], None] | None:
    """Return what counts the steps that are done."""
    steps = count(1)
    return None if on_step is None else lambda: on_step(next(steps), n_steps)


def _require_supported(parameters: DrizzleParameters, finished: FinishedLayer | None) -> None:
    if parameters.kernel not in KERNELS:
        raise ValueError(f"kernel {parameters.kernel!r} is none of {', '.join(KERNELS)}")
    if parameters.weighting != "exptime":
        raise ValueError(f"weighting {parameters.weighting!r} is not supported; use 'exptime'")
    if finished is not None and parameters.error:
        raise ValueError("a layer with errors cannot go on from a finished one")
    if not 0 < parameters.pixfrac <= 1:
        raise ValueError(f"pixfrac must be above 0 and at most 1, not {parameters.pixfrac}")


def _n_strip_rows(box: PixelBox, arrays: LayerArrays, n_threads: int) -> int:
    n_y, n_x = box.shape
    row_bytes = n_x * 4 * (2 + len(arrays.context) + (arrays.error is not None))
    n_strips = max(_STRIPS_OF_A_THREAD * n_threads, -(-n_y // _MOST_ROWS))
    fair = -(-n_y // n_strips)
    return max(_FEWEST_ROWS, _LEAST_STRIP_BYTES // row_bytes, min(fair, _STRIP_BYTES // row_bytes))


def _strip_boxes(box: PixelBox, n_rows: int) -> list[PixelBox]:
    return [PixelBox(box.x0, y0, box.x1, min(y0 + n_rows, box.y1)) for y0 in range(box.y0, box.y1, n_rows)]


def _in_threads(
    draw: Callable[[Strip], None], largest: Callable[[], Strip], boxes: Sequence[PixelBox], n_threads: int
) -> None:
    """Draw in every box, so many at a time, each thread in a strip of its own; the first error ends it."""
    waiting = deque(boxes)

    def work() -> None:
        room = largest()
        while True:
            try:
                box = waiting.popleft()
            except IndexError:
                return
            draw(strip_in(room, box))

    if n_threads == 1:
        work()
        return
    with ThreadPoolExecutor(n_threads) as pool:
        working = [pool.submit(work) for _ in range(min(n_threads, len(boxes)))]
        try:
            wait(working, return_when=FIRST_EXCEPTION)
        finally:
            waiting.clear()
        for one in working:
            one.result()


def _add_reference(strip: Strip, chip: Chip, parameters: DrizzleParameters) -> None:
    for frame in reference_frames(chip.item, chip.reach, strip.box, parameters):
        merge(strip, chip.index, frame)


_ADD: Mapping[str, Add] = {COMPILED_ENGINE: add_compiled, REFERENCE_ENGINE: _add_reference}
