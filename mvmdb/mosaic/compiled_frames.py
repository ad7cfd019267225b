"""The compiled engine: the rows of a chip that reach a strip, drizzled onto it in one go."""

from __future__ import annotations

from collections.abc import Iterator

from mvmdb.mosaic.compiled import drizzle_rows
from mvmdb.mosaic.inputs import EngineInput, read_part
from mvmdb.mosaic.merge import Frame
from mvmdb.mosaic.pixmap import compute_pixmap
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tan_mapping import TanToTan


def compiled_frames(
    item: EngineInput, part: PixelBox, box: PixelBox, parameters: DrizzleParameters
) -> Iterator[Frame]:
    """Yield one frame: what a part of a chip gives to a box of the layer; none where nothing in it is good.

    Raises
    ------
    MosaicError
        The mapping is undefined on a part of the chip, or the kernel was not compiled.
    ValueError
        A weight is negative, or an error layer is wanted and the input has no error.
    """
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
