"""Statistics by outlines against masks painted by another library, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from mvmdb.errors import EmptyLayerError
from mvmdb.mosaic.footprints import footprint_statistics
from mvmdb.records import FootprintStatistics

SKYCELL_N_PIXELS = 21954**2


def painted(
    outlines: list[np.ndarray], exptimes_s: list[float], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return number of chips and exposure time of every pixel: the centre decides."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    masks = [shapely.contains_xy(shapely.Polygon(outline), x, y) for outline in outlines]
    return np.sum(masks, axis=0), sum(t * m for t, m in zip(exptimes_s, masks, strict=True))


def star(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return a simple polygon, often concave, that may stick out."""
    n = int(rng.integers(3, 12))
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(5, 45, n)
    centre = rng.uniform((-10, -10), (shape[1] + 10, shape[0] + 10))
    outline = centre + radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return outline[:: rng.choice([-1, 1])]


@pytest.mark.parametrize("seed", range(30))
def test_random_outlines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (70, 83)
    outlines = [
        outline for outline in (star(rng, shape) for _ in range(9)) if shapely.Polygon(outline).is_valid
    ]
    exptimes_s = rng.choice([100.0, 350.5, 1200.0], len(outlines)).tolist()
    n_chips, exptime_s = painted(outlines, exptimes_s, shape)
    good = n_chips > 0
    found = footprint_statistics(outlines, exptimes_s, shape, SKYCELL_N_PIXELS)
    assert found.n_pixels_covered == good.sum()
    assert found.coverage_fraction == good.sum() / SKYCELL_N_PIXELS
    expected = [f(v[good]) for v in (exptime_s, n_chips) for f in (np.mean, np.median)]
    assert [
        found.mean_exptime_s,
        found.median_exptime_s,
        found.mean_n_exposures,
        found.median_n_exposures,
    ] == pytest.approx(expected, rel=1e-12, abs=0)


def test_by_hand() -> None:
    """Two squares of 4 x 4 and 2 x 2 pixels, the small one inside the large one."""
    large = np.array([[0.5, 0.5], [4.5, 0.5], [4.5, 4.5], [0.5, 4.5]])
    small = np.array([[1.5, 1.5], [1.5, 3.5], [3.5, 3.5], [3.5, 1.5]])  # the other way round
    found = footprint_statistics([large, small], [100.0, 40.0], (10, 10), 400)
    assert found == FootprintStatistics(16, 16 / 400, (12 * 100 + 4 * 140) / 16, 100.0, 20 / 16, 1.0)


def test_shared_border_counts_once() -> None:
    """Pixel centres on a border that two outlines share belong to one of them."""
    left = np.array([[-0.5, -0.5], [3.0, -0.5], [3.0, 5.0], [-0.5, 5.0]])
    right = np.array([[3.0, -0.5], [7.5, -0.5], [7.5, 5.0], [3.0, 5.0]])
    above = np.array([[-0.5, 5.0], [7.5, 5.0], [7.5, 7.5], [-0.5, 7.5]])
    found = footprint_statistics([left, right, above], [10.0, 10.0, 10.0], (8, 8), 64)
    assert found == FootprintStatistics(64, 1.0, 10.0, 10.0, 1.0, 1.0)


def test_outside() -> None:
    with pytest.raises(EmptyLayerError):
        footprint_statistics([np.array([[20.0, 20], [30, 20], [30, 30]])], [10.0], (8, 8), 64)
