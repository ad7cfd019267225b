"""The compiled engine: the rows of a chip that reach a strip, added to it by the kernel."""

from __future__ import annotations

from mvmdb.mosaic.compiled import Target, drizzle_onto
from mvmdb.mosaic.inputs import EngineInput, read_part
from mvmdb.mosaic.merge import Strip, part_of
from mvmdb.mosaic.pixmap import Reach, compute_pixmap
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan

_WINDOW_COLUMNS = 1024
"""A rolled chip is cut into columns, so that little of it is looked at that does not reach a strip. A
multiple of the 256 columns by which the kernel sums."""


def add_compiled(
    strip: Strip, index: int, item: EngineInput, reach: Reach, parameters: DrizzleParameters
) -> None:
    """Add a chip to a strip of a layer, in place.

    Notes
    -----
    Chips are read in windows of some columns that depend on the chip alone, and no pixel depends on the
    strip: whatever strip of a layer is asked for, its pixels are the same to the last bit.

    Raises
    ------
    ContextOverflowError
        The planes have no bit for this input.
    MosaicError
        The mapping is undefined on a part of the chip, or the kernel was not compiled.
    ValueError
        A weight is negative, or an error layer is wanted and the input has no error.
    """
    n_y_pix, n_x_pix = item.shape
    for x0 in range(0, n_x_pix, _WINDOW_COLUMNS):
        window = PixelBox(x0, 0, min(x0 + _WINDOW_COLUMNS, n_x_pix), n_y_pix)
        part = reach.part(strip.box, within=window)
        common = None if part is None else reach.box_of(part).intersection(strip.box)
        if part is not None and common is not None and common.n_pixels:
            _add_part(part_of(strip, index, common), item, part, parameters)


def _add_part(target: Target, item: EngineInput, part: PixelBox, parameters: DrizzleParameters) -> None:
    """Add a part of a chip; nothing where nothing in it is good."""
    read = read_part(item, part, with_variance=parameters.error)
    if not read.weight.any():
        return
    drizzle_onto(
        target,
        read.rate,
        read.weight,
        read.variance,
        _mapping(item, part, parameters),
        origin=(part.x0, part.y0),
        kernel=parameters.kernel,
        pixfrac=parameters.pixfrac,
        area_ratio=item.area_ratio,
    )


def _mapping(item: EngineInput, part: PixelBox, parameters: DrizzleParameters) -> TanToTan | Floats:
    """Return the closed form where there is one and every pixel is to be evaluated, else the positions."""
    if isinstance(item.mapping, TanToTan) and parameters.mapping_error_pix == 0:
        return item.mapping
    pixmap = compute_pixmap(
        item.mapping, item.shape, max_error_pix=parameters.mapping_error_pix, part=part.grown(1)
    )
    return pixmap.positions
