"""Selections in use: what a change does to products, removal with what was built, epochs stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.selections import (
    EpochRow,
    SelectionCostRow,
    SelectionExclusionRow,
    SelectionRow,
    SelectionRule,
    add_selection,
    find_selection,
    list_selection_costs,
    list_selection_exclusions,
    list_selection_products,
    remove_selection,
)
from mvmdb.catalog.staleness import LayerStatusRow, list_layer_statuses
from mvmdb.names import LayerName, SkycellName, parse_selection
from mvmdb.pipeline.lease import another_builds, leased
from mvmdb.pipeline.recovery import settle
from mvmdb.pipeline.revisions import retire_product
from mvmdb.settings import DEFAULT_LEASE_S


@dataclass(frozen=True)
class SelectionReport:
    """A selection after a change, and how its products stand."""

    selection: SelectionRow
    """The selection as it is now."""
    products: list[LayerStatusRow]
    """Layers of it that have products."""
    n_products_stale: int
    """How many of them are stale."""


@dataclass(frozen=True)
class SelectionShown:
    """A selection with everything that is known of it."""

    selection: SelectionRow
    """The selection."""
    exclusions: list[SelectionExclusionRow]
    """Exposures that it does without, whatever its rule says."""
    costs: list[SelectionCostRow]
    """What it takes of each layer, and what it loses against all exposures."""


@dataclass(frozen=True)
class RemovedSelection:
    """A selection that has been removed."""

    selection: str
    """Its name."""
    retired: list[str]
    """Skycell and layer of the products that were retired with it."""


@dataclass(frozen=True)
class StoredEpoch(EpochRow):
    """An epoch, and the selection that holds it."""

    selection: str | None
    """Name of the selection; null where it is proposed only."""


def report_selection(connection: Connection, name: str) -> SelectionReport:
    """Return a selection and how its products stand.

    Raises
    ------
    UnknownObjectError
        There is no such selection.
    """
    skycells = dict.fromkeys(skycell for skycell, _ in list_selection_products(connection, name))
    products = [
        row
        for skycell in skycells
        for row in list_layer_statuses(connection, SkycellName.parse(skycell), name)
        if row.product is not None
    ]
    n_stale = sum(row.status == "stale" for row in products)
    return SelectionReport(find_selection(connection, name), products, n_stale)


def show_selection(connection: Connection, name: str, skycell: SkycellName | None = None) -> SelectionShown:
    """Return a selection, its exclusions and what it costs, in one skycell or all.

    Raises
    ------
    UnknownObjectError
        There is no such selection.
    """
    return SelectionShown(
        find_selection(connection, name),
        list_selection_exclusions(connection, name),
        list_selection_costs(connection, name, skycell),
    )


def discard_selection(
    engine: Engine,
    name: str,
    *,
    force: bool = False,
    dry_run: bool = False,
    lease_s: float = DEFAULT_LEASE_S,
) -> RemovedSelection:
    """Remove a selection; with force its products are retired first, one by one. A dry run only tries.

    Raises
    ------
    UnknownObjectError
        There is no such selection.
    SelectionError
        It is ``all``.
    ConflictError
        It has products, or one of them is being built.
    """
    with transaction(engine) as connection:
        trial = connection.begin_nested()  # whether it can be removed, before any product goes
        products = list_selection_products(connection, name) if force else []
        for skycell, layer in products:
            builds.retire_product(connection, skycell, layer, name)
        remove_selection(connection, name)
        trial.rollback()
    removed = RemovedSelection(name, [f"{skycell} {layer}" for skycell, layer in products])
    if dry_run:
        return removed
    for skycell, layer in products:
        with leased(engine, skycell, layer, name, duration_s=lease_s) as held:
            if held is None:
                raise another_builds(engine, skycell, layer, name)
            settle(engine, held[0])
            retire_product(engine, held[0])
    with transaction(engine) as connection:
        remove_selection(connection, name)
    return removed


def store_epochs(
    connection: Connection,
    skycell: SkycellName,
    layer: LayerName,
    epochs: Sequence[EpochRow],
    *,
    prefix: str | None,
    by: str,
) -> list[StoredEpoch]:
    """Store epochs as selections of a name and a number, ``epoch1`` and on; without a name none is stored.

    Raises
    ------
    ConflictError
        A selection of this name has another rule.
    NameFormatError
        The name is not that of a selection.
    """
    if prefix is None:
        return [StoredEpoch(**vars(epoch), selection=None) for epoch in epochs]
    stored = []
    for epoch in epochs:
        name = parse_selection(f"{prefix}{epoch.epoch}")
        rule = SelectionRule(epoch.from_utc, epoch.until_utc)
        description = f"Epoch {epoch.epoch} of {len(epochs)} of {layer} in {skycell}"
        add_selection(connection, name, rule, description=description, by=by)
        stored.append(StoredEpoch(**vars(epoch), selection=name))
    return stored
