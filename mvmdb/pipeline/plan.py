"""Plans: what the database says a build would do, and whether anything is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from mvmdb.catalog.layers import find_extent, find_plan, find_recipes, list_layers
from mvmdb.catalog.parameters import DEFAULT_SET, find_parameters
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import LayerPlan

ENGINE = f"mvmdb engine 2, drizzle {version('drizzle')}"
"""Part of every recipe; the number goes up when a change of ours changes pixels."""

Status = Literal["missing", "stale", "current"]


@dataclass(frozen=True)
class LayerTask:
    """A plan, and how it stands to the product in place."""

    plan: LayerPlan
    status: Status
    reason: str


@dataclass(frozen=True)
class ParameterChoice:
    """How layers are to be combined: a named set, and what replaces single values of it."""

    parameter_set: str = DEFAULT_SET
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.parameter_set, *(f"{name}={value}" for name, value in self.overrides.items())])


DEFAULT_CHOICE = ParameterChoice()


def plan_layer(
    connection: Connection, skycell: SkycellName, layer: LayerName, choice: ParameterChoice = DEFAULT_CHOICE
) -> LayerTask:
    """Return what a build of one layer would do now.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer, or there is no such parameter set.
    ParameterError
        A parameter is unknown or has a value that is not allowed.
    """
    plan = find_plan(
        connection,
        skycell,
        layer,
        parameters=find_parameters(
            connection, skycell, layer, choice.parameter_set, overrides=choice.overrides
        ),
        parameter_set=str(choice),
        engine=ENGINE,
    )
    made = find_recipes(connection, skycell).get((str(layer), plan.selection))
    if made is None:
        return LayerTask(plan, "missing", "never built")
    recipe_sha256, file_path = made
    if not Path(file_path).is_file():
        return LayerTask(plan, "stale", f"its file is gone: {file_path}")
    if recipe_sha256 != plan.recipe_sha256():
        return LayerTask(plan, "stale", "inputs, extent, parameters or engine have changed")
    return LayerTask(plan, "current", "built from the same recipe")


def plan_skycell(
    connection: Connection,
    skycell: SkycellName,
    layers: Sequence[LayerName] = (),
    choice: ParameterChoice = DEFAULT_CHOICE,
) -> list[LayerTask]:
    """Return the tasks of some layers of a skycell, or of all of them.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer, or there is no such parameter set.
    ParameterError
        A parameter is unknown or has a value that is not allowed.
    """
    find_extent(connection, skycell)
    wanted = layers or [LayerName.parse(row.layer) for row in list_layers(connection, skycell)]
    return [plan_layer(connection, skycell, layer, choice) for layer in wanted]


def as_forced(task: LayerTask) -> LayerTask:
    """Return the task as one that must be done although its product is current."""
    return replace(task, status="stale", reason="forced") if task.status == "current" else task
