"""Selections: what they take against a plain evaluation of their rules, what they cost, epochs, staleness."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapely import box as rectangle
from shapely import union_all
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.layers import find_plan, list_inputs, list_layer_names, list_layers
from mvmdb.catalog.parameters import find_parameters
from mvmdb.catalog.selections import (
    SelectionExclusion,
    SelectionRule,
    add_selection,
    change_selection,
    find_selection,
    find_selection_rule,
    list_epochs,
    list_selection_costs,
    list_selection_exclusions,
    list_selections,
    remove_selection,
)
from mvmdb.catalog.staleness import list_layer_changes, list_layer_statuses
from mvmdb.errors import ConflictError, EmptyLayerError, SelectionError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.plan import plan_layer, plan_skycell
from mvmdb.records import LayerPlan
from tests.database.test_status import publish
from tests.support.facts import Box, make_facts, ring_at_box, rootname

SKYCELL, MERIDIAN = SkycellName(1889, 7, 19), SkycellName.parse("p1322x11y03")
LAYER = LayerName("wfc3", "ir", "f160w")
MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
INSIDE: dict[SkycellName, Box] = {
    SKYCELL: (1000, 1000, 2000, 2000),
    MERIDIAN: (10300, 1000, 11300, 2000),  # right ascension 0 is near x = 10723
}


@dataclass(frozen=True)
class Taken:
    """An exposure as the oracle knows it."""

    name: str
    start_mjd: float = 55927.0
    """2012-01-01."""
    wcsname: str | None = "IDC_w3m18525i"
    exptime_s: float = 100.0


def register(connection: Connection, *exposures: Taken, skycell: SkycellName = SKYCELL) -> None:
    """Register WFC3/IR exposures, all at one place."""
    for item in exposures:
        facts = make_facts(
            item.name,
            [ring_at_box(str(skycell), INSIDE[skycell])],
            start_mjd=item.start_mjd,
            end_mjd=item.start_mjd + 0.001,
            wcsname=item.wcsname,
            exptime_s=item.exptime_s,
        )
        register_exposure(connection, facts)


def fits_pattern(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern of ``*`` and ``?``."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL) is not None


def takes(rule: SelectionRule, item: Taken, without: Iterable[str] = ()) -> bool:
    """Return whether a rule takes an exposure."""
    start = MJD_ZERO + timedelta(days=item.start_mjd)
    return (
        (rule.from_utc is None or start >= rule.from_utc)
        and (rule.until_utc is None or start < rule.until_utc)
        and (
            rule.wcsname_pattern is None
            or (item.wcsname is not None and fits_pattern(rule.wcsname_pattern, item.wcsname))
        )
        and (rule.min_exptime_s is None or item.exptime_s >= rule.min_exptime_s)
        and item.name not in without
    )


def add(connection: Connection, name: str, rule: SelectionRule, *without: str) -> None:
    """Store a selection."""
    exclusions = [SelectionExclusion(item, "a trail") for item in without]
    add_selection(connection, name, rule, description="", by="tester", without=exclusions)


def taken(connection: Connection, selection: str, skycell: SkycellName = SKYCELL) -> list[str]:
    """Return the exposures of the layer, in drizzle order."""
    return [item.rootname for item in list_inputs(connection, skycell, LAYER, selection)]


def plan_of(connection: Connection, selection: str, skycell: SkycellName = SKYCELL) -> LayerPlan:
    """Return what a build would do."""
    parameters = find_parameters(connection, skycell, LAYER, selection=selection)
    return find_plan(
        connection,
        skycell,
        LAYER,
        selection=selection,
        parameters=parameters,
        parameter_set="mvmdb",
        engine="any",
    )


NEW_YEAR = datetime(2012, 1, 1, tzinfo=UTC)
BOUNDARIES: dict[str, tuple[SelectionRule, Taken, bool]] = {
    "starts at until": (SelectionRule(until_utc=NEW_YEAR), Taken("itst0001q"), False),
    "starts before until": (SelectionRule(until_utc=NEW_YEAR), Taken("itst0001q", 55926.999), True),
    "starts at from": (SelectionRule(from_utc=NEW_YEAR), Taken("itst0001q"), True),
    "starts before from": (SelectionRule(from_utc=NEW_YEAR), Taken("itst0001q", 55926.999), False),
    "no wcsname": (SelectionRule(wcsname_pattern="*"), Taken("itst0001q", wcsname=None), False),
    "no wcsname asked": (SelectionRule(), Taken("itst0001q", wcsname=None), True),
    "another case": (
        SelectionRule(wcsname_pattern="*fit_rel_gaia*"),
        Taken("itst0001q", wcsname="IDC_x-FIT_REL_GAIAeDR3"),
        True,
    ),
    "whole name": (SelectionRule(wcsname_pattern="IDC"), Taken("itst0001q", wcsname="IDC_x"), False),
    "one character": (SelectionRule(wcsname_pattern="id?_x"), Taken("itst0001q", wcsname="IDC_x"), True),
    "underscore is itself": (SelectionRule(wcsname_pattern="a_b"), Taken("itst0001q", wcsname="axb"), False),
    "percent is itself": (SelectionRule(wcsname_pattern="a%"), Taken("itst0001q", wcsname="abc"), False),
    "percent": (SelectionRule(wcsname_pattern="a%*"), Taken("itst0001q", wcsname="A%c"), True),
    "backslash": (SelectionRule(wcsname_pattern="a\\*"), Taken("itst0001q", wcsname="a\\b"), True),
    "backslash escapes nothing": (
        SelectionRule(wcsname_pattern="a\\*"),
        Taken("itst0001q", wcsname="a*"),
        False,
    ),
    "brackets": (SelectionRule(wcsname_pattern="[ab]"), Taken("itst0001q", wcsname="a"), False),
    "quote": (SelectionRule(wcsname_pattern="o'*"), Taken("itst0001q", wcsname="O'x"), True),
    "exposure time": (SelectionRule(min_exptime_s=100.0), Taken("itst0001q"), True),
    "shorter": (SelectionRule(min_exptime_s=100.0), Taken("itst0001q", exptime_s=99.999), False),
}


@pytest.mark.parametrize("skycell", [SKYCELL, MERIDIAN], ids=str)
@pytest.mark.parametrize("case", BOUNDARIES)
def test_boundaries(connection: Connection, case: str, skycell: SkycellName) -> None:
    rule, item, expected = BOUNDARIES[case]
    assert takes(rule, item) == expected
    register(connection, item, skycell=skycell)
    add(connection, "some", rule)
    assert taken(connection, "some", skycell) == ([item.name] if expected else [])
    assert taken(connection, "all", skycell) == [item.name]


def random_exposures(random: random.Random) -> list[Taken]:
    names = ["IDC_w3m18525i", "IDC_w3m18525i-FIT_REL_GAIAeDR3", "HSC30", "OPUS", None]
    return [
        Taken(rootname(n), 55900 + random.randrange(512) / 8, random.choice(names), 10.0 * n)
        for n in range(40)
    ]


def random_rule(random: random.Random) -> SelectionRule:
    first, second = sorted(random.sample(range(64), 2))
    return SelectionRule(
        random.choice([None, datetime(2011, 12, 5, tzinfo=UTC) + timedelta(days=first)]),
        random.choice([None, datetime(2011, 12, 5, tzinfo=UTC) + timedelta(days=second)]),
        random.choice([None, None, "*gaia*", "idc*", "????", "*"]),
        random.choice([None, 0.0, 50.0, 250.0]),
    )


@pytest.mark.parametrize("seed", range(3))
def test_rules_take_what_a_plain_evaluation_takes(connection: Connection, seed: int) -> None:
    source = random.Random(seed)
    exposures = random_exposures(source)
    register(connection, *exposures)
    in_order = sorted(exposures, key=lambda item: (item.start_mjd, item.name))
    for number in range(20):
        rule, without = random_rule(source), [rootname(n) for n in source.sample(range(40), number % 4)]
        add(connection, f"rule{number}", rule, *without)
        expected = [item for item in in_order if takes(rule, item, without)]
        assert taken(connection, f"rule{number}") == [item.name for item in expected]
        layers = {row.layer: row for row in list_layers(connection, SKYCELL, f"rule{number}")}
        if not expected:
            assert layers == {}
            continue
        row = layers[str(LAYER)]
        assert (row.n_exposures, row.exptime_s) == (
            len(expected),
            pytest.approx(sum(item.exptime_s for item in expected)),
        )
        left_out = plan_of(connection, f"rule{number}").excluded
        assert [item.exposure for item in left_out] == [
            item.name for item in in_order if item not in expected
        ]
        assert {item.detail for item in left_out if item.exposure in without} <= {"a trail"}


def test_exclusions_hold_where_they_say(connection: Connection) -> None:
    register(connection, Taken("itst0001q"), Taken("itst0002q", 55930.0))
    coarse = LayerName("wfc3", "ir", "f160w", "coarse")
    excluded = [
        SelectionExclusion("itst0001q", "here", layer=str(coarse)),
        SelectionExclusion("itst0002q", "elsewhere", skycell=str(MERIDIAN)),
    ]
    add_selection(connection, "some", SelectionRule(), description="", by="me", without=excluded)
    assert taken(connection, "some") == ["itst0001q", "itst0002q"]
    inputs = list_inputs(connection, SKYCELL, coarse, "some")
    assert [item.rootname for item in inputs] == ["itst0002q"]
    assert find_selection_rule(connection, "some", SKYCELL, LAYER) == {}
    assert find_selection_rule(connection, "some", SKYCELL, coarse) == {"without": ["itst0001q"]}
    assert find_selection_rule(connection, "some", MERIDIAN, LAYER) == {"without": ["itst0002q"]}
    rows = list_selection_exclusions(connection, "some")
    assert [(row.rootname, row.excluded_by) for row in rows] == [("itst0001q", "me"), ("itst0002q", "me")]


def test_extent_stays_that_of_the_skycell(connection: Connection) -> None:
    register(connection, Taken("itst0001q"))
    wide = make_facts(
        "itst0002q", [ring_at_box(str(SKYCELL), (500, 500, 3000, 4000))], start_mjd=56000.0, end_mjd=56001.0
    )
    register_exposure(connection, wide)
    add(connection, "early", SelectionRule(until_utc=datetime(2012, 1, 2, tzinfo=UTC)))
    assert taken(connection, "early") == ["itst0001q"]
    assert plan_of(connection, "early").extent == plan_of(connection, "all").extent


def test_recipe_holds_the_rule_but_for_all(connection: Connection) -> None:
    register(connection, Taken("itst0001q"))
    rule = SelectionRule(datetime(2011, 1, 1, tzinfo=UTC), NEW_YEAR + timedelta(hours=1), "IDC*", 0.5)
    add(connection, "some", rule, "itst0009q")
    assert "selection_rule" not in plan_of(connection, "all").recipe()
    plan = plan_of(connection, "some")
    assert plan.recipe()["selection_rule"] == {
        "from": "2011-01-01T00:00:00Z",
        "until": "2012-01-01T01:00:00Z",
        "wcsname": "idc*",
        "min_exptime_s": 0.5,
        "without": ["itst0009q"],
    }
    assert plan.selection_words == (
        "from 2011-01-01T00:00:00Z, until 2012-01-01T01:00:00Z, wcsname idc*, min_exptime_s 0.5,"
        " without 1 exposures"
    )


def test_changes_are_told_with_before_after_and_since(engine: Engine, tmp_path: Any) -> None:
    with transaction(engine) as connection:
        register(connection, Taken("itst0001q"), Taken("itst0002q", 55950.0))
        add(connection, "early", SelectionRule(until_utc=NEW_YEAR + timedelta(days=1)))
        add(connection, "long", SelectionRule(min_exptime_s=50.0))
        for name in ("all", "early", "long"):
            publish(connection, tmp_path, selection=name)
    with transaction(engine) as connection:
        rows = [row for row in list_layer_statuses(connection, SKYCELL) if row.product]
        assert {(row.selection, row.status, row.n_exposures) for row in rows} == {
            ("all", "current", 2),
            ("early", "current", 1),
            ("long", "current", 2),
        }
        moment = connection.execute(text("select now()")).scalar_one()
        rule = SelectionRule(until_utc=datetime(2013, 1, 1, tzinfo=UTC), min_exptime_s=10.0)
        changed = change_selection(connection, "early", rule, by="her")
        assert (changed.changed_at, changed.changed_by, changed.created_by) == (moment, "her", "tester")
    with transaction(engine) as connection:
        found = list_layer_changes(connection, SKYCELL, LAYER, "early")
        assert {(row.reason, row.exposure, row.before, row.after) for row in found} == {
            ("input_added", "itst0002q", None, "sha256 of itst0002q"),
            ("selection_changed", None, "until=2012-01-02T00:00:00Z", "until=2013-01-01T00:00:00Z"),
            ("selection_changed", None, None, "min_exptime_s=10"),
        }
        assert {row.since for row in found} == {moment}
        statuses = {
            row.selection: row.status for row in list_layer_statuses(connection, SKYCELL) if row.product
        }
        assert statuses == {"all": "current", "early": "stale", "long": "current"}
        task = plan_layer(connection, SKYCELL, LAYER, selection="early")
        assert task.reason == "1 input added, selection changed"
        change_selection(connection, "early", SelectionRule(until_utc=NEW_YEAR + timedelta(days=1)), by="her")
        assert list_layer_changes(connection, SKYCELL, LAYER, "early") == []
        row = find_selection(connection, "early")
        change_selection(connection, "early", row.rule, by="her", description="only words")
        assert list_layer_changes(connection, SKYCELL, LAYER, "early") == []


def test_exclusion_is_a_change_of_the_rule(connection: Connection, tmp_path: Any) -> None:
    register(connection, Taken("itst0001q"), Taken("itst0002q", 55950.0))
    add(connection, "some", SelectionRule())
    publish(connection, tmp_path, selection="some")
    trail = SelectionExclusion("itst0002q", "a trail")
    change_selection(connection, "some", SelectionRule(), by="b", without=[trail, replace(trail, reason="x")])
    change_selection(connection, "some", SelectionRule(), by="b", without=[trail])
    found = {
        (row.reason, row.before, row.after) for row in list_layer_changes(connection, SKYCELL, LAYER, "some")
    }
    assert found == {
        ("input_removed", "sha256 of itst0002q", None),
        ("selection_changed", None, 'without=["itst0002q"]'),
    }
    change_selection(connection, "some", SelectionRule(), by="b", with_again=["itst0002q"])
    assert list_layer_changes(connection, SKYCELL, LAYER, "some") == []
    with pytest.raises(UnknownObjectError, match="does not exclude itst0002q"):
        change_selection(connection, "some", SelectionRule(), by="b", with_again=["itst0002q"])


def test_removed_selection_leaves_its_product_stale(connection: Connection, tmp_path: Any) -> None:
    """Nobody but a SQL user can do this: the commands retire the products first."""
    register(connection, Taken("itst0001q"))
    add(connection, "some", SelectionRule(min_exptime_s=1.0))
    publish(connection, tmp_path, selection="some")
    with pytest.raises(ConflictError, match="has 1 products"):
        remove_selection(connection, "some")
    connection.execute(text("delete from mvm.selection where selection = 'some'"))
    [row] = [row for row in list_layer_statuses(connection, SKYCELL) if row.selection == "some"]
    assert (row.status, row.reasons) == ("stale", ["input_removed", "layer_empty", "selection_changed"])
    [change] = [
        row
        for row in list_layer_changes(connection, SKYCELL, LAYER, "some")
        if row.reason == "selection_changed"
    ]
    assert (change.before, change.after) == ('{"min_exptime_s": 1}', None)
    assert plan_layer(connection, SKYCELL, LAYER, selection="some").plan.inputs == ()


def test_cost_against_plain_areas(connection: Connection) -> None:
    boxes: dict[str, tuple[Box, float]] = {
        "itst0001q": ((1000, 1000, 3000, 2000), 55900.0),
        "itst0002q": ((2500, 1500, 4000, 3000), 56000.0),
        "itst0003q": ((-500, 800, 1500, 1800), 56100.0),
    }
    for name, (corners, start_mjd) in boxes.items():
        register_exposure(
            connection,
            make_facts(
                name, [ring_at_box(str(SKYCELL), corners)], start_mjd=start_mjd, end_mjd=start_mjd + 1
            ),
        )
    add(connection, "early", SelectionRule(until_utc=NEW_YEAR))
    skycell = rectangle(-0.5, -0.5, 21953.5, 21953.5)
    shapes = {name: rectangle(*corners).intersection(skycell) for name, (corners, _) in boxes.items()}
    whole, part = union_all(list(shapes.values())).area, shapes["itst0001q"].area
    rows = {row.layer: row for row in list_selection_costs(connection, "early", SKYCELL)}
    assert list(rows) == [str(LAYER), f"{LAYER}_coarse"]
    row = rows[str(LAYER)]
    assert (row.n_exposures, row.n_exposures_lost, row.exptime_s, row.exptime_lost_s) == (1, 2, 1000, 2000)
    # Pixels are equal on the tangent plane; on the sphere they are within 2e-4 of each other here.
    assert row.area_lost_fraction == pytest.approx(1 - part / whole, rel=1e-3)
    assert row.area_arcmin2 == pytest.approx(part * (0.04 / 60) ** 2, rel=2e-3)
    assert row.area_lost_arcmin2 == pytest.approx((whole - part) * (0.04 / 60) ** 2, rel=2e-3)
    everywhere = list_selection_costs(connection, "early")
    assert {item.skycell for item in everywhere} > {str(SKYCELL)}
    assert row in everywhere
    assert list_selection_costs(connection, "all", SKYCELL)[0].area_lost_fraction == 0


def days_of(epochs: Any) -> list[tuple[float, float, int]]:
    """Return begin, end (MJD) and number of exposures."""
    return [
        (
            (row.from_utc - MJD_ZERO) / timedelta(days=1),
            (row.until_utc - MJD_ZERO) / timedelta(days=1),
            row.n_exposures,
        )
        for row in epochs
    ]


def test_epochs_by_gap(connection: Connection) -> None:
    starts = [55000.5, 55001.25, 55031.25, 55061.375, 55061.5, 55200.0]
    register(connection, *(Taken(rootname(n), start, exptime_s=n + 1.0) for n, start in enumerate(starts)))
    found = list_epochs(connection, SKYCELL, LAYER, gap_days=30)
    # 30 days exactly are no longer than 30 days; 30.125 are.
    assert days_of(found) == [(55000, 55032, 3), (55061, 55062, 2), (55200, 55201, 1)]
    assert [row.exptime_s for row in found] == [6.0, 9.0, 6.0]
    assert [(row.first_date - MJD_ZERO) / timedelta(days=1) for row in found] == [55000.5, 55061.375, 55200.0]
    assert [row.area_fraction for row in found] == pytest.approx([1.0, 1.0, 1.0])
    assert days_of(list_epochs(connection, SKYCELL, LAYER, gap_days=0.1))[2:4] == [
        (55031, 55032, 1),
        (55061, 55061.5, 1),
    ]


@pytest.mark.parametrize("length_days", [10, 30, 365.25])
def test_epochs_by_length(connection: Connection, length_days: float) -> None:
    starts = [55000.5, 55009.875, 55010.0, 55029.75, 55030.0, 55400.0]
    register(connection, *(Taken(rootname(n), start) for n, start in enumerate(starts)))
    numbers = [int((start - 55000) // length_days) for start in starts]
    expected = [
        (55000 + n * length_days, 55000 + (n + 1) * length_days, numbers.count(n))
        for n in sorted(set(numbers))
    ]
    found = list_epochs(connection, SKYCELL, LAYER, gap_days=30, length_days=length_days)
    assert days_of(found) == pytest.approx([pytest.approx(item) for item in expected])


@pytest.mark.parametrize("seed", range(4))
def test_epochs_as_selections_part_the_layer(connection: Connection, seed: int) -> None:
    """Whatever the split, each exposure is in one epoch and one only."""
    source = random.Random(seed)
    starts = [55000 + source.choice([1, 1 / 1024]) * source.randrange(300) + n // 9 * 90 for n in range(25)]
    register(connection, *(Taken(rootname(n), start) for n, start in enumerate(starts)))
    for number, (gap_days, length_days) in enumerate(
        [(0.0, None), (0.01, None), (5, None), (30, None), (30, 7)]
    ):
        epochs = list_epochs(connection, SKYCELL, LAYER, gap_days=gap_days, length_days=length_days)
        found = []
        for row in epochs:
            name = f"split{number}x{row.epoch}"
            add(connection, name, SelectionRule(row.from_utc, row.until_utc))
            inside = taken(connection, name)
            assert len(inside) == row.n_exposures
            found += inside
        assert sorted(found) == sorted(rootname(n) for n in range(25))


def test_all_stays(connection: Connection) -> None:
    assert [row.selection for row in list_selections(connection)] == ["all"]
    for statement in (
        "delete from mvm.selection where selection = 'all'",
        "update mvm.selection set description = 'some' where selection = 'all'",
        "insert into mvm.selection_exclusion (selection, rootname, reason, excluded_by)"
        " values ('all', 'x', '', '')",
    ):
        trial = connection.begin_nested()
        with pytest.raises(IntegrityError):
            connection.execute(text(statement))
        trial.rollback()
    with pytest.raises(SelectionError, match="stays as it is"):
        change_selection(connection, "all", SelectionRule(), by="b")
    with pytest.raises(SelectionError, match="stays as it is"):
        remove_selection(connection, "all")


def test_what_cannot_be_asked(connection: Connection) -> None:
    register(connection, Taken("itst0001q"))
    add(connection, "none", SelectionRule(min_exptime_s=1e6))
    with pytest.raises(EmptyLayerError, match="selection none takes no exposure of wfc3_ir_f160w in p1889"):
        plan_layer(connection, SKYCELL, LAYER, selection="none")
    with pytest.raises(EmptyLayerError, match="selection none takes no exposure of skycell p1889"):
        plan_skycell(connection, SKYCELL, selection="none")
    with pytest.raises(UnknownObjectError, match="no selection 'other'"):
        plan_skycell(connection, SKYCELL, selection="other")
    with pytest.raises(UnknownObjectError, match="no selection 'other'"):
        plan_layer(connection, SKYCELL, LAYER, selection="other")
    with pytest.raises(UnknownObjectError, match="no layer acs_wfc_f606w"):
        plan_layer(connection, SKYCELL, LayerName("acs", "wfc", "f606w"), selection="none")
    assert list_layer_names(connection, SKYCELL, "none") == []
    with pytest.raises(ConflictError, match="exists with another rule: min_exptime_s"):
        add(connection, "none", SelectionRule(min_exptime_s=2.0))
    with pytest.raises(ConflictError, match="another rule: without"):
        add(connection, "none", SelectionRule(min_exptime_s=1e6), "itst0001q")
    add(connection, "none", SelectionRule(min_exptime_s=1e6))
    remove_selection(connection, "none")
    with pytest.raises(UnknownObjectError, match="no selection 'none'"):
        remove_selection(connection, "none")
