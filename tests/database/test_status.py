"""Staleness: every reason by real operations of the catalogue."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exclusions import change_exclusion
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.schema import upgrade
from mvmdb.catalog.staleness import (
    list_all_layer_statuses,
    list_layer_changes,
    list_layer_statuses,
    list_product_files,
    list_skycell_statuses,
)
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.plan import DEFAULT_CHOICE, ParameterChoice, plan_layer
from mvmdb.pipeline.product_files import check_product_file
from mvmdb.records import (
    ENGINE,
    Finding,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerStatistics,
    PublishedFile,
)
from tests.support.facts import Box, make_facts, ring_at_box

SKYCELL = SkycellName(1889, 7, 19)
LAYER = LayerName("wfc3", "ir", "f160w")
INSIDE: Box = (1000, 1000, 2000, 2000)
COARSE_GUIDING = Finding("coarse_guiding", "FGSLOCK = 'COARSE'")


def register(connection: Connection, name: str, *boxes: Box, **changes: Any) -> None:
    """Register a WFC3/IR exposure with one chip per box; its content is what is said of it."""
    rings = [ring_at_box(str(SKYCELL), box) for box in boxes]
    content = hashlib.sha256(repr((name, boxes, changes)).encode()).hexdigest()
    register_exposure(connection, make_facts(name, rings, **{"file_sha256": content, **changes}))


def publish(
    connection: Connection,
    folder: Path,
    layer: LayerName = LAYER,
    choice: ParameterChoice = DEFAULT_CHOICE,
    selection: str = "all",
) -> Path:
    """Publish a product of a layer as a build would, with a small file in the place of a mosaic."""
    plan = plan_layer(connection, SKYCELL, layer, choice, selection).plan
    nothing = np.zeros((1, 1), dtype=np.float32)
    image = LayerImage(
        LayerArrays(nothing, nothing, np.zeros((1, 1, 1), dtype=np.int32)),
        LayerStatistics(9, 0.1, 100.0, 100.0, 1.0, 1.0, 100.0, 100.0),
        tuple(InputStatistics(item.context_index, 9) for item in plan.inputs),
    )
    build_id = str(uuid.uuid4())
    path = folder / str(plan.product_name)
    path.write_text(build_id)
    file = PublishedFile(str(path), hashlib.sha256(build_id.encode()).hexdigest(), len(build_id))
    revision = builds.begin_build(
        connection, plan, build_id, host="tester", versions={}, directory=str(folder)
    )
    builds.stage_product(connection, build_id, plan=plan, image=image, file=file, revision=revision)
    builds.publish_product(connection, build_id)
    return path


def check(connection: Connection, *, thorough: bool = True) -> None:
    """Hold all files against their rows."""
    for row in list_product_files(connection):
        check_product_file(connection, row, thorough=thorough)


def standing(connection: Connection, layer: LayerName = LAYER) -> tuple[str, list[str]]:
    """Return status and reasons of a layer."""
    [row] = [row for row in list_layer_statuses(connection, SKYCELL) if row.layer == str(layer)]
    return row.status, row.reasons


def changes(connection: Connection) -> list[tuple[str, str | None, int | None]]:
    """Return reason, exposure and chip of everything that makes the layer stale."""
    return [(row.reason, row.exposure, row.chip) for row in list_layer_changes(connection, SKYCELL, LAYER)]


@pytest.fixture
def built(connection: Connection, tmp_path: Path) -> Connection:
    """Connection to a layer of two exposures whose product is current."""
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", INSIDE)
    publish(connection, tmp_path)
    return connection


def test_missing_and_current(connection: Connection, tmp_path: Path) -> None:
    assert list_layer_statuses(connection, SKYCELL) == []
    register(connection, "itst0001q", INSIDE)
    assert standing(connection) == ("missing", [])
    publish(connection, tmp_path)
    assert standing(connection) == ("current", [])
    assert changes(connection) == []
    [fine, coarse] = list_layer_statuses(connection, SKYCELL)
    assert (fine.n_exposures, fine.exptime_s, fine.parameter_set, fine.parameter_overrides) == (
        1,
        1000.0,
        "mvmdb",
        {},
    )
    assert (coarse.layer, coarse.status, coarse.product, coarse.parameter_set) == (
        "wfc3_ir_f160w_coarse",
        "missing",
        None,
        None,
    )


def test_input_added(built: Connection) -> None:
    register(built, "itst0003q", INSIDE)
    assert standing(built) == ("stale", ["input_added"])
    assert changes(built) == [("input_added", "itst0003q", 1)]


def test_input_of_another_filter_changes_nothing_but_the_extent(built: Connection) -> None:
    register(built, "itst0003q", INSIDE, filter="f125w")
    assert standing(built) == ("current", [])
    register(built, "itst0004q", (500, 1000, 2000, 2500), filter="f125w")
    assert standing(built) == ("stale", ["extent_changed"])
    [row] = list_layer_changes(built, SKYCELL, LAYER)
    assert (row.before, row.after) == ("1000 1000 2001 2001", "500 1000 2001 2501")


def test_input_removed_by_a_rule_and_back(connection: Connection, tmp_path: Path) -> None:
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", INSIDE, findings=(COARSE_GUIDING,))
    publish(connection, tmp_path)
    change_exclusion(connection, "coarse_guiding", excludes=True)
    assert changes(connection) == [("input_removed", "itst0002q", 1)]
    change_exclusion(connection, "coarse_guiding", excludes=False)
    assert standing(connection) == ("current", [])


def test_input_revised(built: Connection) -> None:
    register(built, "itst0002q", INSIDE, exptime_s=900.0)
    assert standing(built) == ("stale", ["input_revised"])
    assert changes(built) == [("input_revised", "itst0002q", 1)]


def test_chips_that_come_and_go_with_a_revision(built: Connection) -> None:
    register(built, "itst0002q", (9e5, 9e5, 9e5 + 100, 9e5 + 100), INSIDE)
    assert changes(built) == [("input_added", "itst0002q", 2), ("input_removed", "itst0002q", 1)]


def test_a_layer_that_has_lost_everything_is_stale_as_long_as_it_has_a_product(
    connection: Connection, tmp_path: Path
) -> None:
    register(connection, "itst0001q", INSIDE, findings=(COARSE_GUIDING,))
    publish(connection, tmp_path)
    change_exclusion(connection, "coarse_guiding", excludes=True)
    [row] = list_layer_statuses(connection, SKYCELL)
    reasons = ["extent_changed", "input_removed", "layer_empty"]
    assert (row.status, row.reasons, row.n_exposures) == ("stale", reasons, 0)
    assert [vars(item) for item in list_all_layer_statuses(connection)] == [vars(row)]


def test_parameters_changed_only_where_they_matter(built: Connection, tmp_path: Path) -> None:
    """The product of a set with overrides is compared with the same set and overrides."""
    coarse = LayerName("wfc3", "ir", "f160w", "coarse")
    publish(built, tmp_path, coarse, ParameterChoice("mvmdb", {"pixfrac": 0.8, "sky": "none"}))
    assert standing(built, coarse) == ("current", [])
    rule = "update mvm.parameter_rule set value = :value where parameter = :name and parameter_set = 'mvmdb'"
    built.execute(text(rule), {"name": "pixfrac", "value": "0.6"})
    assert standing(built) == ("stale", ["parameters_changed"])
    assert standing(built, coarse) == ("current", [])
    [row] = list_layer_changes(built, SKYCELL, LAYER)
    assert (row.before, row.after, row.since) == ("pixfrac=1.0", "pixfrac=0.6", None)
    built.execute(text(rule), {"name": "pixfrac", "value": "1"})
    assert standing(built) == ("current", [])
    built.execute(text(rule), {"name": "kernel", "value": '"turbo"'})
    assert standing(built, coarse) == ("stale", ["parameters_changed"])


def test_parameters_of_a_small_set_come_from_the_engine(connection: Connection, tmp_path: Path) -> None:
    connection.execute(text("insert into mvm.parameter_set values ('mine', 'almost nothing', false)"))
    register(connection, "itst0001q", INSIDE)
    publish(connection, tmp_path, choice=ParameterChoice("mine"))
    assert standing(connection) == ("current", [])
    connection.execute(text("delete from mvm.parameter_set where parameter_set = 'mine'"))
    assert standing(connection) == ("stale", ["parameters_changed"])


def test_plan_compares_with_the_parameters_that_are_asked_for(built: Connection) -> None:
    task = plan_layer(built, SKYCELL, LAYER, ParameterChoice("mvmdb", {"pixfrac": 0.8}))
    assert (task.status, task.reason, task.reasons) == (
        "stale",
        "parameters changed",
        ("parameters_changed",),
    )
    assert plan_layer(built, SKYCELL, LAYER).status == "current"
    register(built, "itst0003q", INSIDE)
    register(built, "itst0004q", INSIDE)
    assert plan_layer(built, SKYCELL, LAYER).reason == "2 inputs added"


def test_engine_changed(built: Connection) -> None:
    built.execute(text("update mvm.engine set engine = 'mvmdb engine 3'"))
    assert standing(built) == ("stale", ["engine_changed"])
    [row] = list_layer_changes(built, SKYCELL, LAYER)
    assert (row.before, row.after, row.since is None) == (ENGINE, "mvmdb engine 3", False)
    assert plan_layer(built, SKYCELL, LAYER).status == "current"


def test_engine_is_registered_when_a_database_is_opened(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = connection.execute(text("select engine, registered_at from mvm.engine")).one()
    upgrade(engine)
    with transaction(engine) as connection:
        assert connection.execute(text("select engine, registered_at from mvm.engine")).one() == first
        connection.execute(text("update mvm.engine set engine = 'older'"))
    upgrade(engine)
    with transaction(engine) as connection:
        [row] = connection.execute(text("select engine, registered_at from mvm.engine")).all()
    assert row.engine == ENGINE
    assert row.registered_at > first.registered_at


def test_product_lost_and_damaged(connection: Connection, tmp_path: Path) -> None:
    register(connection, "itst0001q", INSIDE)
    path = publish(connection, tmp_path)
    whole = path.read_text()
    path.unlink()
    assert standing(connection) == ("current", [])
    check(connection, thorough=False)
    assert standing(connection) == ("stale", ["product_lost"])
    path.write_text(whole[:-1])
    check(connection, thorough=False)
    assert standing(connection) == ("stale", ["product_damaged"])
    path.write_text(whole[::-1])
    check(connection, thorough=False)
    assert standing(connection) == ("stale", ["product_damaged"])
    path.write_text(whole)
    check(connection, thorough=False)
    assert standing(connection) == ("current", [])
    path.write_text(whole[::-1])
    check(connection, thorough=False)
    assert standing(connection) == ("current", [])
    check(connection, thorough=True)
    assert standing(connection) == ("stale", ["product_damaged"])
    publish(connection, tmp_path)
    assert standing(connection) == ("current", [])


def test_since(engine: Engine, tmp_path: Path) -> None:
    """Each change is dated by the transaction that brought it, whatever comes afterwards."""
    moments: list[datetime] = []

    def then(connection: Connection) -> None:
        moments.append(connection.execute(text("select now()")).scalar_one())

    with transaction(engine) as connection:
        then(connection)
        register(connection, "itst0001q", INSIDE)
        register(connection, "itst0002q", INSIDE, findings=(COARSE_GUIDING,))
    with transaction(engine) as connection:
        [missing, _] = list_layer_statuses(connection, SKYCELL)
        publish(connection, tmp_path)
    with transaction(engine) as connection:
        then(connection)
        register(connection, "itst0003q", (900, 1000, 2000, 2000))
    with transaction(engine) as connection:
        then(connection)
        change_exclusion(connection, "coarse_guiding", excludes=True)
    with transaction(engine) as connection:
        then(connection)
        register(connection, "itst0001q", (800, 1000, 2000, 2000), exptime_s=1.0)
    with transaction(engine) as connection:
        found = {
            (row.reason, row.exposure): row.since for row in list_layer_changes(connection, SKYCELL, LAYER)
        }
        [row, _] = list_layer_statuses(connection, SKYCELL)
    assert missing.since == moments[0]
    assert found == {
        ("input_added", "itst0003q"): moments[1],
        ("extent_changed", None): moments[1],
        ("input_removed", "itst0002q"): moments[2],
        ("input_revised", "itst0001q"): moments[3],
    }
    assert (row.since, row.n_changes) == (moments[1], 4)


def test_skycells_are_counted(built: Connection) -> None:
    register(built, "itst0003q", INSIDE, exptime_s=3.0)
    [row] = [row for row in list_skycell_statuses(built) if row.skycell == str(SKYCELL)]
    assert (row.n_layers, row.n_missing, row.n_stale, row.n_current) == (2, 1, 1, 0)
    assert row.reasons == ["input_added"]
