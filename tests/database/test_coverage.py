"""Regions, depth, union area and lists of positions, against shapely and against sums by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from shapely import Polygon, union_all
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.positions import (
    ExposureFilter,
    Place,
    find_union_area_deg2,
    list_coverage,
    list_depth,
    list_depth_at_positions,
)
from mvmdb.names import SkycellName
from mvmdb.sky.grid import skycell_grid
from tests.support.facts import make_facts, ring_at_pixels, rootname

SKYCELL = "p1889x07y19"


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def sky(x: float, y: float) -> tuple[float, float]:
    ra_deg, dec_deg = skycell_grid(SkycellName.parse(SKYCELL)).pixel_to_sky(x, y)
    return float(ra_deg), float(dec_deg)


@pytest.fixture
def field(connection: Connection) -> Connection:
    """Three overlapping squares of 1000 pixels: two filters, two years."""
    for k, (x, name, start_mjd) in enumerate(
        [(3000, "f160w", 55000.0), (3500, "f160w", 56000.0), (3700, "f125w", 56500.0)]
    ):
        facts = make_facts(
            rootname(k),
            [ring_at_pixels(SKYCELL, square(x, 5000, 1000))],
            filter=name,
            start_mjd=start_mjd,
            end_mjd=start_mjd + 0.01,
            exptime_s=100.0 * (k + 1),
        )
        register_exposure(connection, facts)
    return connection


def test_depth_at_a_position_sums_by_filter(field: Connection) -> None:
    rows = list_depth(field, Place(*sky(3800, 5500)))
    assert {(row.filter, row.n_exposures, row.exptime_s) for row in rows} == {
        ("f160w", 2, 300.0),
        ("f125w", 1, 300.0),
    }
    assert (
        field.execute(
            text("select sum(exptime_s) from mvm.depth_at(cast(:ra as float8), cast(:dec as float8))"),
            dict(zip(("ra", "dec"), sky(3800, 5500), strict=True)),
        ).scalar()
        == 600.0
    )


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (ExposureFilter(filters=("F160W",)), [0, 1]),
        (ExposureFilter(since=datetime(2012, 1, 1, tzinfo=UTC)), [1, 2]),
        (ExposureFilter(until=datetime(2012, 1, 1, tzinfo=UTC)), [0]),
        (ExposureFilter(min_exptime_s=250.0), [2]),
        (ExposureFilter(instruments=("ACS",)), []),
        (ExposureFilter(instruments=("WFC3",), filters=("f125w", "f160w")), [0, 1, 2]),
    ],
)
def test_filters_and_time_windows(field: Connection, only: ExposureFilter, expected: list[int]) -> None:
    rows = list_coverage(field, Place(*sky(3800, 5500)), only)
    assert [row.exposure for row in rows] == [rootname(k) for k in expected]


@pytest.mark.parametrize(
    ("x", "side", "expected"), [(2900, 50, []), (2980, 50, [0]), (3980, 100, [0, 1, 2]), (4650, 40, [2])]
)
def test_polygons_find_what_they_touch(field: Connection, x: float, side: float, expected: list[int]) -> None:
    ring = ring_at_pixels(SKYCELL, square(x, 5400, side))
    rows = list_coverage(field, Place(polygons=(ring,)), with_footprints=True)
    assert [row.exposure for row in rows] == [rootname(k) for k in expected]
    assert all(row.s_region.startswith("POLYGON ICRS ") for row in rows)


def test_union_area_counts_overlaps_once(field: Connection) -> None:
    """Expected: shapely's union in pixels, times the area of a pixel so far from the tangent point."""
    union = union_all([Polygon(square(x, 5000, 1000)) for x in (3000, 3500, 3700)])
    x, y = union.centroid.x, union.centroid.y
    grid = skycell_grid(SkycellName.parse(SKYCELL))
    tangent = np.hypot(x - grid.crpix_x + 1, y - grid.crpix_y + 1) * np.radians(0.04 / 3600)
    pixel_deg2 = (0.04 / 3600) ** 2 * (1 + tangent**2) ** -1.5
    place = Place(polygons=(ring_at_pixels(SKYCELL, square(2900, 4900, 3000)),))
    assert find_union_area_deg2(field, place) == pytest.approx(union.area * pixel_deg2, rel=1e-4)
    assert find_union_area_deg2(field, place, ExposureFilter(filters=("f105w",))) == 0.0


def test_union_area_over_the_seam_of_projection_cells(connection: Connection) -> None:
    """A footprint that several cells hold counts once: its area on the sphere, by Girard's theorem."""
    corners = [(358.0, 24.0), (358.4, 24.0), (358.4, 24.5), (358.0, 24.5)]
    register_exposure(connection, make_facts(rootname(1), [tuple(corners)]))
    cells = connection.execute(text("select count(*) from mvm.placement")).scalar()
    assert cells > 1
    ra, dec = np.radians(corners).T
    v = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    normals = np.cross(v, np.roll(v, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    angles = np.pi - np.arccos((normals * np.roll(normals, -1, axis=0)).sum(axis=1))
    expected = np.degrees(np.degrees(angles.sum() - 2 * np.pi))
    assert find_union_area_deg2(connection, Place(358.2, 24.2)) == pytest.approx(expected, rel=1e-6)


def test_many_positions_at_once(field: Connection) -> None:
    positions = [
        ("both", *sky(3600, 5500)),
        ("dark", *sky(100, 100)),
        ("turned", sky(3600, 5500)[0] - 360, sky(3600, 5500)[1]),
    ]
    rows = list_depth_at_positions(field, positions)
    assert [(row.position, row.filter, row.n_exposures, row.exptime_s) for row in rows] == [
        ("both", "f160w", 2, 300.0),
        ("turned", "f160w", 2, 300.0),
    ]


@pytest.mark.parametrize(
    "call", ["sky_polygon(array[1.0, 2.0, 3.0])", "sky_polygon(array[1, 2, 3, 4, 5, 91]::float8[])"]
)
def test_bad_polygons_are_refused(connection: Connection, call: str) -> None:
    with pytest.raises(DBAPIError, match=r"vertices|not on the sky"):
        connection.execute(text(f"select mvm.{call}"))


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (123.0, 45.0), (10.0, 89.999), (0.0, -90.0)])
def test_boxes_have_their_size_everywhere(connection: Connection, ra: float, dec: float) -> None:
    area = connection.execute(
        text("select ST_Area(mvm.sky_box(:ra, :dec, 100, 50)) / 6371008.7714 ^ 2"), {"ra": ra, "dec": dec}
    ).scalar_one()
    assert area * np.degrees(1) ** 2 * 3600**2 == pytest.approx(5000.0, rel=1e-6)
