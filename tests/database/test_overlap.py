"""Which exposures overlap, and by how much, against shapely."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from shapely import Polygon
from sqlalchemy import Connection

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.footprints import list_overlaps
from mvmdb.names import SkycellName
from tests.support.facts import make_facts, ring_at_pixels, rootname

SKYCELL = "p1889x07y19"


def test_overlaps_are_those_of_the_polygons(connection: Connection) -> None:
    rng = np.random.default_rng(3)
    polygons = {}
    for k in range(8):
        x, y, roll = rng.uniform(5000, 7000), rng.uniform(5000, 7000), rng.uniform(0, np.pi)
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        corners = np.array([[-700, -500], [700, -500], [700, 500], [-700, 500]]) @ turn + (x, y)
        polygons[rootname(k)] = Polygon(corners)
        start_mjd = 55000.0 + k
        facts = make_facts(
            rootname(k), [ring_at_pixels(SKYCELL, corners)], start_mjd=start_mjd, end_mjd=start_mjd + 0.01
        )
        register_exposure(connection, facts)
    expected = {
        pair: polygons[pair[0]].intersection(polygons[pair[1]]).area
        for pair in combinations(sorted(polygons), 2)
    }
    found = {
        tuple(sorted((row.exposure, row.other))): row.area_pix
        for row in list_overlaps(connection, SkycellName.parse(SKYCELL))
    }
    assert set(found) == {pair for pair, area in expected.items() if area > 0}
    assert found == pytest.approx({pair: expected[pair] for pair in found}, rel=1e-6)
