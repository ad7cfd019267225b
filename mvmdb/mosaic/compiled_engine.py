"""The compiled engine: the rows of a chip that reach a strip, added to it by the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from mvmdb.mosaic.chips import Chip
from mvmdb.mosaic.compiled import Target, drizzle_onto
from mvmdb.mosaic.inputs import EngineInput, Part, StoredPixels, read_part
from mvmdb.mosaic.merge import Strip, part_of
from mvmdb.mosaic.pixmap import compute_pixmap
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan

_WINDOW_COLUMNS = 1024
"""What is decoded or mapped before the kernel sees it is cut into columns, so that little memory is needed,
and little is done for nothing where a rolled chip reaches a strip. A multiple of the 128 by which the kernel
sums."""


def add_compiled(strip: Strip, chip: Chip, parameters: DrizzleParameters) -> None:
    """Add a chip to a strip of a layer, in place.

    Notes
    -----
    Windows begin at fixed columns of the chip, and no pixel depends on the strip: whatever strip of a layer
    is asked for, its pixels are the same to the last bit.

    Raises
    ------
    ContextOverflowError
        The planes have no bit for this input.
    MosaicError
        The mapping is undefined on a part of the chip, or the kernel was not compiled.
    ValueError
        A weight is negative, or an error layer is wanted and the input has no error.
    """
    for window in _windows(chip.item, parameters):
        part = chip.reach.part(strip.box, within=window)
        common = None if part is None else chip.reach.box_of(part).intersection(strip.box)
        if part is not None and common is not None and common.n_pixels:
            _add_part(part_of(strip, chip.index, common), chip, part, parameters)


def _add_part(target: Target, chip: Chip, part: PixelBox, parameters: DrizzleParameters) -> None:
    drizzle_onto(
        target,
        _pixels(chip.item, part, parameters),
        _mapping(chip.item, part, parameters),
        origin=(part.x0, part.y0),
        kernel=parameters.kernel,
        pixfrac=parameters.pixfrac,
        area_ratio=chip.item.area_ratio,
        node_rows=chip.nodes.rows,
    )


def _windows(item: EngineInput, parameters: DrizzleParameters) -> Iterator[PixelBox]:
    """Cut a chip into columns, unless the kernel does everything: it finds by itself what reaches a strip."""
    n_y_pix, n_x_pix = item.shape
    is_left_to_kernel = _stored(item, parameters) is not None and isinstance(item.mapping, TanToTan)
    n_columns = n_x_pix if is_left_to_kernel else _WINDOW_COLUMNS
    return (PixelBox(x0, 0, min(x0 + n_columns, n_x_pix), n_y_pix) for x0 in range(0, n_x_pix, n_columns))


def _pixels(item: EngineInput, part: PixelBox, parameters: DrizzleParameters) -> Part | StoredPixels:
    stored = _stored(item, parameters)
    return read_part(item, part, with_variance=parameters.error) if stored is None else stored.part(part)


def _stored(item: EngineInput, parameters: DrizzleParameters) -> StoredPixels | None:
    """Return what the kernel reads by itself; it knows no stored errors."""
    return None if parameters.error else item.stored


def _mapping(item: EngineInput, part: PixelBox, parameters: DrizzleParameters) -> TanToTan | Floats:
    """Return the closed form, which the kernel evaluates, where there is one; else the positions."""
    if isinstance(item.mapping, TanToTan):
        return item.mapping
    pixmap = compute_pixmap(
        item.mapping, item.shape, max_error_pix=parameters.mapping_error_pix, part=part.grown(1)
    )
    return pixmap.positions
