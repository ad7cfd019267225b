"""The compiled engine: the rows of a chip that reach a strip, drizzled onto it in one go."""

from __future__ import annotations

from collections.abc import Iterator

from mvmdb.mosaic.compiled import drizzle_rows
from mvmdb.mosaic.inputs import EngineInput, read_part
from mvmdb.mosaic.merge import Frame
from mvmdb.mosaic.pixmap import Reach, compute_pixmap
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan

_WINDOW_COLUMNS = 1024
"""A rolled chip is cut into columns, so that little of it is looked at that does not reach a strip. A
multiple of the 256 columns by which the kernel sums."""


def compiled_frames(
    item: EngineInput, reach: Reach, box: PixelBox, parameters: DrizzleParameters
) -> Iterator[Frame]:
    """Yield what each of the windows of a chip that reach a box of the layer gives to it, in order.

    Notes
    -----
    Windows depend on the chip alone, and no pixel of a frame on its box: whatever strip of a layer is asked
    for, its pixels are the same to the last bit.

    Raises
    ------
    MosaicError
        The mapping is undefined on a part of the chip, or the kernel was not compiled.
    ValueError
        A weight is negative, or an error layer is wanted and the input has no error.
    """
    n_y_pix, n_x_pix = item.shape
    for x0 in range(0, n_x_pix, _WINDOW_COLUMNS):
        window = PixelBox(x0, 0, min(x0 + _WINDOW_COLUMNS, n_x_pix), n_y_pix)
        part = reach.part(box, within=window)
        common = None if part is None else reach.box_of(part).intersection(box)
        if part is not None and common is not None and common.n_pixels:
            yield from _frames(item, part, common, parameters)


def _frames(
    item: EngineInput, part: PixelBox, box: PixelBox, parameters: DrizzleParameters
) -> Iterator[Frame]:
    """Yield one frame; none where nothing in the part is good."""
    read = read_part(item, part, with_variance=parameters.error)
    if not read.weight.any():
        return
    science, weight, variance = drizzle_rows(
        read.rate,
        read.weight,
        read.variance,
        _mapping(item, part, parameters),
        origin=(part.x0, part.y0),
        box=box,
        kernel=parameters.kernel,
        pixfrac=parameters.pixfrac,
        area_ratio=item.area_ratio,
    )
    yield Frame(science, weight, variance, box)


def _mapping(item: EngineInput, part: PixelBox, parameters: DrizzleParameters) -> TanToTan | Floats:
    """Return the closed form where there is one and every pixel is to be evaluated, else the positions."""
    if isinstance(item.mapping, TanToTan) and parameters.mapping_error_pix == 0:
        return item.mapping
    pixmap = compute_pixmap(
        item.mapping, item.shape, max_error_pix=parameters.mapping_error_pix, part=part.grown(1)
    )
    return pixmap.positions
