"""Footprints as maps want them, against polygons computed without database and tessellation code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy_healpix import HEALPix
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box, union_all
from sqlalchemy import Connection, text

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.footprints import list_outlines, list_overlaps, read_sky_depth, stream_polygons
from mvmdb.errors import EmptyLayerError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ExposureFacts, Finding
from tests.support.areas import spherical_excess_sr
from tests.support.facts import CAMERAS, aim, make_facts, ring_at_box, ring_of_pixels, rootname
from tests.support.vectors import cell_pixels, cell_plane, sky_of_skycell_pixels, unit_vectors

Floats = NDArray[np.float64]

EXAMPLES = ["p1889x07y19", "p1848x11y11", "p2643x11y11", "p0000x10y12"]
"""Anywhere, on RA 0, and at both poles."""
SKYCELL = box(-0.5, -0.5, 21953.5, 21953.5)
FILTERS = {"wfc": "f606w", "hrc": "f435w", "uvis": "f606w", "ir": "f160w", "pc": "f555w"}


def pixels_of(skycell: str, ring: Floats) -> Floats:
    """Return a polygon on the sky in 0-based fine pixels of a skycell."""
    x_pix, y_pix = cell_pixels(cell_plane(int(skycell[1:5])), unit_vectors(*np.asarray(ring).T))
    corner = (int(skycell[6:8]) - 1) * 21442, (int(skycell[9:11]) - 1) * 21442
    return np.stack([x_pix - corner[0], y_pix - corner[1]], axis=-1)


def around(skycell: str, n: int = 25) -> list[ExposureFacts]:
    """Return exposures of all cameras at the lower left corner of a skycell, some beyond it."""
    random = np.random.default_rng(21)
    found = []
    for number in range(n):
        camera = CAMERAS[number % len(CAMERAS)]
        ra_deg, dec_deg = sky_of_skycell_pixels(skycell, *random.uniform(-4000, 7000, 2))
        rings = aim(camera, float(ra_deg), float(dec_deg), float(random.uniform(0, 360)), random)
        facts = make_facts(
            rootname(number, camera.instrument),
            rings,
            instrument=camera.instrument,
            detector=camera.detector,
            filter=FILTERS[camera.detector],
            exptime_s=float(random.uniform(10, 1000)),
            start_mjd=55000.0 + int(random.integers(100)),
            end_mjd=55200.0,
        )
        found.append(facts)
    return found


def register(connection: Connection, exposures: list[ExposureFacts]) -> None:
    for facts in exposures:
        register_exposure(connection, facts)


@pytest.mark.parametrize("skycell", EXAMPLES)
def test_outlines_are_the_chips_that_reach_the_skycell(connection: Connection, skycell: str) -> None:
    exposures = around(skycell)
    register(connection, exposures)
    expected = {
        (facts.rootname, chip.chip): pixels_of(skycell, np.array(chip.footprint))
        for facts in exposures
        for chip in facts.chips
    }
    touching = {key for key, ring in expected.items() if Polygon(ring).intersection(SKYCELL).area > 1}
    assert 10 < len(touching) < len(expected)
    found = list_outlines(connection, SkycellName.parse(skycell))
    assert {(item.exposure, item.chip) for item in found} == touching
    by_name = {facts.rootname: facts for facts in exposures}
    for item in found:
        np.testing.assert_allclose(item.vertices_pix, expected[item.exposure, item.chip], atol=2e-6)
        for field in ("instrument", "detector", "filter", "exptime_s", "start_mjd"):
            assert getattr(item, field) == getattr(by_name[item.exposure], field)
    order = [(item.start_mjd, item.exposure, item.chip) for item in found]
    assert order == sorted(order)


def test_outlines_of_a_layer(connection: Connection) -> None:
    skycell = SkycellName.parse("p1889x07y19")
    register(connection, around(str(skycell)))
    every = list_outlines(connection, skycell)
    for name in ("wfc3_ir_f160w", "wfc3_ir_f160w_coarse", "acs_wfc_f606w", "wfpc2_pc_f555w_coarse"):
        layer = LayerName.parse(name)
        found = list_outlines(connection, skycell, layer)
        kind = (layer.instrument, layer.detector, layer.filter)
        wanted = [item for item in every if (item.instrument, item.detector, item.filter) == kind]
        assert found
        assert [(item.exposure, item.chip) for item in found] == [(i.exposure, i.chip) for i in wanted]
    query = text("select count(*) from mvm.skycell_footprints('P1889X07Y19', 'WFC3_IR_F160W')")
    n_found = connection.execute(query).scalar_one()
    assert n_found == len(list_outlines(connection, skycell, LayerName.parse("wfc3_ir_f160w")))
    with pytest.raises(UnknownObjectError, match="p1889x07y19 has no layer acs_wfc_f850lp") as caught:
        list_outlines(connection, skycell, LayerName.parse("acs_wfc_f850lp"))
    assert caught.value.hint is not None
    assert "wfc3_ir_f160w_coarse" in caught.value.hint


def test_excluded_exposures_and_old_revisions_are_on_no_map(connection: Connection) -> None:
    ring = ring_of_pixels("p1889x07y19", (100, 100, 900, 900))
    grism = Finding("spectroscopic", "FILTER = G141")
    register_exposure(connection, make_facts("itst0000q", [ring], findings=(grism,)))
    register_exposure(connection, make_facts("itst0001q", [ring]))
    moved = ring_of_pixels("p1889x07y19", (5000, 100, 5900, 900))
    register_exposure(connection, make_facts("itst0001q", [moved], file_sha256="new"))
    [found] = list_outlines(connection, SkycellName.parse("p1889x07y19"))
    assert found.vertices_pix[:, 0].min() == pytest.approx(4999.5)
    assert len(list(stream_polygons(connection))) == 1
    assert read_sky_depth(connection, healpix_order=3).n_exposures.tolist() == [1]


def test_footprint_without_chip_rows(connection: Connection) -> None:
    """As a list of footprints would leave it."""
    register_exposure(connection, make_facts("itst0000q", [ring_of_pixels("p1889x07y19", (0, 0, 99, 99))]))
    connection.execute(text("delete from mvm.chip"))
    [found] = list_outlines(connection, SkycellName.parse("p1889x07y19"))
    assert (found.exposure, found.chip) == ("itst0000q", None)


def test_nothing_there(connection: Connection) -> None:
    skycell = SkycellName.parse("p1889x07y19")
    for ask in (list_outlines, list_overlaps):
        with pytest.raises(EmptyLayerError, match="no exposure reaches skycell p1889x07y19"):
            ask(connection, skycell)
    assert list(stream_polygons(connection)) == []
    assert read_sky_depth(connection, healpix_order=6).cell.size == 0


@pytest.mark.parametrize("healpix_order", [0, 1, 6, 13, 29])
def test_healpix_cell(connection: Connection, healpix_order: int) -> None:
    """Against the library, with many positions near the poles, RA 0 and the borders of base faces."""
    random = np.random.default_rng(22)
    ra_deg = random.uniform(-400, 800, 4000)
    dec_deg = np.degrees(np.arcsin(random.uniform(-1, 1, 4000)))
    ra_deg[:1500] = 45 * random.integers(-8, 16, 1500) + random.normal(0, 1e-3, 1500)
    special = (90.0, -90.0, 89.9999999, -89.9999, 41.8103148958, -41.8103148958, 0.001)
    dec_deg[1000:2500] = random.choice(special, 1500)
    query = text(
        "select array_agg(mvm.healpix_cell(ra, dec, :order) order by n)"
        " from unnest(cast(:ra as float8[]), cast(:dec as float8[])) with ordinality as p (ra, dec, n)"
    )
    values = {"order": healpix_order, "ra": ra_deg.tolist(), "dec": dec_deg.tolist()}
    found = connection.execute(query, values).scalar_one()
    healpix = HEALPix(2**healpix_order, order="nested")
    expected = healpix.lonlat_to_healpix((ra_deg % 360) * units.deg, dec_deg * units.deg)
    assert found == expected.tolist()


def test_sky_depth_counts_every_exposure_once(connection: Connection) -> None:
    random = np.random.default_rng(23)
    exposures = [
        make_facts(
            rootname(number),
            aim(CAMERAS[2], float(random.uniform(0, 360)), dec_deg, 10.0, random),
            filter=("f275w", "f606w")[number % 2],
            exptime_s=float(number),
        )
        for number, dec_deg in enumerate(np.degrees(np.arcsin(random.uniform(-1, 1, 40))).tolist())
    ]
    register(connection, exposures)
    healpix = HEALPix(8, order="nested")
    for filter_name in (None, "F275W"):
        expected: dict[int, tuple[int, float]] = {}
        for facts in exposures:
            if filter_name in (None, facts.filter.upper()):
                ra_deg, dec_deg = facts.chips[0].footprint[0]
                cell = int(healpix.lonlat_to_healpix(ra_deg * units.deg, dec_deg * units.deg))
                count, exptime_s = expected.get(cell, (0, 0.0))
                expected[cell] = (count + 1, exptime_s + facts.exptime_s)
        depth = read_sky_depth(connection, healpix_order=3, filter_name=filter_name)
        assert depth.healpix_order == 3
        found = zip(depth.cell, depth.n_exposures, depth.exptime_s, strict=True)
        assert {int(cell): (int(count), float(time)) for cell, count, time in found} == expected


def test_polygons_of_the_whole_sky(connection: Connection) -> None:
    exposures = around("p1848x11y11", 10)
    register(connection, exposures)
    selections = [
        ((None, None, None), lambda facts: True),
        ((None, None, "F606W"), lambda facts: facts.filter == "f606w"),
        ((None, LayerName.parse("wfc3_ir_f160w_coarse"), None), lambda facts: facts.detector == "ir"),
        ((None, LayerName.parse("acs_wfc_f606w"), "f606w"), lambda facts: facts.detector == "wfc"),
        ((None, LayerName.parse("acs_wfc_f606w"), "f160w"), lambda facts: False),
    ]
    for arguments, is_in in selections:
        expected = [np.array(chip.footprint) for facts in exposures if is_in(facts) for chip in facts.chips]
        found = [ring % 360 for ring in stream_polygons(connection, *arguments)]
        assert len(found) == len(expected)
        for ring in expected:
            same = [item for item in found if item.shape == ring.shape and np.allclose(item, ring % 360)]
            assert len(same) == 1


@pytest.mark.parametrize("skycell", EXAMPLES)
def test_polygons_within_a_skycell_are_cut_there(connection: Connection, skycell: str) -> None:
    exposures = around(skycell)
    register(connection, exposures)
    for filter_name in (None, "F606W"):
        chosen = [facts for facts in exposures if filter_name in (None, facts.filter.upper())]
        shapes = [
            Polygon(pixels_of(skycell, np.array(chip.footprint))) for facts in chosen for chip in facts.chips
        ]
        expected = union_all([shape.intersection(SKYCELL) for shape in shapes])
        polygons = stream_polygons(connection, SkycellName.parse(skycell), filter_name=filter_name)
        found = [Polygon(pixels_of(skycell, ring)) for ring in polygons]
        assert len(found) == sum(shape.intersection(SKYCELL).area > 0 for shape in shapes)
        assert union_all(found).symmetric_difference(expected).area < 1.0
        assert sum(item.area for item in found) == pytest.approx(
            sum(shape.intersection(SKYCELL).area for shape in shapes), rel=1e-7
        )


def merged(skycell: str, facts: ExposureFacts) -> Polygon | MultiPolygon:
    """Return what an exposure covers of a skycell, in its pixels."""
    rings = [pixels_of(skycell, np.array(chip.footprint)) for chip in facts.chips]
    return union_all([Polygon(ring) for ring in rings]).intersection(SKYCELL)


@pytest.mark.parametrize("skycell", EXAMPLES)
def test_overlaps_against_polygons_on_the_plane(connection: Connection, skycell: str) -> None:
    exposures = sorted(around(skycell), key=lambda facts: (facts.start_mjd, facts.rootname))
    register(connection, exposures)
    shapes = {facts.rootname: merged(skycell, facts) for facts in exposures}
    names = list(shapes)
    expected = {
        (a, b): shapes[a].intersection(shapes[b])
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if shapes[a].intersection(shapes[b]).area > 0.01
    }
    assert len(expected) > 20
    found = list_overlaps(connection, SkycellName.parse(skycell))
    assert [(row.exposure, row.other) for row in found] == list(expected)
    filters = {facts.rootname: facts.filter for facts in exposures}
    for row in found:
        common, smaller = (
            expected[row.exposure, row.other],
            min(shapes[row.exposure].area, shapes[row.other].area),
        )
        assert row.area_pix == pytest.approx(common.area, abs=0.1)
        assert row.fraction == pytest.approx(common.area / smaller, rel=1e-5)
        assert (row.filter, row.other_filter) == (filters[row.exposure], filters[row.other])


def test_area_of_an_overlap_on_the_sphere(connection: Connection) -> None:
    """In the corner of a projection cell, where a pixel of the plane is 0.5% smaller than at its centre."""
    skycell = "p1889x01y01"
    rings = [ring_at_box(skycell, corners) for corners in ((0, 0, 3000, 2000), (1000, 500, 4000, 2500))]
    for number, ring in enumerate(rings):
        register_exposure(connection, make_facts(rootname(number), [ring]))
    [row] = list_overlaps(connection, SkycellName.parse(skycell))
    corners = [(1000, 500), (3000, 500), (3000, 2000), (1000, 2000)]
    common = np.stack(sky_of_skycell_pixels(skycell, *np.array(corners, float).T), axis=-1)
    expected_arcmin2 = spherical_excess_sr(common) * np.degrees(60) ** 2
    assert row.area_pix == pytest.approx(2000 * 1500, abs=0.01)
    assert row.area_arcmin2 == pytest.approx(expected_arcmin2, rel=1e-6)
    assert row.area_arcmin2 < 0.996 * row.area_pix * (0.04 / 60) ** 2


def test_common_edges_are_no_overlap_and_chips_count_once(connection: Connection) -> None:
    """Two exposures side by side; one whose two chips overlap each other."""
    skycell = "p1889x07y19"
    boxes = {
        "itst0000q": [(0, 0, 1000, 1000)],
        "itst0001q": [(1000, 0, 2000, 1000)],
        "itst0002q": [(0, 500, 400, 1500), (300, 500, 700, 1500)],
    }
    for name, corners in boxes.items():
        register_exposure(connection, make_facts(name, [ring_at_box(skycell, item) for item in corners]))
    rows = list_overlaps(connection, SkycellName.parse(skycell))
    assert [(row.exposure, row.other) for row in rows] == [("itst0000q", "itst0002q")]
    assert rows[0].area_pix == pytest.approx(700 * 500, abs=0.01)
    assert rows[0].fraction == pytest.approx(0.5, abs=1e-6)


def test_overlaps_of_a_layer(connection: Connection) -> None:
    skycell = SkycellName.parse("p1889x07y19")
    register(connection, around(str(skycell)))
    rows = list_overlaps(connection, skycell, LayerName.parse("acs_wfc_f606w"))
    every = [row for row in list_overlaps(connection, skycell) if row.exposure[0] == row.other[0] == "j"]
    assert {(row.exposure, row.other) for row in rows} < {(row.exposure, row.other) for row in every}
    assert {row.filter for row in rows} | {row.other_filter for row in rows} == {"f606w"}
    with pytest.raises(UnknownObjectError):
        list_overlaps(connection, skycell, LayerName.parse("acs_wfc_f850lp"))


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


MANY_EXPOSURES = """
insert into mvm.exposure (
  rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
  target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
)
select
  'i' || lpad(n::text, 8, '0'), 1, true, 'itst00', 'wfc3', 'ir', 'f160w', 1000, 55000 + n, 55000 + n,
  'ANY', '/archive/' || n, 'flt', n::text, 1,
  ST_Multi(ST_MakeEnvelope(lon, lat, lon + 0.02, lat + 0.02, 104047))::geography
from (select n, n % 350 - 175 as lon, n % 120 - 60 as lat from generate_series(1, 20000) as n) as place"""


QUESTIONS = (
    "mvm.skycell_footprints('p1889x07y19')",
    "mvm.skycell_footprints('p1889x07y19', 'wfc3_ir_f160w')",
    "mvm.footprint_polygons('p1889x07y19', filter => 'F160W')",
    "mvm.exposure_overlap('p1889x07y19')",
)


def test_questions_about_a_skycell_use_the_indexes(connection: Connection) -> None:
    connection.execute(text(MANY_EXPOSURES))
    connection.execute(text("analyze mvm.exposure, mvm.placement, mvm.chip"))
    for question in QUESTIONS:
        [plan] = connection.execute(text(f"explain (format json) select * from {question}")).scalar_one()
        nodes = list(nodes_of(plan["Plan"]))
        assert "placement_projection_cell_shape_idx" in {node.get("Index Name") for node in nodes}, question
        scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        assert scanned & {"exposure", "placement"} == set(), question


def test_records_are_frozen(connection: Connection) -> None:
    register(connection, around("p1889x07y19", 5))
    [first, *_] = list_outlines(connection, SkycellName.parse("p1889x07y19"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.exposure = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        first.vertices_pix[0, 0] = 0.0
