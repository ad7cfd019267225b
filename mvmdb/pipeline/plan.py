"""Plans: what the database says a build would do, and whether anything is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from mvmdb.catalog.layers import find_extent, find_plan, find_recipes, list_layers
from mvmdb.mosaic.weights import DEFAULT_GOOD_BITS
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import DrizzleParameters, LayerPlan

ENGINE = f"mvmdb engine 2, drizzle {version('drizzle')}"
"""Part of every recipe; the number goes up when a change of ours changes pixels."""

Status = Literal["missing", "stale", "current"]


@dataclass(frozen=True)
class LayerTask:
    """A plan, and how it stands to the product in place."""

    plan: LayerPlan
    status: Status
    reason: str


def default_parameters(layer: LayerName) -> DrizzleParameters:
    """Return the parameters of a layer: square kernel, pixfrac 1, the DQ bits its detector may show."""
    return DrizzleParameters(good_bits=DEFAULT_GOOD_BITS[layer.instrument, layer.detector])


def plan_layer(connection: Connection, skycell: SkycellName, layer: LayerName) -> LayerTask:
    """Return what a build of one layer would do now.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer.
    """
    plan = find_plan(
        connection,
        skycell,
        layer,
        parameters=default_parameters(layer),
        parameter_set="mvmdb",
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
    connection: Connection, skycell: SkycellName, layers: Sequence[LayerName] = ()
) -> list[LayerTask]:
    """Return the tasks of some layers of a skycell, or of all of them.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer.
    """
    find_extent(connection, skycell)
    wanted = layers or [LayerName.parse(row.layer) for row in list_layers(connection, skycell)]
    return [plan_layer(connection, skycell, layer) for layer in wanted]


def as_forced(task: LayerTask) -> LayerTask:
    """Return the task as one that must be done although its product is current."""
    return replace(task, status="stale", reason="forced") if task.status == "current" else task
