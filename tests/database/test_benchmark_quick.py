"""The benchmark in small: a fifth of the footprints on seams, against vectors; extents against lit pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.benchmark import report, run
from tests.benchmark.exactness import compare, read_members
from tests.benchmark.footprints import CAMERAS, Outline, blocks
from tests.benchmark.load import load, synthetic_lines
from tests.benchmark.oracle import Floats, Integers, Pairs, memberships
from tests.benchmark.raster import Box, count_wrong_extents, lit_box, lit_runs, raster_extents
from tests.benchmark.seams import on_seams
from tests.support.database import cloned_database

N_EXPOSURES = 2500
SEED = 5

KEYS = (
    *("n_exposures", "load_s", "database_gb", "all_memberships_s", "membership_missed", "membership_extra"),
    *("skycell_at_p50_ms", "skycell_at_p99_ms", "members_p50_ms", "members_p99_ms", "insert_p50_ms"),
    *("coverage_p50_ms", "extent_typical_ms", "extent_deepest_ms"),
)


def footprints(outline: Outline) -> Iterator[tuple[Integers, Floats]]:
    pointings = on_seams(N_EXPOSURES, SEED)
    return ((item.index, item.vectors) for block in blocks(pointings, outline) for item in block)


@pytest.fixture(scope="module", params=["corners", "detailed"])
def seams(request: pytest.FixtureRequest, template_url: str) -> Iterator[tuple[Outline, psycopg.Connection]]:
    """Outline, and a database that holds those footprints."""
    with cloned_database(template_url) as url, run.session(url) as connection:
        load(connection, synthetic_lines(on_seams(N_EXPOSURES, SEED), request.param))
        connection.execute("analyze")
        yield request.param, connection


def test_no_member_is_missed_and_none_is_extra(seams: tuple[Outline, psycopg.Connection]) -> None:
    outline, connection = seams
    expected = memberships(footprints(outline))
    result = compare(read_members(connection), expected, N_EXPOSURES)
    assert result.n_pairs > 2 * N_EXPOSURES
    assert (result.n_missed, result.n_extra) == (0, 0)
    # Some footprints lie within 10 mas of an edge; the digits last for those too.
    assert np.sum(np.abs(expected.depth_mas) < 10) > 30
    assert result.widest_difference_mas < 1e-3


@pytest.mark.parametrize("seams", ["corners"], indirect=True)  # rows of bent outlines are no single runs
def test_extents_are_those_of_the_lit_pixels(seams: tuple[Outline, psycopg.Connection]) -> None:
    outline, connection = seams
    extents = raster_extents(footprints(outline), memberships(footprints(outline)), 500, SEED)
    assert sum(box is not None for box in extents.values()) > 400
    assert count_wrong_extents(connection, extents) == 0


def test_the_comparison_finds_what_is_wrong() -> None:
    """Known pairs: one deep inside is missing, one just inside as well, one far outside is too much."""
    expected = Pairs(np.array([10, 20, 30, 40, 50]), np.array([500.0, 0.5, 900.0, -700.0, -0.5]))
    result = compare(np.array([30, 40, 50, 60]), expected, 5)
    assert (result.n_missed, result.n_extra, result.n_within_tolerance) == (1, 2, 2)
    assert result.widest_difference_mas == np.inf


@pytest.mark.parametrize(
    ("polygon", "box"),
    [
        ([(10, 20), (30, 20), (30, 40), (10, 40)], (10, 20, 31, 41)),
        ([(9.5, 19.5), (29.5, 19.5), (29.5, 39.5), (9.5, 39.5)], (10, 20, 30, 40)),
        ([(20, 9.6), (30.4, 20), (20, 30.6), (9.4, 20)], (9, 10, 31, 32)),
        ([(-50, 100), (40, 10), (40, 100)], (0, 10, 41, 101)),
        ([(21950, 21900), (22000, 21950), (21950, 22000)], (21950, 21900, 21954, 21954)),
        # A corner of the skycell that the bounding box of the triangle holds, and the triangle not.
        ([(-30, 20), (20, -30), (-30, -30)], None),
    ],
)
def test_lit_pixels_of_known_polygons(polygon: list[tuple[float, float]], box: Box | None) -> None:
    assert lit_box([lit_runs(np.array(polygon, dtype=float))]) == box


def test_area_of_the_lit_pixels() -> None:
    """Pixels that an inclined chip enters: its area and, for the border, about half its width and height."""
    corners = np.array([(1000.2, 1000.7), (5000.4, 1400.1), (4700.9, 5300.3), (800.6, 4800.8)])
    x, y = corners.T
    area_pix = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    around_pix = np.sum(np.abs(np.diff(corners, axis=0, append=corners[:1])))
    runs = lit_runs(corners)
    assert np.sum(runs.end - runs.first) == pytest.approx(area_pix + around_pix / 2, rel=1e-4)


def test_report_has_every_figure(template_url: str, tmp_path: Path) -> None:
    """The run in small, without the clock: all keys are there, and nothing is missed or extra."""
    figures = run.measure_mission(template_url, 600, n_questions=20) | run.measure_exactness(
        template_url, 300
    )
    report.write(figures, tmp_path / "sky.json")
    written = json.loads((tmp_path / "sky.json").read_text())
    assert [key for key in KEYS if key not in written] == []
    assert written["n_exposures"] == 600
    assert written["membership_pairs"] > 600
    zero = ("membership_missed", "membership_extra", "extents_wrong", "extents_unlike_history")
    assert [written[key] for key in zero] == [0, 0, 0, 0]
    assert all(f"| {key} |" in report.table(written) for key in KEYS)


def test_cameras_are_as_large_as_the_real_ones() -> None:
    """Square arcminutes of the fields of view, from the instrument handbooks."""
    published = {"wfc": 11.3, "uvis": 7.3, "ir": 4.6, "hrc": 0.2}
    for camera in CAMERAS:
        x, y = np.moveaxis(camera.chips_arcsec, -1, 0)
        following = np.roll(x, -1, axis=1) * y - x * np.roll(y, -1, axis=1)
        area_arcmin2 = np.abs(following.sum(axis=1)).sum() / 2 / 3600
        assert area_arcmin2 == pytest.approx(published[camera.detector], rel=0.06, abs=0.02)
