"""The common subarray of a skycell: exact boxes, and every row and column of it against polygons."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon, box, union_all
from sqlalchemy import Connection, text

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.layers import find_extent
from mvmdb.errors import EmptyLayerError
from mvmdb.names import SkycellName
from mvmdb.records import Finding
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.grid import PixelBox, skycell_grid
from tests.support.facts import CAMERAS, Box, aim, make_facts, ring_at_box, ring_of_pixels, rootname
from tests.support.vectors import cell_pixels, cell_plane, sky_of_skycell_pixels, unit_vectors

EXAMPLE = "p1889x07y19"
SKYCELL = box(-0.5, -0.5, 21953.5, 21953.5)


def extent(connection: Connection, skycell: str) -> PixelBox:
    return find_extent(connection, SkycellName.parse(skycell))


def register_box(connection: Connection, number: int, pixels: Box, skycell: str = EXAMPLE) -> None:
    """Register an exposure that covers whole pixels of a skycell."""
    register_exposure(connection, make_facts(rootname(number), [ring_of_pixels(skycell, pixels)]))


def test_document(connection: Connection) -> None:
    """CRPIX (94360, -171093) and 10840 x 11672 pixels from four exposures, each at one side of the box."""
    x0, y0, x1, y1 = 2132, 10281, 12972, 21953
    parts = [
        (x0, 15000, 5400, 19000),
        (6000, y0, 9300, 13500),
        (9000, 14000, x1, 17000),
        (5000, 18000, 9000, y1),
    ]
    for number, part in enumerate(parts):
        register_box(connection, number, part)
    found = extent(connection, EXAMPLE)
    assert (found.x0, found.y0, found.x1, found.y1) == (x0, y0, x1, y1)
    grid = skycell_grid(SkycellName.parse(EXAMPLE)).subarray(found)
    assert (grid.crpix_x, grid.crpix_y, grid.n_x_pix, grid.n_y_pix) == (94360.0, -171093.0, 10840, 11672)


@pytest.mark.parametrize("skycell", [EXAMPLE, "p0000x11y11", "p2643x01y21", "p1848x21y01", "p1929x01y02"])
@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        # Outer edges given; pixel i covers i - 0.5 to i + 0.5.
        ((9.5, 19.5, 29.5, 39.5), (10, 20, 30, 40)),
        ((9.5001, 19.4999, 29.5001, 39.4999), (10, 19, 31, 40)),
        ((9.9, 20.4, 10.1, 20.45), (10, 20, 11, 21)),
        ((-0.5, -0.5, 21953.5, 21953.5), (0, 0, 21954, 21954)),
        ((-400.0, 21000.2, 300.7, 22500.0), (0, 21000, 302, 21954)),
        ((-400.0, -400.0, 22400.0, 22400.0), (0, 0, 21954, 21954)),
        ((21953.4, 100.0, 21990.0, 101.0), (21953, 100, 21954, 102)),
    ],
)
def test_whole_and_broken_pixels(
    connection: Connection, skycell: str, pixels: Box, expected: tuple[int, int, int, int]
) -> None:
    register_exposure(connection, make_facts("itst0000q", [ring_at_box(skycell, pixels)]))
    assert extent(connection, skycell) == PixelBox(*expected)


@pytest.mark.parametrize("skycell", [EXAMPLE, "p2643x11y11", "p1929x01y11"])
def test_every_border_row_and_column_is_touched_and_none_beyond(connection: Connection, skycell: str) -> None:
    """Exposures of all cameras over one skycell, several of them sticking out of it."""
    random = np.random.default_rng(11)
    footprints: list[SkyRing] = []
    for number in range(15):
        camera = CAMERAS[number % len(CAMERAS)]
        middle = random.uniform(-1500, 9000, 2)
        position = sky_of_skycell_pixels(skycell, *middle)
        rings = aim(camera, float(position[0]), float(position[1]), float(random.uniform(0, 360)), random)
        register_exposure(connection, make_facts(rootname(number, camera.instrument), rings))
        footprints += rings
        assert_smallest(extent(connection, skycell), skycell, footprints)


def assert_smallest(found: PixelBox, skycell: str, footprints: list[SkyRing]) -> None:
    """Require that light falls on each side of the box, and none on the skycell beside it."""
    light = union_all([shape_of(skycell, ring) for ring in footprints]).intersection(SKYCELL)
    left, bottom, right, top = found.x0 - 0.5, found.y0 - 0.5, found.x1 - 0.5, found.y1 - 0.5
    for side in (
        box(left, bottom, left + 1, top),
        box(right - 1, bottom, right, top),
        box(left, bottom, right, bottom + 1),
        box(left, top - 1, right, top),
    ):
        assert light.intersection(side).area > 0
    assert light.difference(box(left, bottom, right, top)).area < 1e-3


def shape_of(skycell: str, ring: SkyRing) -> Polygon | MultiPolygon:
    """Return a footprint in pixels of a skycell."""
    x_pix, y_pix = cell_pixels(cell_plane(int(skycell[1:5])), unit_vectors(*np.array(ring).T))
    return Polygon(
        np.transpose([x_pix - (int(skycell[6:8]) - 1) * 21442, y_pix - (int(skycell[9:11]) - 1) * 21442])
    )


def test_all_detectors_and_filters_share_it(connection: Connection) -> None:
    wfc = make_facts("jtst0000q", [ring_of_pixels(EXAMPLE, (100, 200, 4000, 4100))])
    ir = make_facts("itst0000q", [ring_of_pixels(EXAMPLE, (3000, 5000, 6000, 8000))])
    register_exposure(connection, dataclasses.replace(wfc, instrument="acs", detector="wfc", filter="f606w"))
    register_exposure(connection, ir)
    assert extent(connection, EXAMPLE) == PixelBox(100, 200, 6000, 8000)
    assert extent(connection, EXAMPLE.upper()) == PixelBox(100, 200, 6000, 8000)


def test_excluded_and_superseded_exposures_do_not_count(connection: Connection) -> None:
    register_box(connection, 0, (1000, 1000, 2000, 2000))
    excluded = make_facts(
        "itst000xq",
        [ring_of_pixels(EXAMPLE, (0, 0, 100, 100))],
        findings=(Finding("grism", "FILTER = G141"),),
    )
    register_exposure(connection, excluded)
    moved = make_facts("itst0001q", [ring_of_pixels(EXAMPLE, (5000, 5000, 9000, 9000))])
    register_exposure(connection, moved)
    assert extent(connection, EXAMPLE) == PixelBox(1000, 1000, 9000, 9000)
    corrected = make_facts(
        "itst0001q", [ring_of_pixels(EXAMPLE, (1500, 1500, 3000, 2500))], file_sha256="corrected"
    )
    register_exposure(connection, corrected)
    assert extent(connection, EXAMPLE) == PixelBox(1000, 1000, 3000, 2500)


def test_function_and_view_say_the_same(connection: Connection) -> None:
    """An exposure on the seam of two projection cells reaches several skycells, each with its own box."""
    random = np.random.default_rng(12)
    register_exposure(connection, make_facts("jtst0000q", aim(CAMERAS[0], 181.1, 27.97, 15.0, random)))
    rows = connection.execute(text("select * from mvm.skycell_extent order by skycell")).all()
    assert len({row.projection_cell for row in rows}) > 1
    for row in rows:
        query = text("select * from mvm.skycell_extent(:skycell)")
        assert tuple(connection.execute(query, {"skycell": row.skycell}).one()) == tuple(row)
        assert row.skycell == f"p{row.projection_cell:04d}x{row.x:02d}y{row.y:02d}"


def test_skycell_without_exposures(connection: Connection) -> None:
    register_box(connection, 0, (1000, 1000, 2000, 2000))
    assert connection.execute(text("select * from mvm.skycell_extent('p1889x07y17')")).all() == []
    with pytest.raises(EmptyLayerError, match="no exposure reaches skycell p1889x07y17") as caught:
        extent(connection, "p1889x07y17")
    assert caught.value.hint == "ingest exposures first"
