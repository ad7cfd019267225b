"""The past: which product was in force when, what exposures gave to each revision, every build."""

from __future__ import annotations

import itertools
import time
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, text

from mvmdb.catalog import builds
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.history import (
    list_builds,
    list_contributions,
    list_product_revisions,
    list_products_at,
)
from mvmdb.errors import UnknownObjectError
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import InputStatistics, LayerArrays, LayerImage, LayerPlan, LayerStatistics, PublishedFile
from mvmdb.sky.grid import skycell_grid
from tests.support.facts import make_facts, ring_of_pixels
from tests.support.vectors import angle_deg, unit_vectors

SKYCELL = SkycellName(1889, 7, 19)
COARSE, FINE = LayerName.parse("wfc3_ir_f160w_coarse"), LayerName.parse("wfc3_ir_f160w")
ACS = LayerName.parse("acs_wfc_f606w")
BOX = (1000, 1000, 2000, 2000)


def register(connection: Connection, name: str, **changes: object) -> None:
    register_exposure(connection, make_facts(name, [ring_of_pixels(str(SKYCELL), BOX)], **changes))


def begin(connection: Connection, layer: LayerName, *, host: str = "ada", drizzle: str = "3.0.0") -> str:
    """Record that a build of a layer runs; return its identity."""
    build_id, plan = str(uuid.uuid4()), plan_of(connection, layer)
    versions = {"mvmdb": "0.1.0", "drizzle": drizzle}
    builds.begin_build(connection, plan, build_id, host=host, versions=versions, directory="/products")
    return build_id


def plan_of(connection: Connection, layer: LayerName) -> LayerPlan:
    return plan_layer(connection, SKYCELL, layer).plan


def stage(connection: Connection, layer: LayerName, build_id: str, n_pixels: int = 100) -> None:
    """Write the rows of a product to which input k gave ``(k + 1) * n_pixels`` pixels."""
    plan = plan_of(connection, layer)
    nothing = np.zeros((1, 1), dtype=np.float32)
    image = LayerImage(
        LayerArrays(nothing, nothing, np.zeros((1, 1, 1), dtype=np.int32)),
        LayerStatistics(9, 0.1, 100.0, 100.0, 1.0, 1.0, 100.0, 100.0),
        tuple(InputStatistics(k, (k + 1) * n_pixels) for k in range(len(plan.inputs))),
    )
    query = text("select coalesce(max(revision), 0) + 1 from mvm.product where product = :name")
    revision = connection.execute(query, {"name": str(plan.product_name)}).scalar_one()
    file = PublishedFile(f"/products/{plan.product_name}", build_id, 1)
    builds.stage_product(connection, build_id, plan=plan, image=image, file=file, revision=revision)


def publish(connection: Connection, layer: LayerName, n_pixels: int = 100) -> datetime:
    """Publish a product; return a moment after that and before anything else."""
    build_id = begin(connection, layer)
    stage(connection, layer, build_id, n_pixels)
    builds.publish_product(connection, build_id)
    time.sleep(0.002)
    return datetime.now(UTC)


def test_revisions_follow_each_other(connection: Connection) -> None:
    register(connection, "itst0001q")
    start = datetime.now(UTC)
    moments = [publish(connection, COARSE), publish(connection, FINE), publish(connection, COARSE)]
    name = plan_of(connection, COARSE).product_name
    first, second = list_product_revisions(connection, name)
    assert [(row.revision, row.state) for row in (first, second)] == [(1, "superseded"), (2, "current")]
    assert start < first.published_at < moments[0] < moments[1] < second.published_at < moments[2]
    assert first.superseded_at == second.published_at
    assert second.superseded_at is None
    assert (first.n_inputs, first.n_exposures, first.exptime_s, first.host) == (1, 1, 1000.0, "ada")
    unknown = ProductName(SKYCELL, ACS, "all", "drz")
    with pytest.raises(UnknownObjectError, match="no product hst_skycell-p1889x07y19_acs_wfc_f606w"):
        list_product_revisions(connection, unknown)


def test_a_product_of_another_name_ends_the_one_before(connection: Connection) -> None:
    """An FLC among the inputs makes drc of drz: two names, each with a revision 1, of one layer."""
    acs = {"instrument": "acs", "detector": "wfc", "filter": "f606w"}
    register(connection, "jtst0001q", file_type="flt", **acs)
    publish(connection, ACS)
    register(connection, "jtst0002q", file_type="flc", file_path="/archive/jtst0002q_flc.fits", **acs)
    publish(connection, ACS)
    name = plan_of(connection, ACS).product_name
    rows = list_product_revisions(connection, name)
    assert [(row.product[-8:-5], row.revision, row.state) for row in rows] == [
        ("drz", 1, "superseded"),
        ("drc", 1, "current"),
    ]
    assert rows[0].superseded_at == rows[1].published_at


def test_what_was_current_on_that_date(connection: Connection) -> None:
    register(connection, "itst0001q")
    start = datetime.now(UTC)
    moments = [publish(connection, layer) for layer in (COARSE, FINE, COARSE, COARSE)]
    build_id = begin(connection, FINE)
    stage(connection, FINE, build_id)

    def at(moment: datetime, **only: str) -> list[tuple[str, int]]:
        return [(row.layer, row.revision) for row in list_products_at(connection, moment, **only)]

    coarse, fine = str(COARSE), str(FINE)
    assert at(start) == []
    assert at(moments[0]) == [(coarse, 1)]
    assert sorted(at(moments[1])) == [(fine, 1), (coarse, 1)]
    assert sorted(at(moments[2])) == [(fine, 1), (coarse, 2)]
    assert sorted(at(moments[3] + timedelta(days=9))) == [(fine, 1), (coarse, 3)]
    assert sorted(at(moments[2], skycell=str(SKYCELL))) == [(fine, 1), (coarse, 2)]
    assert at(moments[2], skycell="p0001x01y01") == []
    last = list_product_revisions(connection, plan_of(connection, COARSE).product_name)[-1]
    instant = timedelta(microseconds=1)
    assert (coarse, 3) in at(last.published_at)
    assert (coarse, 2) in at(last.published_at - instant)


def test_current_products_are_those_of_now(connection: Connection) -> None:
    register(connection, "itst0001q")
    for layer in (COARSE, FINE, COARSE):
        moment = publish(connection, layer)
    now = text("select product, revision, file_sha256, n_inputs, exptime_s from mvm.current_product")
    expected = {tuple(row) for row in connection.execute(now)}
    found = list_products_at(connection, moment)
    facts = {(r.product, r.revision, r.file_sha256, r.n_inputs, r.exptime_s) for r in found}
    assert facts == expected
    assert len(expected) == 2


def test_contributions_of_an_exposure(connection: Connection) -> None:
    """Chips of 0.05 and 0.1 arcsec: equal pixels and times, weights as 4 to 1."""
    ring = ring_of_pixels(str(SKYCELL), BOX)
    acs = {"instrument": "acs", "detector": "wfc", "filter": "f606w"}
    small, large = {"pixel_scale_arcsec": 0.05}, {"pixel_scale_arcsec": 0.1}
    register_exposure(connection, make_facts("jtst0001q", [ring, ring], chip_changes=small, **acs))
    later = {"start_mjd": 55001.0, "end_mjd": 55001.1, "exptime_s": 500.0}
    register_exposure(connection, make_facts("jtst0002q", [ring], chip_changes=large, **acs, **later))
    publish(connection, ACS, n_pixels=100)  # 100 and 200 pixels of the first, 300 of the second
    [first] = list_contributions(connection, "jtst0001q")
    [second] = list_contributions(connection, "jtst0002q")
    assert (first.n_chips, first.n_pixels, first.exptime_s) == (2, 300, 1000.0)
    assert (second.n_chips, second.n_pixels, second.exptime_s) == (1, 300, 500.0)
    assert first.weight_share == pytest.approx(8 / 9)
    assert second.weight_share == pytest.approx(1 / 9)
    assert first.area_arcsec2 == second.area_arcsec2 == pytest.approx(300 * true_pixel_arcsec2(0.04))


def true_pixel_arcsec2(side_arcsec: float) -> float:
    """Return the sky in a pixel in the middle of the subarray, by the angles between its edges."""
    grid, step = skycell_grid(SKYCELL), 50.0
    x, y = (BOX[0] + BOX[2] - 1) / 2, (BOX[1] + BOX[3] - 1) / 2
    corners = [(x - step, y - step), (x + step, y - step), (x + step, y + step), (x - step, y + step)]
    a, b, c, d = (unit_vectors(*grid.pixel_to_sky(*corner)) for corner in corners)
    area = np.linalg.norm(np.cross(c - a, d - b)) / 2  # of a plane quadrilateral, from its diagonals
    assert angle_deg(a, b) == pytest.approx(2 * step * 0.04 / 3600, rel=0.01)
    return float(area * np.degrees(3600) ** 2 / (2 * step * 0.04) ** 2 * side_arcsec**2)


def test_contributions_reach_over_revisions_of_both(connection: Connection) -> None:
    register(connection, "itst0001q")
    publish(connection, COARSE, n_pixels=100)
    register(connection, "itst0001q", file_sha256="another content")
    publish(connection, COARSE, n_pixels=50)
    publish(connection, FINE, n_pixels=900)
    stage(connection, FINE, begin(connection, FINE))
    rows = list_contributions(connection, "itst0001q")
    assert [(r.layer, r.revision, r.state, r.exposure_revision, r.n_pixels) for r in rows] == [
        (str(FINE), 1, "current", 2, 900),
        (str(COARSE), 1, "superseded", 1, 100),
        (str(COARSE), 2, "current", 2, 50),
    ]
    fine, coarse, _ = rows
    assert fine.area_arcsec2 == pytest.approx(coarse.area_arcsec2)
    assert {row.weight_share for row in rows} == {1.0}


def test_log_of_builds(connection: Connection) -> None:
    register(connection, "itst0001q")
    publish(connection, COARSE)
    failed = begin(connection, FINE, host="grace", drizzle="2.1.1")
    builds.fail_build(connection, failed, "the disk is full")
    abandoned = begin(connection, FINE, host="grace")
    builds.abandon_build(connection, abandoned)
    running = begin(connection, COARSE)
    stage(connection, COARSE, running)
    connection.execute(
        text("update mvm.build set finished_at = started_at + interval '90.5 s' where build_id = :id"),
        {"id": failed},
    )
    by_outcome = {row.outcome: row for row in list_builds(connection)}
    assert set(by_outcome) == {"published", "failed", "abandoned", "running"}
    assert (by_outcome["failed"].build_id, by_outcome["failed"].error) == (failed, "the disk is full")
    assert by_outcome["failed"].duration_s == 90.5
    assert (by_outcome["running"].duration_s, by_outcome["running"].finished_at) == (None, None)
    assert (by_outcome["running"].product, by_outcome["running"].revision) == (None, None)
    name = str(plan_of(connection, COARSE).product_name)
    assert (by_outcome["published"].product, by_outcome["published"].revision) == (name, 1)
    assert by_outcome["published"].versions == {"mvmdb": "0.1.0", "drizzle": "3.0.0"}

    def ids(**only: object) -> set[str]:
        return {row.build_id for row in list_builds(connection, **only)}  # type: ignore[arg-type]

    published = by_outcome["published"].build_id
    assert ids(host="grace") == {failed, abandoned}
    assert ids(software={"drizzle": "2.1.1"}) == {failed}
    assert ids(software={"drizzle": "3.0.0", "mvmdb": "0.1.0"}) == {published, abandoned, running}
    assert ids(software={"drizzle": "3.0.0", "mvmdb": "0.2.0"}) == ids(host="nobody") == set()
    assert ids(outcome="failed", host="grace", skycell=str(SKYCELL)) == {failed}
    assert ids(skycell="p0001x01y01") == set()
    started = [row.started_at for row in list_builds(connection)]
    assert all(a >= b for a, b in itertools.pairwise(started))
