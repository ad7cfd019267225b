"""Skycells around one: none missed, and each outlined where its sky is."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon, points

from mvmdb.names import SkycellName
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.neighbours import skycells_around
from tests.support.vectors import (
    CELL_RADIUS_DEG,
    angle_deg,
    cell_centres,
    cell_pixels,
    cell_plane,
    sky_of_skycell_pixels,
    unit_vectors,
)

Floats = np.ndarray

EXAMPLES = ["p1889x07y19", "p0726x10y04", "p2643x11y11", "p2643x01y21", "p0000x12y03", "p1848x21y01"]
VIEW = PixelBox(-2000, -2000, 24000, 24000)


def skycells_holding(vector: Floats) -> set[str]:
    """Return the skycells that hold a direction, from the definition of all of them."""
    near = np.flatnonzero(angle_deg(unit_vectors(*cell_centres()), vector) < CELL_RADIUS_DEG)
    found = set()
    for cell in near.tolist():
        x_pix, y_pix = cell_pixels(cell_plane(cell), vector)
        columns = [n for n in range(1, 22) if -0.5 <= x_pix - 21442 * (n - 1) < 21953.5]
        rows = [n for n in range(1, 22) if -0.5 <= y_pix - 21442 * (n - 1) < 21953.5]
        found |= {f"p{cell:04d}x{x:02d}y{y:02d}" for x in columns for y in rows}
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_outlines_hold_the_sky_of_their_skycells(name: str) -> None:
    random = np.random.default_rng(5)
    outlines = {str(item.skycell): item for item in skycells_around(SkycellName.parse(name), VIEW)}
    assert name in outlines
    pixels = random.uniform(-2000, 24000, (60, 2))
    vectors = unit_vectors(*sky_of_skycell_pixels(name, *pixels.T))
    shapes = {key: Polygon(item.corners_pix) for key, item in outlines.items()}
    n_foreign = 0
    for point, vector in zip(points(pixels), vectors, strict=True):
        expected = skycells_holding(vector)
        assert {key for key, shape in shapes.items() if shape.contains(point)} == expected
        n_foreign += any(key[:5] != name[:5] for key in expected)
    assert len(outlines) > 8 or "x01" in name or "x21" in name
    assert n_foreign > 0 or name in {"p2643x11y11", "p0000x12y03"}


def test_names_come_once_and_in_order() -> None:
    found = [item.skycell for item in skycells_around(SkycellName.parse("p0726x10y04"), VIEW)]
    assert found == sorted(set(found))
    assert {name.projection_cell for name in found} >= {646, 647, 726}
