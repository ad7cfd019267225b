"""Named parameter sets: what there is, and what one gives to a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from mvmdb.catalog.models import parameter_rule, parameter_set
from mvmdb.catalog.rows import columns_of, fetch, select_function
from mvmdb.errors import UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.parameters import make_parameters
from mvmdb.records import DrizzleParameters

DEFAULT_SET = "mvmdb"


@dataclass(frozen=True)
class ParameterSetRow:
    """A named set, as in ``mvm.parameter_set``."""

    parameter_set: str
    is_shipped: bool
    description: str


@dataclass(frozen=True)
class ParameterRuleRow:
    """One rule of a set, as in ``mvm.parameter_rule``; null conditions hold for every layer."""

    position: int
    parameter: str
    value: str | float | bool
    instrument: str | None
    detector: str | None
    filters: list[str] | None
    min_mean_n_exposures: float | None
    below_mean_n_exposures: float | None
    source: str


@dataclass(frozen=True)
class LayerParameterRow:
    """A parameter as a set gives it to a layer, as ``mvm.layer_parameters`` answers."""

    parameter: str
    value: str | float | bool
    source: str


def list_parameter_sets(connection: Connection) -> list[ParameterSetRow]:
    """Return the sets by name."""
    table = parameter_set.c
    query = select(*(table[name] for name in columns_of(ParameterSetRow))).order_by(table.parameter_set)
    return fetch(connection, ParameterSetRow, query)


def list_parameter_rules(connection: Connection, name: str) -> list[ParameterRuleRow]:
    """Return the rules of a set in their order.

    Raises
    ------
    UnknownObjectError
        There is no such set.
    """
    _require_set(connection, name)
    table = parameter_rule.c
    query = select(*(table[column] for column in columns_of(ParameterRuleRow)))
    return fetch(
        connection, ParameterRuleRow, query.where(table.parameter_set == name).order_by(table.position)
    )


def list_layer_parameters(
    connection: Connection, skycell: SkycellName, layer: LayerName, name: str, *, selection: str = "all"
) -> list[LayerParameterRow]:
    """Return what a set gives to a layer, by parameter.

    Raises
    ------
    UnknownObjectError
        There is no such set.
    """
    _require_set(connection, name)
    function = func.mvm.layer_parameters(str(skycell), str(layer), name, selection)
    return fetch(connection, LayerParameterRow, select_function(LayerParameterRow, function))


def find_parameters(
    connection: Connection,
    skycell: SkycellName,
    layer: LayerName,
    name: str = DEFAULT_SET,
    *,
    selection: str = "all",
    overrides: Mapping[str, Any] | None = None,
) -> DrizzleParameters:
    """Return the parameters of a layer by a set, single values of it replaced.

    Raises
    ------
    UnknownObjectError
        There is no such set.
    ParameterError
        A rule or an override names no parameter, or gives it a value that is not allowed.
    """
    rows = list_layer_parameters(connection, skycell, layer, name, selection=selection)
    values = {row.parameter: row.value for row in rows} | dict(overrides or {})
    return make_parameters(values, origin=f"parameter set {name}")


def _require_set(connection: Connection, name: str) -> None:
    known = [row.parameter_set for row in list_parameter_sets(connection)]
    if name not in known:
        raise UnknownObjectError(
            f"there is no parameter set {name!r}", hint=f"it is one of {', '.join(known)}"
        )
