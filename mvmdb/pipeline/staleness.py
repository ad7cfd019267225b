"""Staleness: files checked, layers that want building found, what is wrong with one explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.selections import require_selection
from mvmdb.catalog.staleness import (
    LayerChangeRow,
    LayerStatusRow,
    SkycellStatusRow,
    list_all_layer_statuses,
    list_layer_changes,
    list_layer_statuses,
    list_product_files,
    list_skycell_statuses,
)
from mvmdb.errors import UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.forecast import forecast_build, forecast_layers, forecast_skycells
from mvmdb.pipeline.plan import choice_of, plan_layer
from mvmdb.pipeline.product_files import check_product_file
from mvmdb.records import Forecast


@dataclass(frozen=True)
class LayerExplanation(LayerStatusRow):
    """How a layer stands to its product, what has changed, and what a build would cost."""

    changes: list[LayerChangeRow]
    """What makes the product stale, row by row."""
    n_inputs: int
    """Number of chips that a build would drizzle."""
    n_x_pix: int
    """Columns of the arrays it would make, at the scale of the layer."""
    n_y_pix: int
    """Rows of the arrays it would make, at the scale of the layer."""
    output_gb: float
    """Size of the arrays it would write, 10^9 bytes."""
    n_without_file: int
    """Exposures that would have to be fetched and ingested first."""
    forecast: Forecast | None
    """What a build would take on this machine; null where no exposure is left."""


@dataclass(frozen=True)
class PricedStatus(LayerStatusRow):
    """How a layer stands to its product, and what a build would cost."""

    build_s: float | None
    """Seconds that a build would take on one thread; null where it is current or no exposure is left."""
    build_bytes: int | None
    """Bytes that it would write."""


@dataclass(frozen=True)
class PricedSkycell(SkycellStatusRow):
    """How the layers of a skycell stand to their products, and what building would cost."""

    build_s: float
    """Seconds that building what is missing or stale would take, one layer after the other on one thread."""
    build_bytes: int
    """Bytes that it would write."""


def check_products(
    engine: Engine,
    skycells: Sequence[SkycellName] = (),
    *,
    thorough: bool,
    on_product: Callable[[], None] | None = None,
) -> None:
    """Record which files of current products are lost or damaged.

    Parameters
    ----------
    engine
        Database with the schema in place.
    skycells
        Whose products; all if empty.
    thorough
        Compare hashes, which reads the files; else sizes only.
    on_product
        Called after each product.
    """
    with transaction(engine) as connection:
        rows = [row for layer in _columns(skycells) for row in list_product_files(connection, **layer)]
    for row in rows:
        with transaction(engine) as connection:
            check_product_file(connection, row, thorough=thorough)
        if on_product is not None:
            on_product()


def _columns(skycells: Sequence[SkycellName]) -> Iterator[dict[str, str]]:
    yield from ({"skycell": str(skycell)} for skycell in skycells) if skycells else ({},)


def list_unsettled(connection: Connection, skycells: Sequence[SkycellName] = ()) -> list[LayerStatusRow]:
    """Return the layers of some skycells, or of all, that are missing or stale."""
    rows = (
        [row for skycell in skycells for row in list_layer_statuses(connection, skycell)]
        if skycells
        else list_all_layer_statuses(connection)
    )
    return [row for row in rows if row.status != "current"]


def explain_layer(
    connection: Connection, skycell: SkycellName, layer: LayerName, selection: str = "all"
) -> LayerExplanation:
    """Return how a layer stands to its product, and why.

    Raises
    ------
    UnknownObjectError
        The skycell has no such layer, or the product's parameter set is gone.
    """
    columns = {"skycell": str(skycell), "layer": str(layer), "selection": selection}
    for file in list_product_files(connection, **columns):
        check_product_file(connection, file, thorough=False)
    rows = list_layer_statuses(connection, skycell, selection)
    row = next((row for row in rows if row.layer == str(layer)), None)
    if row is None:
        known = ", ".join(row.layer for row in rows) or "none"
        require_selection(connection, selection)
        what = f"layer {layer}" + (f" of selection {selection}" if selection != "all" else "")
        raise UnknownObjectError(f"skycell {skycell} has no {what}", hint=f"its layers are {known}")
    changes = list_layer_changes(connection, skycell, layer, selection)
    if row.n_exposures == 0:
        return LayerExplanation(
            **vars(row),
            changes=changes,
            n_inputs=0,
            n_x_pix=0,
            n_y_pix=0,
            output_gb=0.0,
            n_without_file=0,
            forecast=None,
        )
    plan = plan_layer(connection, skycell, layer, choice_of(row), selection).plan
    return LayerExplanation(
        **vars(row),
        changes=changes,
        n_inputs=len(plan.inputs),
        n_x_pix=plan.box.width,
        n_y_pix=plan.box.height,
        output_gb=round(plan.output_bytes / 1e9, 3),
        n_without_file=len(plan.rootnames_without_file),
        forecast=forecast_build(connection, plan).forecast,
    )


def price_layers(
    connection: Connection, skycell: SkycellName, selection: str | None = None
) -> list[PricedStatus]:
    """Return how the layers of a skycell stand to their products, and what building them would cost."""
    rows = list_layer_statuses(connection, skycell, selection)
    names = {row.selection for row in rows if row.status != "current"}
    forecasts = {name: forecast_layers(connection, skycell, name) for name in names}
    return [_priced(row, forecasts) for row in rows]


def _priced(row: LayerStatusRow, forecasts: Mapping[str, Mapping[str, Forecast]]) -> PricedStatus:
    found = forecasts[row.selection].get(row.layer) if row.status != "current" else None
    if found is None:
        return PricedStatus(**vars(row), build_s=None, build_bytes=None)
    return PricedStatus(**vars(row), build_s=found.wall_s, build_bytes=found.output_bytes)


def price_skycells(connection: Connection) -> list[PricedSkycell]:
    """Return how many layers of each skycell are missing and stale, and what building them would cost."""
    costs = forecast_skycells(connection)
    return [
        PricedSkycell(
            **vars(row),
            build_s=costs[row.skycell].build_s if row.skycell in costs else 0.0,
            build_bytes=costs[row.skycell].build_bytes if row.skycell in costs else 0,
        )
        for row in list_skycell_statuses(connection)
    ]
