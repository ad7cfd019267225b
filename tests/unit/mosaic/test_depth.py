"""Depth from outlines: every bin against the polygon algebra of another library."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely import Polygon, box

from mvmdb.mosaic import depth
from mvmdb.mosaic.depth import depth_map

Floats = NDArray[np.float64]

SHAPE, SIZE = (9, 12), (11.3, 8.6)


def star(random: np.random.Generator, n_vertices: int) -> Floats:
    """Return a polygon around a point, often not convex, often beyond the map, in either sense."""
    angle = np.sort(random.uniform(0, 2 * np.pi, n_vertices))
    angle = angle if np.ptp(angle) > 4 else np.linspace(0.1, 6, n_vertices)
    radius = random.uniform(0.5, 6, n_vertices)
    centre = random.uniform(-2, 13, 2)
    points = centre + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points[:: random.choice([1, -1])]


def areas_by_shapely(outline: Floats) -> Floats:
    """Return the covered fraction of each bin, of its part inside the mapped area."""
    polygon = Polygon(outline)
    fractions = np.zeros(SHAPE)
    for j, i in np.ndindex(SHAPE):
        inside = box(i, j, min(i + 1, SIZE[0]), min(j + 1, SIZE[1]))
        fractions[j, i] = polygon.intersection(inside).area / inside.area
    return fractions


def test_every_bin_against_polygon_intersections() -> None:
    random = np.random.default_rng(1)
    outlines = [star(random, int(random.integers(3, 12))) for _ in range(40)]
    assert sum(not Polygon(outline).convex_hull.equals(Polygon(outline)) for outline in outlines) > 20
    weights = np.stack([np.ones(40), random.uniform(100, 2000, 40)])
    expected = [areas_by_shapely(outline) for outline in outlines]
    maps = depth_map(outlines, weights, SHAPE, SIZE)
    assert maps.shape == (2, *SHAPE)
    np.testing.assert_allclose(maps[0], np.sum(expected, axis=0), atol=1e-12)
    np.testing.assert_allclose(maps[1], np.tensordot(weights[1], expected, axes=1), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ([(0, 0), (2, 0), (2, 1), (0, 1)], [[1, 1, 0], [0, 0, 0]]),  # sides on the borders of bins
        ([(0.5, 0.25), (2.5, 0.25), (2.5, 1.25), (0.5, 1.25)], [[0.375, 0.75, 0.375], [0.125, 0.25, 0.125]]),
        ([(0, 0), (2, 2), (0, 2)], [[0.5, 0, 0], [1, 0.5, 0]]),
        ([(-9, -9), (9, -9), (9, 9), (-9, 9)], [[1, 1, 1], [1, 1, 1]]),
        ([(-9, 0.5), (-4, 0.5), (-4, 1.5), (-9, 1.5)], [[0, 0, 0], [0, 0, 0]]),
        ([(5, 0.5), (9, 0.5), (9, 1.5), (5, 1.5)], [[0, 0, 0], [0, 0, 0]]),
    ],
)
def test_shapes_known_by_heart(corners: list[tuple[float, float]], expected: list[list[float]]) -> None:
    for outline in (np.array(corners, float), np.array(corners, float)[::-1]):
        [found] = depth_map([outline], np.ones((1, 1)), (2, 3), (3, 2))
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_total_is_the_area_of_the_polygons() -> None:
    """Shoelace areas, for hundreds of polygons in several batches."""
    random = np.random.default_rng(2)
    outlines = [star(random, 6) + 30 for _ in range(300)]
    x, y = np.moveaxis(np.array(outlines), 2, 0)
    areas = np.abs(np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1)) / 2
    weights = random.uniform(0, 1000, (1, 300))
    whole = depth_map(outlines, weights, (80, 80), (80, 80))
    assert whole.sum() == pytest.approx(float(weights[0] @ areas), rel=1e-13)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    outlines = [star(random, 7) for _ in range(30)]
    weights = random.uniform(1, 2, (2, 30))
    at_once = depth_map(outlines, weights, SHAPE, SIZE)
    monkeypatch.setattr(depth, "_PIECES_PER_BATCH", 100)
    assert len(list(depth._batches(outlines))) > 5
    np.testing.assert_allclose(depth_map(outlines, weights, SHAPE, SIZE), at_once, rtol=1e-13)


def test_what_nothing_covers_is_zero_not_nearly_zero() -> None:
    random = np.random.default_rng(4)
    angles = random.uniform(0, 7, 500)
    square = np.array([(-30, -30), (30, -30), (30, 30), (-30, 30)]) * np.sqrt(0.5)
    turned = [
        square @ np.array([(np.cos(a), np.sin(a)), (-np.sin(a), np.cos(a))]) + 50 for a in angles.tolist()
    ]
    [found] = depth_map(turned, np.full((1, 500), 1234.5), (100, 100), (100, 100))
    y, x = np.mgrid[:100, :100] + 0.5
    outside = np.hypot(x - 50, y - 50) > 30 + 0.8
    assert outside.sum() > 5000
    assert np.all(found[outside] == 0)
    assert np.all(found[~outside & (np.hypot(x - 50, y - 50) < 20)] > 617_000)


def test_no_polygons() -> None:
    assert np.array_equal(depth_map([], np.ones((2, 0)), (3, 4), (4, 3)), np.zeros((2, 3, 4)))
