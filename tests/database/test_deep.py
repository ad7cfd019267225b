"""Where a filter is deep: faces between outlines against pixels painted one by one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.layers import DeepLayerRow, list_deep_layers
from mvmdb.names import SkycellName
from tests.support.facts import Box, make_facts, ring_at_pixels, ring_of_pixels, rootname

SKYCELL = SkycellName(1889, 11, 11)
NAME = str(SKYCELL)
ARCMIN2_PER_SR = (180 * 60 / np.pi) ** 2
BIN_PIX = 40


def rows(connection: Connection, min_exptime_s: float) -> list[DeepLayerRow]:
    return list_deep_layers(connection, "F160W", min_exptime_s, skycell=SKYCELL)


def area_of(row: DeepLayerRow) -> float:
    """Return the area of the region of a row, square arcmin, from its text, in an equal-area projection."""
    total_sr = 0.0
    for text in row.s_region.split("POLYGON ICRS")[1:]:
        ra_deg, dec_deg = np.array(text.split(), dtype=float).reshape(-1, 2).T
        flat = shapely.Polygon(np.stack([np.radians(ra_deg), np.sin(np.radians(dec_deg))], axis=1))
        assert flat.is_valid
        total_sr += flat.area
    return float(total_sr * ARCMIN2_PER_SR)


def register(connection: Connection, *boxes: tuple[Box, float]) -> None:
    for number, (box, exptime_s) in enumerate(boxes):
        ring = ring_of_pixels(NAME, box)
        register_exposure(connection, make_facts(rootname(number), [ring], exptime_s=exptime_s))


def test_by_hand(connection: Connection) -> None:
    """A field of 100 s, an island of 50 s in its middle, and one of 10 s apart."""
    register(
        connection,
        ((1000, 1000, 5000, 5000), 100.0),
        ((2000, 2000, 4000, 4000), 50.0),
        ((8000, 8000, 9000, 9000), 10.0),
    )
    arcmin2 = (0.04 / 60) ** 2
    expected = {5.0: 4000**2 + 1000**2, 50.0: 4000**2, 100.0: 4000**2, 101.0: 2000**2, 150.0: 2000**2}
    for min_exptime_s, n_pixels in expected.items():
        (row,) = rows(connection, min_exptime_s)
        assert (row.skycell, row.layer, row.deepest_exptime_s) == (NAME, "wfc3_ir_f160w", 150.0)
        assert row.area_arcmin2 == pytest.approx(n_pixels * arcmin2, rel=1e-3)
        assert area_of(row) == pytest.approx(row.area_arcmin2, rel=1e-4)
    assert rows(connection, 150.5) == []
    assert rows(connection, 1e6) == []


def test_holes_are_cut_open(connection: Connection) -> None:
    """A frame of four exposures around a hole."""
    frame = [(0, 0, 3000, 1000), (0, 2000, 3000, 3000), (0, 0, 1000, 3000), (2000, 0, 3000, 3000)]
    register(connection, *(((x0 + 500, y0 + 500, x1 + 500, y1 + 500), 100.0) for x0, y0, x1, y1 in frame))
    (row,) = rows(connection, 100.0)
    assert row.area_arcmin2 == pytest.approx((3000**2 - 1000**2) * (0.04 / 60) ** 2, rel=1e-3)
    assert area_of(row) == pytest.approx(row.area_arcmin2, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_random_chips(connection: Connection, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:21954:BIN_PIX, 0:21954:BIN_PIX] + 0.5
    depth_s = np.zeros(x.shape)
    for number in range(12):
        centre = rng.uniform(-500, 6000, 2)
        angle = rng.uniform(0, np.pi) + np.pi / 4 + np.arange(4) * np.pi / 2
        corners = centre + rng.uniform(800, 2500) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        exptime_s = float(rng.integers(100, 1000))
        ring = ring_at_pixels(NAME, corners)
        register_exposure(connection, make_facts(rootname(number), [ring], exptime_s=exptime_s))
        depth_s += exptime_s * shapely.contains_xy(shapely.Polygon(corners), x, y)
    for threshold_s in (50.0, 900.0, 1500.0):
        found = rows(connection, threshold_s)
        area_arcmin2 = (depth_s >= threshold_s).sum() * (BIN_PIX * 0.04 / 60) ** 2
        if area_arcmin2 > 0.1:
            (row,) = found
            assert row.area_arcmin2 == pytest.approx(area_arcmin2, rel=0.03)
            assert row.deepest_exptime_s >= depth_s.max() - 1e-6
            assert area_of(row) == pytest.approx(row.area_arcmin2, rel=1e-4)


def test_the_whole_sky_is_asked_at_once(connection: Connection) -> None:
    """A field on the overlap of two skycells counts in both, also across RA 0."""
    ring = ring_of_pixels("p1848x11y11", (10000, 10000, 11000, 11000))  # the cell at RA 0
    register_exposure(connection, make_facts("itst0001q", [ring], exptime_s=500.0))
    found = list_deep_layers(connection, "f160w", 400.0)
    assert ("p1848x11y11", 500.0) in [(row.skycell, row.deepest_exptime_s) for row in found]
    assert list_deep_layers(connection, "f125w", 400.0) == []
