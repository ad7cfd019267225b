"""Parameter sets: what ships, what a layer gets, what users add."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.parameters import find_parameters, list_parameter_rules, list_parameter_sets
from mvmdb.catalog.schema import upgrade
from mvmdb.errors import ParameterError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import DrizzleParameters
from tests.support.facts import Box, make_facts, ring_of_pixels, rootname

SKYCELL = SkycellName(1889, 7, 19)

# mvm_facts.md, section 5.3: the values of the reference for layers of two or more exposures.
FINAL_BITS = {
    "acs_wfc_f606w": 80,
    "acs_hrc_f555w": 80,
    "acs_sbc_f115lp": 0,
    "acs_sbc_f122m": 0,
    "acs_sbc_f125lp": 528,
    "wfc3_uvis_f475w": 80,
    "wfc3_ir_f160w": 528,
    "wfc3_ir_f160w_coarse": 528,
    "wfpc2_pc_f606w": 2 + 8 + 1024,
    "wfpc2_pc_f606w_coarse": 2 + 8 + 1024,
}
SQUARE: Box = (1000, 1000, 3000, 3000)
EAST_HALF: Box = (1000, 1000, 2000, 3000)


def register(connection: Connection, layer: str, *boxes: Box) -> None:
    """Register an exposure of one chip for each box."""
    name = LayerName.parse(layer)
    for number, box in enumerate(boxes):
        facts = make_facts(
            rootname(number),
            [ring_of_pixels(str(SKYCELL), box)],
            instrument=name.instrument,
            detector=name.detector,
            filter=name.filter,
        )
        register_exposure(connection, facts)


def parameters(connection: Connection, layer: str, name: str, **overrides: Any) -> DrizzleParameters:
    return find_parameters(connection, SKYCELL, LayerName.parse(layer), name, overrides=overrides)


@pytest.mark.parametrize(("layer", "good_bits"), FINAL_BITS.items())
def test_two_exposures(connection: Connection, layer: str, good_bits: int) -> None:
    register(connection, layer, SQUARE, SQUARE)
    assert parameters(connection, layer, "mvmdb") == DrizzleParameters(
        good_bits=good_bits, sky="match", sky_zero="mean", equalise="photflam"
    )
    assert parameters(connection, layer, "hap") == DrizzleParameters(
        good_bits=good_bits, sky="match", sky_zero="faintest", mapping_error_pix=0.0
    )


@pytest.mark.parametrize(("layer", "good_bits"), FINAL_BITS.items())
def test_one_exposure(connection: Connection, layer: str, good_bits: int) -> None:
    """The reference then keeps every flagged pixel and the sky; by default the number changes nothing."""
    register(connection, layer, SQUARE)
    assert parameters(connection, layer, "mvmdb").good_bits == good_bits
    assert parameters(connection, layer, "mvmdb").sky == "match"
    assert parameters(connection, layer, "hap") == DrizzleParameters(
        good_bits=65535, sky_zero="faintest", mapping_error_pix=0.0
    )


@pytest.mark.parametrize(
    ("boxes", "mean_n"),
    [
        ([SQUARE], 1.0),
        ([SQUARE, EAST_HALF], 1.5),
        ([SQUARE, (3000, 1000, 5000, 3000)], 1.0),
        ([SQUARE, (1000, 1000, 1990, 3000)], 1.495),
        ([SQUARE, SQUARE, SQUARE, EAST_HALF], 3.5),
        ([(-2000, 0, 2000, 1000)], 1.0),  # half of it lies outside the skycell
        ([(-2000, 0, 2000, 1000), (0, 0, 1000, 1000)], 1.5),
    ],
)
def test_mean_number_of_chips(connection: Connection, boxes: list[Box], mean_n: float) -> None:
    register(connection, "acs_wfc_f606w", *boxes)
    query = text("select mvm.mean_n_exposures(:skycell, 'acs_wfc_f606w')")
    found = connection.execute(query, {"skycell": str(SKYCELL)}).scalar_one()
    assert found == pytest.approx(
        mean_n, rel=1e-3
    )  # the border of a skycell lies half a pixel outside its centres
    is_single = parameters(connection, "acs_wfc_f606w", "hap").sky == "none"
    assert is_single == (found < 1.5)


def test_sbc_shrinks_its_pixels_from_six_exposures_on(connection: Connection) -> None:
    register(connection, "acs_sbc_f122m", *[SQUARE] * 5)
    assert parameters(connection, "acs_sbc_f122m", "hap").pixfrac == 1.0
    register(connection, "acs_sbc_f122m", *[SQUARE] * 6)
    assert parameters(connection, "acs_sbc_f122m", "hap").pixfrac == 0.8
    assert parameters(connection, "acs_sbc_f122m", "mvmdb").pixfrac == 1.0


def test_overrides(connection: Connection) -> None:
    found = parameters(connection, "acs_wfc_f606w", "mvmdb", pixfrac=0.8, sky="none")
    assert (found.pixfrac, found.sky, found.good_bits) == (0.8, "none", 80)
    with pytest.raises(ParameterError, match="pixfrac cannot be 8"):
        parameters(connection, "acs_wfc_f606w", "mvmdb", pixfrac=8)


def test_every_value_has_a_source(connection: Connection) -> None:
    assert [row.parameter_set for row in list_parameter_sets(connection)] == ["hap", "mvmdb"]
    for name in ("hap", "mvmdb"):
        rules = list_parameter_rules(connection, name)
        assert all(rule.source.strip() for rule in rules)
        assert [rule.position for rule in rules] == list(range(1, len(rules) + 1))
    with pytest.raises(UnknownObjectError, match="nonesuch"):
        list_parameter_rules(connection, "nonesuch")


def test_users_sets_survive_an_upgrade_and_changes_of_shipped_ones_do_not(engine: Engine) -> None:
    with transaction(engine) as connection:
        for statement in (
            "insert into mvm.parameter_set values ('mine', 'like mvmdb, smaller drops', false)",
            "insert into mvm.parameter_rule (parameter_set, position, parameter, value, source)"
            " select 'mine', r.position, r.parameter, r.value, r.source"
            " from mvm.parameter_rule as r where r.parameter_set = 'mvmdb' and r.instrument is null",
            "insert into mvm.parameter_rule (parameter_set, position, parameter, value, instrument, source)"
            " values ('mine', 100, 'pixfrac', '0.7', 'wfc3', 'a test')",
            "update mvm.parameter_rule set value = '0.1'"
            " where parameter_set = 'hap' and parameter = 'pixfrac'",
            "delete from mvm.sql_object where kind = 'data'",  # as an older version would have left it
        ):
            connection.execute(text(statement))
    upgrade(engine)
    with transaction(engine) as connection:
        assert parameters(connection, "wfc3_ir_f160w", "mine").pixfrac == 0.7
        assert parameters(connection, "acs_wfc_f606w", "mine").pixfrac == 1.0
        assert parameters(connection, "acs_wfc_f606w", "hap").pixfrac == 1.0


def test_a_users_bad_rule_is_named(connection: Connection) -> None:
    connection.execute(text("insert into mvm.parameter_set values ('mine', 'bad', false)"))
    rule = (
        "insert into mvm.parameter_rule (parameter_set, position, parameter, value, source)"
        " values ('mine', 1, 'kernel', '\"gaussian\"', 'a test')"
    )
    connection.execute(text(rule))
    with pytest.raises(ParameterError, match="parameter set mine: kernel cannot be 'gaussian'"):
        parameters(connection, "acs_wfc_f606w", "mine")
