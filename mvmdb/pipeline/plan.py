"""Plans: what the database says a build would do, and whether anything is to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from mvmdb.catalog.layers import count_input_pixels, find_extent, find_plan, list_layer_names
from mvmdb.catalog.parameters import DEFAULT_SET, find_parameters
from mvmdb.catalog.revisions import find_base
from mvmdb.catalog.selections import require_selection
from mvmdb.catalog.staleness import (
    LayerChangeRow,
    LayerStatusRow,
    Status,
    list_plan_changes,
    list_product_files,
)
from mvmdb.errors import EmptyLayerError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.product_files import check_product_file
from mvmdb.pipeline.roads import FROM_SCRATCH, choose_road
from mvmdb.records import ENGINE, LayerPlan, Road

_WORDS = {
    "layer_empty": "no exposure is left",
    "input_added": "input added",
    "input_removed": "input removed",
    "input_revised": "input revised",
    "extent_changed": "extent changed",
    "parameters_changed": "parameters changed",
    "selection_changed": "selection changed",
    "engine_changed": "engine changed",
    "product_lost": "its file is gone",
    "product_damaged": "its file is damaged",
}
"""What the reasons mean, in the order in which they are told."""


@dataclass(frozen=True)
class LayerTask:
    """A plan, and how it stands to the product in place."""

    plan: LayerPlan
    status: Status
    reason: str
    """In words."""
    reasons: tuple[str, ...] = ()
    """Why it is stale, as in ``mvm.layer_status``."""
    road: Road = FROM_SCRATCH
    """What a build goes on from, and why."""


@dataclass(frozen=True)
class ParameterChoice:
    """How layers are to be combined: a named set, and what replaces single values of it."""

    parameter_set: str = DEFAULT_SET
    overrides: Mapping[str, Any] = field(default_factory=dict)


DEFAULT_CHOICE = ParameterChoice()


def choice_of(row: LayerStatusRow) -> ParameterChoice:
    """Return how the product of a layer was asked for; the default where there is none."""
    if row.parameter_set is None:
        return DEFAULT_CHOICE
    return ParameterChoice(row.parameter_set, row.parameter_overrides or {})


def plan_layer(
    connection: Connection,
    skycell: SkycellName,
    layer: LayerName,
    choice: ParameterChoice = DEFAULT_CHOICE,
    selection: str = "all",
) -> LayerTask:
    """Return what a build of one layer would do now; what has become of its file is recorded.

    A plan without inputs is that of a layer that has lost its last exposure: a build retires its product.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell, or the selection takes none of the layer.
    UnknownObjectError
        The skycell has no such layer, or there is no such parameter set or selection.
    ParameterError
        A parameter is unknown or has a value that is not allowed.
    """
    plan = find_plan(
        connection,
        skycell,
        layer,
        selection=selection,
        parameters=find_parameters(
            connection,
            skycell,
            layer,
            choice.parameter_set,
            selection=selection,
            overrides=choice.overrides,
        ),
        parameter_set=choice.parameter_set,
        parameter_overrides=choice.overrides,
        engine=ENGINE,
    )
    files = list_product_files(connection, skycell=str(skycell), layer=str(layer), selection=plan.selection)
    if not files:
        return LayerTask(plan, "missing", "never built")
    check_product_file(connection, files[0], thorough=False)
    task = _task(plan, list_plan_changes(connection, plan), files[0].file.path)
    return replace(task, road=choose_road(plan, find_base(connection, plan)))


def _task(plan: LayerPlan, changes: Sequence[LayerChangeRow], file_path: str) -> LayerTask:
    if not changes:
        return LayerTask(plan, "current", "built from the same recipe")
    counts = Counter(change.reason for change in changes)
    told = [reason for reason in _WORDS if reason in counts]
    words = ", ".join(_in_words(reason, counts[reason], file_path) for reason in told)
    return LayerTask(plan, "stale", words, tuple(told))


def _in_words(reason: str, count: int, file_path: str) -> str:
    words = _WORDS[reason]
    if reason.startswith("product_"):
        return f"{words}: {file_path}"
    if not reason.startswith("input_"):
        return words
    return f"{count} {words}" if count == 1 else f"{count} {words.replace('input', 'inputs')}"


def plan_skycell(
    connection: Connection,
    skycell: SkycellName,
    layers: Sequence[LayerName] = (),
    choice: ParameterChoice = DEFAULT_CHOICE,
    selection: str = "all",
) -> list[LayerTask]:
    """Return the tasks of some layers of a skycell, or of all in which the selection takes exposures.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell, or the selection takes none.
    UnknownObjectError
        The skycell has no such layer, or there is no such parameter set or selection.
    ParameterError
        A parameter is unknown or has a value that is not allowed.
    """
    require_selection(connection, selection)
    wanted = layers or list_layer_names(connection, skycell, selection)
    if not wanted:
        find_extent(connection, skycell)
        raise EmptyLayerError(f"selection {selection} takes no exposure of skycell {skycell}")
    return [plan_layer(connection, skycell, layer, choice, selection) for layer in wanted]


def as_forced(task: LayerTask) -> LayerTask:
    """Return the task as one that must be done although its product is current."""
    return replace(task, status="stale", reason="forced") if task.status == "current" else task


def longest_first(
    connection: Connection, wanted: Sequence[tuple[LayerTask, ParameterChoice]]
) -> list[tuple[LayerTask, ParameterChoice]]:
    """Return tasks by the number of pixels to be drizzled, most first: what takes longest starts first."""
    n_pix = [count_input_pixels(connection, task.plan) for task, _ in wanted]
    order = sorted(range(len(wanted)), key=lambda index: -n_pix[index])
    return [wanted[index] for index in order]
