"""The chips of a layer that may reach it, and what is known of them before any is drizzled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mvmdb.mosaic.inputs import EngineInput
from mvmdb.mosaic.pixmap import Reach, find_reach
from mvmdb.mosaic.row_nodes import RowNodes, place_nodes
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True, eq=False)
class Chip:
    """One input that lies on this side of the sky, and where its pixels fall."""

    index: int
    """0-based place in the context order."""
    item: EngineInput
    reach: Reach
    box: PixelBox
    """Holds all of it, output pixels."""
    nodes: RowNodes
    """Where the compiled kernel evaluates its mapping."""


def find_chips(inputs: Sequence[EngineInput], *, n_finished: int, max_error_pix: float) -> list[Chip]:
    """Return the inputs that are still to be drizzled, those after the first ``n_finished``.

    Raises
    ------
    MosaicError
        A mapping is undefined on a part of its chip.
    """
    reaches = [
        (index, item, find_reach(item.mapping, item.shape))
        for index, item in enumerate(inputs)
        if index >= n_finished
    ]
    return [
        Chip(
            index,
            item,
            reach,
            reach.box_of(PixelBox(0, 0, *item.shape[::-1])),
            place_nodes(item.mapping, item.shape, max_error_pix),
        )
        for index, item, reach in reaches
        if reach is not None
    ]
