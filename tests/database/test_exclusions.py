"""Exclusion by rule: findings are kept, rows decide, layers follow."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from mvmdb.catalog.exclusions import (
    change_exclusion,
    find_exclusion,
    list_exclusions,
    list_layer_exclusions,
)
from mvmdb.catalog.exposures import find_exposure, list_skycells, register_exposure
from mvmdb.catalog.sqlfiles import sql_files
from mvmdb.errors import UnknownObjectError
from mvmdb.files import exclusion
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ExcludedExposure, Finding
from tests.support.facts import Box, make_facts, ring_of_pixels

SKYCELL = SkycellName(1889, 7, 19)
LAYER = LayerName("wfc3", "ir", "f160w")
INSIDE: Box = (1000, 1000, 2000, 2000)
LARGER: Box = (1000, 1000, 4000, 2000)

MOVING = Finding("moving_target", "MTFLAG = 'T'")
COARSE = Finding("coarse_guiding", "FGSLOCK = 'COARSE'")
STRANGE = Finding("never_heard_of", "KEYWORD = 1")


def register(connection: Connection, name: str, *findings: Finding, box: Box = INSIDE) -> str | None:
    """Register an exposure; return why it is excluded."""
    ring = ring_of_pixels(str(SKYCELL), box)
    register_exposure(connection, make_facts(name, [ring], findings=findings))
    return find_exposure(connection, name).exclusion


def test_rules_know_every_finding_and_decide_like_the_reference(connection: Connection) -> None:
    rules = {row.code: row.excludes for row in list_exclusions(connection)}
    serious = {rule.code for rule in exclusion._RULES} - exclusion.ADVISORY_CODES | {"not_calibrated"}
    assert {code for code, excludes in rules.items() if excludes} == serious
    assert {code for code, excludes in rules.items() if not excludes} == exclusion.ADVISORY_CODES


def test_the_first_finding_that_excludes_is_the_reason(connection: Connection) -> None:
    assert register(connection, "itst0001q") is None
    assert register(connection, "itst0002q", COARSE) is None
    assert register(connection, "itst0003q", COARSE, MOVING) == "moving_target"
    assert register(connection, "itst0004q", STRANGE, MOVING) == "never_heard_of"
    assert find_exposure(connection, "itst0003q").exclusion_detail == "MTFLAG = 'T'"
    assert find_exclusion(connection, []) is None
    assert find_exclusion(connection, [COARSE]) is None
    assert find_exclusion(connection, [COARSE, MOVING]) == MOVING


def test_a_changed_rule_moves_exposures_in_and_out_of_layers(connection: Connection) -> None:
    register(connection, "itst0001q")
    register(connection, "itst0002q", COARSE, box=LARGER)
    register(connection, "itst0003q", MOVING)
    register(connection, "itst0004q", MOVING, COARSE)
    assert str(SKYCELL) in list_skycells(connection, "itst0002q")

    change = change_exclusion(connection, "coarse_guiding", excludes=True)
    assert (change.n_now_excluded, change.n_now_taken) == (1, 0)
    assert find_exposure(connection, "itst0002q").exclusion_detail == "FGSLOCK = 'COARSE'"
    assert list_skycells(connection, "itst0002q") == []
    extent = text("select x1 - x0 from mvm.skycell_extent(:skycell)")
    assert connection.execute(extent, {"skycell": str(SKYCELL)}).scalar() == pytest.approx(1000, abs=2)

    change = change_exclusion(connection, "moving_target", excludes=False)
    assert (change.n_now_excluded, change.n_now_taken) == (0, 1)
    assert str(SKYCELL) in list_skycells(connection, "itst0003q")
    assert find_exposure(connection, "itst0004q").exclusion == "coarse_guiding"

    back = [change_exclusion(connection, "coarse_guiding", excludes=False)]
    back.append(change_exclusion(connection, "moving_target", excludes=True))
    assert [(c.n_now_excluded, c.n_now_taken) for c in back] == [(0, 2), (2, 0)]
    again = change_exclusion(connection, "moving_target", excludes=True)
    assert (again.n_now_excluded, again.n_now_taken) == (0, 0)


def test_exposures_are_counted_by_finding(connection: Connection) -> None:
    register(connection, "itst0001q", COARSE)
    register(connection, "itst0002q", MOVING, COARSE)
    rows = {row.code: (row.n_exposures, row.n_excluded) for row in list_exclusions(connection)}
    assert rows["coarse_guiding"] == (2, 0)
    assert rows["moving_target"] == (1, 1)
    assert rows["ramp_filter"] == (0, 0)


def test_a_layer_knows_what_it_lacks(connection: Connection) -> None:
    register(connection, "itst0001q")
    register(connection, "itst0002q", MOVING)
    ring = ring_of_pixels(str(SKYCELL), INSIDE)
    register_exposure(connection, make_facts("itst0003q", [ring], findings=(MOVING,), filter="f125w"))
    far = ring_of_pixels("p1889x09y19", INSIDE)
    register_exposure(connection, make_facts("itst0004q", [far], findings=(MOVING,)))
    (row,) = list_layer_exclusions(connection, SKYCELL, LAYER)
    assert row == ExcludedExposure("itst0002q", "moving_target", "MTFLAG = 'T'")


def test_unknown_code(connection: Connection) -> None:
    with pytest.raises(UnknownObjectError, match="no exclusion 'nonesuch'") as caught:
        change_exclusion(connection, "nonesuch", excludes=True)
    assert "moving_target" in str(caught.value.hint)


def test_an_upgrade_leaves_decisions_alone(connection: Connection) -> None:
    change_exclusion(connection, "moving_target", excludes=False)
    connection.execute(text("update mvm.exclusion_rule set description = 'old words'"))
    (rules,) = (file for file in sql_files() if file.name == "exclusion_rules")
    connection.exec_driver_sql(rules.definition.replace("%", "%%"))
    row = next(row for row in list_exclusions(connection) if row.code == "moving_target")
    assert (row.excludes, row.description == "old words") == (False, False)
