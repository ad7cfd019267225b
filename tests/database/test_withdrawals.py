"""Withdraw and restore: layers follow, everywhere or in one skycell; who, when and why are kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import find_exposure, list_skycells
from mvmdb.catalog.layers import find_extent, list_inputs
from mvmdb.catalog.staleness import list_layer_changes, list_layer_statuses
from mvmdb.catalog.withdrawals import (
    WithdrawalReport,
    list_withdrawals,
    restore_exposure,
    withdraw_exposure,
)
from mvmdb.errors import ConflictError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import ExcludedExposure, Finding
from tests.database.test_status import INSIDE, LAYER, SKYCELL, publish, register, standing
from tests.support.exposures import SyntheticExposure
from tests.support.facts import Box

NEIGHBOUR = SkycellName(1889, 8, 19)
SHARED: Box = (21500, 1000, 21900, 2000)
"""In the 512 pixels that the skycell shares with its neighbour at larger x."""


def withdraw(connection: Connection, name: str, *skycells: SkycellName) -> WithdrawalReport:
    return withdraw_exposure(connection, name, reason="trailed", by="somebody", skycells=skycells)


def restore(connection: Connection, name: str, *skycells: SkycellName) -> WithdrawalReport:
    return restore_exposure(connection, name, by="another", skycells=skycells)


def members(connection: Connection, skycell: SkycellName = SKYCELL) -> list[str]:
    """Return the exposures of the layer in a skycell."""
    return [item.rootname for item in list_inputs(connection, skycell, LAYER)]


@pytest.fixture
def built(connection: Connection, tmp_path: Path) -> Connection:
    """Connection to a layer of two exposures, one of two chips, whose product is current."""
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", INSIDE, INSIDE, exptime_s=250.0)
    publish(connection, tmp_path)
    return connection


def test_withdrawn_from_all_layers_and_restored(built: Connection) -> None:
    report = withdraw(built, "itst0002q")
    assert find_exposure(built, "itst0002q").exclusion == "withdrawn"
    assert find_exposure(built, "itst0002q").exclusion_detail == "trailed"
    assert (members(built), list_skycells(built, "itst0002q")) == (["itst0001q"], [])
    assert standing(built) == ("stale", ["input_removed"])
    [fine, coarse] = [item for item in report.effects if item.skycell == str(SKYCELL)]
    assert (fine.layer, fine.status_before, fine.status, fine.reasons) == (
        str(LAYER),
        "current",
        "stale",
        ["input_removed"],
    )
    assert (fine.n_pixels_contributed, fine.exptime_s) == (18, 250.0)
    assert (coarse.product, coarse.status_before, coarse.status, coarse.n_pixels_contributed) == (
        None,
        "missing",
        "missing",
        0,
    )
    assert (report.n_products_stale, report.n_pixels_contributed) == (1, 18)

    report = restore(built, "itst0002q")
    assert find_exposure(built, "itst0002q").exclusion is None
    assert standing(built) == ("current", [])
    assert [
        (item.layer, item.status_before, item.status)
        for item in report.effects
        if item.skycell == str(SKYCELL)
    ] == [
        (str(LAYER), "stale", "current"),
        (f"{LAYER}_coarse", "missing", "missing"),
    ]
    assert report.n_products_stale == 0


def test_history_is_kept(built: Connection) -> None:
    withdraw(built, "itst0002q")
    restore(built, "itst0002q")
    withdraw(built, "itst0002q", SKYCELL)
    first, second = list_withdrawals(built, "itst0002q")
    assert (first.skycell, first.reason, first.withdrawn_by, first.restored_by) == (
        None,
        "trailed",
        "somebody",
        "another",
    )
    assert first.restored_at is not None
    assert (second.skycell, second.restored_by, second.restored_at) == (str(SKYCELL), None, None)
    assert list_withdrawals(built, in_force=True) == [second]


def test_withdrawn_from_one_skycell_only(connection: Connection, tmp_path: Path) -> None:
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", SHARED, exptime_s=250.0)
    publish(connection, tmp_path)
    extent = find_extent(connection, SKYCELL)
    assert members(connection, NEIGHBOUR) == ["itst0002q"]
    report = withdraw(connection, "itst0002q", SKYCELL)
    assert (members(connection), members(connection, NEIGHBOUR)) == (["itst0001q"], ["itst0002q"])
    assert find_extent(connection, SKYCELL) == extent
    assert find_exposure(connection, "itst0002q").exclusion is None
    assert {(item.skycell, item.exptime_s) for item in report.effects} == {(str(SKYCELL), 250.0)}
    assert standing(connection) == ("stale", ["input_removed"])
    plan = plan_layer(connection, SKYCELL, LAYER).plan
    assert plan.excluded == (ExcludedExposure("itst0002q", "withdrawn", "trailed"),)
    assert plan_layer(connection, NEIGHBOUR, LAYER).plan.excluded == ()
    restore(connection, "itst0002q", SKYCELL)
    assert standing(connection) == ("current", [])


def test_a_withdrawal_holds_for_later_revisions(built: Connection) -> None:
    withdraw(built, "itst0002q")
    register(built, "itst0002q", INSIDE, exptime_s=99.0)
    assert members(built) == ["itst0001q"]
    restore(built, "itst0002q")
    assert standing(built) == ("stale", ["input_removed", "input_revised"])


def test_a_finding_excludes_on_when_the_withdrawal_has_ended(connection: Connection) -> None:
    register(connection, "itst0001q", INSIDE, findings=(Finding("moving_target", "MTFLAG = 'T'"),))
    withdraw(connection, "itst0001q")
    assert find_exposure(connection, "itst0001q").exclusion == "withdrawn"
    restore(connection, "itst0001q")
    assert find_exposure(connection, "itst0001q").exclusion == "moving_target"


def test_extents_of_other_layers_follow(connection: Connection, tmp_path: Path) -> None:
    register(connection, "itst0001q", INSIDE)
    register(connection, "itst0002q", (1000, 1000, 3000, 2000), filter="f125w")
    publish(connection, tmp_path)
    report = withdraw(connection, "itst0002q")
    [effect] = [item for item in report.effects if item.product]
    assert (effect.reasons, effect.n_pixels_contributed, effect.exptime_s) == (["extent_changed"], 0, 0.0)
    gone = [item for item in report.effects if item.layer == "wfc3_ir_f125w"]
    assert {(item.status_before, item.status) for item in gone} == {("missing", None)}


def test_since(engine: Engine, tmp_path: Path) -> None:
    with transaction(engine) as connection:
        register(connection, "itst0001q", INSIDE)
        register(connection, "itst0002q", INSIDE)
        publish(connection, tmp_path)
    for places in [(), (SKYCELL,)]:
        with transaction(engine) as connection:
            moment = connection.execute(text("select now()")).scalar_one()
            withdraw(connection, "itst0002q", *places)
        with transaction(engine) as connection:
            [change] = list_layer_changes(connection, SKYCELL, LAYER)
            assert (change.reason, change.since) == ("input_removed", moment)
            restore(connection, "itst0002q")


def test_revision_that_arrives_beside_a_withdrawal_does_not_escape(engine: Engine) -> None:
    with transaction(engine) as connection:
        register(connection, "itst0001q", INSIDE)

    def withdraw_beside() -> None:
        with transaction(engine) as other:
            withdraw(other, "itst0001q")

    with transaction(engine) as connection:
        register(connection, "itst0001q", INSIDE, exptime_s=5.0)
        thread = threading.Thread(target=withdraw_beside)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join()
    with transaction(engine) as connection:
        assert find_exposure(connection, "itst0001q").exclusion == "withdrawn"
        assert list_layer_statuses(connection, SKYCELL) == []


def test_what_cannot_be_withdrawn_or_restored(built: Connection) -> None:
    with pytest.raises(UnknownObjectError, match="no exposure itst0009q"):
        withdraw(built, "itst0009q")
    with pytest.raises(UnknownObjectError, match="itst0001q is withdrawn from nothing"):
        restore(built, "itst0001q")
    withdraw(built, "itst0001q", SKYCELL)
    with pytest.raises(ConflictError, match=f"already withdrawn from {SKYCELL}"):
        withdraw(built, "itst0001q", NEIGHBOUR, SKYCELL)
    with pytest.raises(UnknownObjectError, match=f"withdrawn from {SKYCELL}"):
        restore(built, "itst0001q", NEIGHBOUR)
    withdraw(built, "itst0001q")
    assert len(restore(built, "itst0001q").withdrawals) == 2
    assert members(built) == ["itst0001q", "itst0002q", "itst0002q"]


def test_layer_of_another_filter_is_left_alone(built: Connection) -> None:
    register(built, "itst0003q", INSIDE, filter="f125w")
    report = withdraw(built, "itst0002q")
    other = str(LayerName("wfc3", "ir", "f125w"))
    assert other not in {item.layer for item in report.effects}


def test_of_two_withdrawals_at_once_one_is_a_conflict(engine: Engine) -> None:
    with transaction(engine) as connection:
        register(connection, "itst0001q", INSIDE)
    refused: list[str] = []

    def withdraw_beside() -> None:
        with (
            pytest.raises(ConflictError, match="already withdrawn from all layers") as caught,
            transaction(engine) as other,
        ):
            withdraw(other, "itst0001q")
        refused.append(str(caught.value))

    with transaction(engine) as connection:
        withdraw(connection, "itst0001q")
        thread = threading.Thread(target=withdraw_beside)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join()
    assert len(refused) == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_ingest_says_that_an_exposure_is_withdrawn(engine: Engine, tmp_path: Path, dry_run: bool) -> None:
    path = SyntheticExposure().write(tmp_path)
    [result] = ingest_files(engine, [path])
    assert (result.exclusion, result.withdrawn_skycells) == (None, [])
    name = str(result.exposure)
    with transaction(engine) as connection:
        withdraw(connection, name, SKYCELL, NEIGHBOUR)
    [result] = ingest_files(engine, [path], dry_run=dry_run)
    assert (result.exclusion, result.withdrawn_skycells) == (None, [str(SKYCELL), str(NEIGHBOUR)])
    with transaction(engine) as connection:
        withdraw(connection, name)
    [result] = ingest_files(engine, [path], dry_run=dry_run)
    assert result.exclusion == "withdrawn (trailed)"
    with transaction(engine) as connection:
        restore(connection, name)
    [result] = ingest_files(engine, [path], dry_run=dry_run)
    assert (result.exclusion, result.withdrawn_skycells) == (None, [])
