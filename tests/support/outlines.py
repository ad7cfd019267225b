"""Chips on the grid of a skycell, as the database would give them."""

from __future__ import annotations

import numpy as np

from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ChipOutline, DepthMap
from mvmdb.sky.grid import PixelBox

Corners = tuple[float, float, float, float]
"""Least x, least y, greatest x, greatest y, fine pixels of the skycell."""


def square(corners: Corners, exposure: str = "itst0000q", **changes: object) -> ChipOutline:
    """Return a chip that is a rectangle; a WFC3/IR exposure of 1000 s in F160W unless told otherwise."""
    x0, y0, x1, y1 = corners
    values: dict[str, object] = {
        "chip": 1,
        "instrument": "wfc3",
        "detector": "ir",
        "filter": "f160w",
        "exptime_s": 1000.0,
        "start_mjd": 55000.0,
        "vertices_pix": np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float),
    }
    return ChipOutline(exposure, **{**values, **changes})  # type: ignore[arg-type]


def depth_of_nothing(
    skycell: str = "p1889x07y19", bin_pix: int = 100, box: PixelBox | None = None, **changes: object
) -> DepthMap:
    """Return an empty depth map, or one with some fields replaced."""
    box = box or PixelBox(0, 0, 21954, 21954)
    shape = -(-box.height // bin_pix), -(-box.width // bin_pix)
    values: dict[str, object] = {
        "layer": LayerName.parse("wfc3_ir_f160w"),
        "exptime_s": np.zeros(shape),
        "n_chips": np.zeros(shape),
        "outlines": (square((0, 0, 10, 10)),),
    }
    fields = {**values, **changes}
    return DepthMap(SkycellName.parse(skycell), box=box, bin_pix=bin_pix, **fields)  # type: ignore[arg-type]
