"""Layers: their names, depth, area and inputs in drizzle order; what a plan takes from them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon, union_all
from sqlalchemy import Connection, text

from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.layers import find_plan, list_inputs, list_layers, list_skycells_with_layers
from mvmdb.errors import EmptyLayerError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import DrizzleParameters, ExposureFacts, LayerPlan
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.grid import PixelBox
from tests.support.facts import CAMERAS, Box, aim, make_facts, ring_at_pixels, ring_of_pixels, rootname
from tests.support.vectors import (
    TangentPlane,
    sky_of_skycell_pixels,
    unit_vectors,
)

SKYCELL = SkycellName(1889, 7, 19)
NAME = str(SKYCELL)

DETECTORS = {
    "wfc3_ir": ("wfc3", "ir", "f160w"),
    "wfc3_uvis": ("wfc3", "uvis", "f475w"),
    "acs_wfc": ("acs", "wfc", "f775w"),
    "acs_hrc": ("acs", "hrc", "f555w"),
    "acs_sbc": ("acs", "sbc", "f125lp"),
    "wfpc2_pc": ("wfpc2", "pc", "f555w"),
}


def on(camera: str, name: str, *boxes: Box, **changes: Any) -> ExposureFacts:
    """Return an exposure of a detector whose chips are boxes of whole pixels of the skycell."""
    instrument, detector, filter_name = DETECTORS[camera]
    rings = [ring_of_pixels(NAME, box) for box in boxes or [(1000, 1000, 3000, 3000)]]
    given = {"instrument": instrument, "detector": detector, "filter": filter_name, **changes}
    return make_facts(name, rings, **given)


def with_rings(given: ExposureFacts, rings: list[SkyRing]) -> ExposureFacts:
    """Return the exposure with one chip for each of other footprints."""
    return dataclasses.replace(given, chips=make_facts(given.rootname, rings).chips)


def register(connection: Connection, *exposures: ExposureFacts) -> None:
    for item in exposures:
        register_exposure(connection, item)


def plan(connection: Connection, layer: str) -> LayerPlan:
    return find_plan(
        connection,
        SKYCELL,
        LayerName.parse(layer),
        parameters=DrizzleParameters(good_bits=80),
        parameter_set="mvmdb",
        engine="engine 1",
    )


def test_names_and_scales(connection: Connection) -> None:
    """IR and WFPC2 come coarse and fine, all others fine."""
    register(connection, *(on(camera, rootname(number)) for number, camera in enumerate(DETECTORS)))
    assert [row.layer for row in list_layers(connection, SKYCELL)] == [
        "acs_hrc_f555w",
        "acs_sbc_f125lp",
        "acs_wfc_f775w",
        "wfc3_ir_f160w",
        "wfc3_ir_f160w_coarse",
        "wfc3_uvis_f475w",
        "wfpc2_pc_f555w",
        "wfpc2_pc_f555w_coarse",
    ]
    scales = connection.execute(text("select layer, scale from mvm.layer_members(:s)"), {"s": NAME}).all()
    assert {row.scale for row in scales if row.layer.endswith("_coarse")} == {"coarse"}
    assert {row.scale for row in scales if not row.layer.endswith("_coarse")} == {"fine"}


def test_crossed_filters(connection: Connection) -> None:
    register(connection, on("acs_wfc", "jtst0000q", filter="f606w-pol0v"))
    assert [row.layer for row in list_layers(connection, SKYCELL)] == ["acs_wfc_f606w-pol0v"]
    assert plan(connection, "acs_wfc_f606w-pol0v").inputs[0].rootname == "jtst0000q"


def test_depth(connection: Connection) -> None:
    """Two chips of an exposure count its time once; dates are those of the first start and the last end."""
    minute = 1 / 1440
    two_chips = [(1000, 1000, 3000, 2000), (1000, 2040, 3000, 3000)]
    register(
        connection,
        on(
            "acs_wfc",
            "jtst0001q",
            *two_chips,
            exptime_s=500.0,
            start_mjd=58849.5,
            end_mjd=58849.5 + 9 * minute,
        ),
        on("acs_wfc", "jtst0002q", *two_chips, exptime_s=20.5, start_mjd=53005.25, end_mjd=53005.25 + minute),
        on("acs_wfc", "jtst0003q", filter="f814w", exptime_s=7.0),
        on("acs_wfc", "jtst0004q", (30000, 1000, 31000, 2000), exptime_s=9.0),
    )
    layers = {row.layer: row for row in list_layers(connection, SKYCELL)}
    deep = layers["acs_wfc_f775w"]
    assert (deep.n_exposures, deep.exptime_s) == (2, 520.5)
    # MJD 53005 is 2004 January 1, MJD 58849 is 2020 January 1.
    assert deep.first_date == datetime(2004, 1, 1, 6, tzinfo=UTC)
    assert abs(deep.last_date - datetime(2020, 1, 1, 12, 9, tzinfo=UTC)) < timedelta(milliseconds=1)
    assert (layers["acs_wfc_f814w"].n_exposures, layers["acs_wfc_f814w"].exptime_s) == (1, 7.0)
    assert deep.product is None


def test_exposures_of_a_layer_are_found_in_sql(connection: Connection) -> None:
    """The question of the document's reader: skycells with more than N seconds in F160W."""
    register(
        connection,
        on("wfc3_ir", "itst0001q", exptime_s=900.0),
        on("wfc3_ir", "itst0002q", exptime_s=300.0),
        on("wfc3_ir", "itst0003q", (-3000, 1000, -1000, 3000), exptime_s=1150.0),
        on("wfc3_ir", "itst0004q", exptime_s=5000.0, filter="f125w"),
    )
    query = text("""
        select skycell from mvm.layer_depth
        where filter = 'F160W' and scale = 'fine' and exptime_s > 1160 and projection_cell = 1889""")
    assert list(connection.execute(query).scalars()) == [NAME]


@pytest.mark.parametrize("camera", range(len(CAMERAS)))
def test_area_of_overlapping_exposures(connection: Connection, camera: int) -> None:
    """Four exposures with gaps and overlaps against the union of their polygons in a tangent plane there."""
    random = np.random.default_rng(20 + camera)
    middle = sky_of_skycell_pixels(NAME, 8000, 9000)
    plane = TangentPlane.at(*middle)
    shapes = []
    for number in range(4):
        ra_deg, dec_deg = plane.deproject(*random.normal(0, np.radians(40 / 3600), 2))
        rings = aim(CAMERAS[camera], float(ra_deg), float(dec_deg), float(random.uniform(0, 360)), random)
        register(connection, with_rings(on("wfc3_ir", rootname(number)), rings))
        shapes += [Polygon(np.transpose(plane.project(unit_vectors(*np.array(ring).T)))) for ring in rings]
    # A square radian of this plane, a few arcmin wide, is one steradian to 1e-6.
    expected_arcmin2 = union_all(shapes).area * np.degrees(60) ** 2
    for row in list_layers(connection, SKYCELL):
        assert row.area_arcmin2 == pytest.approx(expected_arcmin2, rel=1e-4)


@pytest.mark.parametrize(
    "skycell", ["p1889x11y11", "p1889x01y01", "p2643x11y11", "p0000x11y11", "p1929x11y11", "p1848x11y11"]
)
def test_area_of_a_whole_skycell(connection: Connection, skycell: str) -> None:
    """Exposed all over and beyond: the solid angle between the skycell's edges, integrated."""
    register(connection, make_facts("itst0000q", [ring_of_pixels(skycell, (-900, -900, 22800, 22800))]))
    x = (int(skycell[6:8]) - 1) * 21442 + np.linspace(-0.5, 21953.5, 2001)
    y = (int(skycell[9:11]) - 1) * 21442 + np.linspace(-0.5, 21953.5, 2001)
    pixel_rad = np.radians(0.04 / 3600)
    xi, eta = np.meshgrid((x[1:] + x[:-1]) / 2 - 225143, (y[1:] + y[:-1]) / 2 - 225143)
    steradians = (1 + (xi**2 + eta**2) * pixel_rad**2) ** -1.5 * (21954 / 2000 * pixel_rad) ** 2
    expected_arcmin2 = steradians.sum() * np.degrees(60) ** 2
    for row in list_layers(connection, SkycellName.parse(skycell)):
        assert row.area_arcmin2 == pytest.approx(expected_arcmin2, rel=1e-6)


def test_chips_that_touch_the_skycell_add_no_area(connection: Connection) -> None:
    boxes = [(-1000, 100, 0, 1000), (21954, 100, 23000, 1000), (500, -900, 1500, 0)]
    alone = on("wfc3_ir", "itst0001q", (100, 100, 1100, 1100))
    touching = on("wfc3_ir", "itst0002q", (100, 100, 1100, 1100), *boxes, filter="f125w")
    register(connection, alone, touching)
    areas = {row.layer: row.area_arcmin2 for row in list_layers(connection, SKYCELL)}
    assert areas["wfc3_ir_f125w"] == pytest.approx(areas["wfc3_ir_f160w"], rel=1e-9)
    # A thousand pixels of 0.04 arcsec on a side, seen 2.1 degrees from the tangent point.
    assert areas["wfc3_ir_f160w"] == pytest.approx((40 / 60) ** 2 * np.cos(np.radians(2.2)) ** 3, rel=5e-4)
    touching_chips = [
        chip.chip for chip in list_inputs(connection, SKYCELL, LayerName.parse("wfc3_ir_f125w"))
    ]
    assert touching_chips == [1]


def test_inputs_are_in_order_of_time(connection: Connection) -> None:
    """By start, then root name, then chip; numbered from 0 without a gap."""
    two_chips = [(1000, 1000, 3000, 2000), (1000, 2040, 3000, 3000)]
    times = {"jtst0005q": 55002.0, "jtst0009q": 55001.0, "jtst0001q": 55003.0, "jtst0002q": 55001.0}
    for name, start_mjd in times.items():
        register(connection, on("acs_wfc", name, *two_chips, start_mjd=start_mjd, end_mjd=start_mjd + 0.01))
    inputs = list_inputs(connection, SKYCELL, LayerName.parse("acs_wfc_f775w"))
    order = ["jtst0002q", "jtst0009q", "jtst0005q", "jtst0001q"]
    assert [(item.rootname, item.chip) for item in inputs] == [
        (name, chip) for name in order for chip in (1, 2)
    ]
    assert [item.context_index for item in inputs] == list(range(8))


def test_inputs_tell_what_a_build_needs(connection: Connection) -> None:
    chip_changes = {
        "hdu_index": 4,
        "pixel_scale_arcsec": 0.0495,
        "bunit": "COUNTS",
        "gain_e_per_dn": 1.5,
        "wcsname": "IDC_chip",
    }
    given = on(
        "acs_wfc", "jtst0001q", chip_changes=chip_changes, file_path="/archive/other.fits", exptime_s=12.5
    )
    register(connection, given)
    [item] = list_inputs(connection, SKYCELL, LayerName.parse("acs_wfc_f775w"))
    known = dataclasses.asdict(item)
    assert known.items() >= {**chip_changes, "chip": 1, "revision": 1, "rootname": "jtst0001q"}.items()
    assert (item.file_path, item.file_sha256) == ("/archive/other.fits", "sha256 of jtst0001q")
    assert (item.exptime_s, item.start_mjd, item.end_mjd) == (12.5, given.start_mjd, given.end_mjd)


def test_chip_that_misses_the_skycell_is_no_input(connection: Connection) -> None:
    boxes = [
        (-5000, 1000, -100, 3000),
        (100, 1000, 3000, 3000),
        (22000, 1000, 24000, 3000),
        (4000, 1000, 6000, 3000),
    ]
    register(connection, on("wfpc2_pc", "utst0001m", *boxes))
    for layer in ("wfpc2_pc_f555w", "wfpc2_pc_f555w_coarse"):
        inputs = list_inputs(connection, SKYCELL, LayerName.parse(layer))
        assert [(item.context_index, item.chip) for item in inputs] == [(0, 2), (1, 4)]


def test_only_current_exposures_are_inputs(connection: Connection) -> None:
    register(
        connection,
        on("acs_wfc", "jtst0001q", file_sha256="first"),
        on("acs_wfc", "jtst0001q", file_sha256="second"),
    )
    [item] = list_inputs(connection, SKYCELL, LayerName.parse("acs_wfc_f775w"))
    assert (item.file_sha256, item.revision) == ("second", 2)


@pytest.mark.parametrize(
    ("file_types", "suffix"), [(["flt"], "drz"), (["flc"], "drc"), (["flt", "flc"], "drc"), (["c0m"], "drz")]
)
def test_products_of_flc_files_are_drc(connection: Connection, file_types: list[str], suffix: str) -> None:
    register(
        connection,
        *(on("acs_wfc", rootname(number), file_type=kind) for number, kind in enumerate(file_types)),
    )
    assert str(plan(connection, "acs_wfc_f775w").product_name) == (
        f"hst_skycell-p1889x07y19_acs_wfc_f775w_all_{suffix}.fits"
    )


def test_plan(connection: Connection) -> None:
    """All layers share the subarray that holds every exposure of the skycell."""
    register(
        connection,
        on("wfc3_ir", "itst0001q", (2000, 3000, 5000, 6000)),
        on("acs_wfc", "jtst0001q", (900, 4000, 3000, 8000)),
    )
    for layer in ("wfc3_ir_f160w", "wfc3_ir_f160w_coarse", "acs_wfc_f775w"):
        found = plan(connection, layer)
        assert found.extent == PixelBox(900, 3000, 5000, 8000)
        assert (str(found.layer), found.selection, len(found.inputs)) == (layer, "all", 1)
        assert (found.engine, found.parameters.good_bits) == ("engine 1", 80)
    name = plan(connection, "wfc3_ir_f160w_coarse").product_name
    assert str(name) == "hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits"


@pytest.mark.parametrize("layer", ["WFC3_IR_F160W_COARSE", "Wfc3_ir_F160w_coarse", "wfc3_ir_f160w_coarse"])
@pytest.mark.parametrize("skycell", [NAME, NAME.upper(), f"skycell-{NAME}"])
def test_case_of_names_does_not_matter(connection: Connection, skycell: str, layer: str) -> None:
    register(connection, on("wfc3_ir", "itst0001q"))
    query = text("select exposure from mvm.layer_inputs(:skycell, :layer)")
    assert list(connection.execute(query, {"skycell": skycell, "layer": layer}).scalars()) == ["itst0001q"]
    assert plan(connection, layer).inputs[0].rootname == "itst0001q"


def test_unknown_layer_lists_those_there_are(connection: Connection) -> None:
    register(connection, on("wfc3_ir", "itst0001q"), on("acs_wfc", "jtst0001q"))
    with pytest.raises(UnknownObjectError, match="skycell p1889x07y19 has no layer wfc3_ir_f105w") as caught:
        plan(connection, "wfc3_ir_f105w")
    assert caught.value.hint == "its layers are acs_wfc_f775w, wfc3_ir_f160w, wfc3_ir_f160w_coarse"
    with pytest.raises(UnknownObjectError):
        plan(connection, "acs_wfc_f775w_coarse")


def test_skycell_without_exposures(connection: Connection) -> None:
    with pytest.raises(EmptyLayerError, match="no exposure reaches skycell p1889x07y19"):
        plan(connection, "wfc3_ir_f160w")
    assert list_layers(connection, SKYCELL) == []
    assert list_skycells_with_layers(connection) == []


def test_skycells_with_layers(connection: Connection) -> None:
    register(
        connection,
        on("wfc3_ir", "itst0001q", (1000, 9000, 3000, 9900)),
        on("acs_wfc", "jtst0001q", (1000, 9000, 3000, 9900)),
        on("acs_wfc", "jtst0002q", (-900, 9000, -100, 9900)),
    )
    rows = {row.skycell: (row.n_layers, row.n_exposures) for row in list_skycells_with_layers(connection)}
    # All three lie on the plane of p1970 as well.
    assert rows == {NAME: (3, 2), "p1889x06y19": (1, 1), "p1970x15y02": (3, 3)}


def test_functions_and_views_say_the_same(connection: Connection) -> None:
    register(connection, on("wfc3_ir", "itst0001q"), on("acs_wfc", "jtst0001q", (-900, 1000, 300, 1900)))
    for function, view in (("layer_members", "layer_member"), ("layer_depths", "layer_depth")):
        asked = connection.execute(text(f"select * from mvm.{function}(:s)"), {"s": NAME}).all()
        viewed = connection.execute(text(f"select * from mvm.{view} where skycell = :s"), {"s": NAME}).all()
        assert sorted(map(str, asked)) == sorted(map(str, viewed))
        assert len(asked) == 3


def test_area_of_a_footprint_in_pieces(connection: Connection) -> None:
    """What a footprint leaves of itself in a skycell may be several pieces."""
    comb = [(-50, 100)]
    for tooth in range(4):
        comb += [
            (200, 100 + 40 * tooth),
            (200, 120 + 40 * tooth),
            (-20, 120 + 40 * tooth),
            (-20, 140 + 40 * tooth),
        ]
    vertices = np.array([*comb[:-1], (-50, 240)], float)
    register(connection, with_rings(on("wfc3_ir", "itst0001q"), [ring_at_pixels(NAME, vertices)]))
    inside = Polygon(vertices).intersection(Polygon([(-0.5, 0), (-0.5, 300), (300, 300), (300, 0)]))
    assert isinstance(inside, MultiPolygon)
    area_arcmin2 = list_layers(connection, SKYCELL)[0].area_arcmin2
    assert area_arcmin2 == pytest.approx(
        inside.area * (0.04 / 60) ** 2 * np.cos(np.radians(2.3)) ** 3, rel=1e-3
    )
