"""Staleness: how layers stand to their products, why, and what is known of the products' files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from mvmdb.catalog.models import product
from mvmdb.catalog.rows import fetch, select_function, select_view, view
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import LayerPlan, PublishedFile

Status = Literal["missing", "stale", "current"]
FileState = Literal["in_place", "lost", "damaged", "pruned"]


@dataclass(frozen=True)
class LayerStatusRow:
    """How a layer stands to its product, as in ``mvm.layer_status``."""

    skycell: str
    layer: str
    selection: str
    status: Status
    reasons: list[str]
    product: str | None
    since: datetime | None
    n_changes: int
    n_exposures: int
    exptime_s: float
    parameter_set: str | None
    parameter_overrides: dict[str, str | float | bool] | None


@dataclass(frozen=True)
class LayerChangeRow:
    """One thing that makes a product stale, as ``mvm.layer_changes`` answers."""

    reason: str
    """As in the reasons of the layer's status."""
    exposure: str | None
    """Root name of the exposure, where one causes it."""
    chip: int | None
    """EXTVER of its SCI extension."""
    before: str | None
    """What the product has: hash of the exposure's file, extent, parameter, engine, or path of its file."""
    after: str | None
    """What a build would take now; null where nothing takes its place."""
    since: datetime | None
    """Since when it is so, UTC; null where that is not known."""


@dataclass(frozen=True)
class SkycellStatusRow:
    """How many layers of a skycell are missing, stale and current."""

    skycell: str
    """Name of the skycell."""
    n_layers: int
    """Number of layers."""
    n_missing: int
    """Layers without a product."""
    n_stale: int
    """Layers whose product is stale."""
    n_current: int
    """Layers whose product is current."""
    reasons: list[str]
    """Why layers of it are stale, all reasons together."""


@dataclass(frozen=True)
class ProductFileRow:
    """A current product and what is known of its file."""

    product_id: int
    file: PublishedFile
    file_state: FileState


_STATUS = view("layer_status", LayerStatusRow)


def list_layer_statuses(
    connection: Connection, skycell: SkycellName, selection: str | None = None
) -> list[LayerStatusRow]:
    """Return how the layers of a skycell stand to their products, by name.

    Without a selection: those of ``all``, and of the others those that have a product. With one: of this
    selection every layer in which it takes an exposure.
    """
    function = func.mvm.layer_statuses(str(skycell), selection)
    return fetch(connection, LayerStatusRow, select_function(LayerStatusRow, function))


def list_all_layer_statuses(connection: Connection) -> list[LayerStatusRow]:
    """Return how all layers of all skycells stand to their products, by name."""
    c = _STATUS.c
    query = select_view(LayerStatusRow, _STATUS).order_by(c.skycell, c.layer, c.selection)
    return fetch(connection, LayerStatusRow, query)


def list_skycell_statuses(connection: Connection) -> list[SkycellStatusRow]:
    """Return how many layers of each skycell are missing, stale and current, by name."""
    query = text(
        "select s.skycell, count(*) as n_layers,"
        " count(*) filter (where s.status = 'missing') as n_missing,"
        " count(*) filter (where s.status = 'stale') as n_stale,"
        " count(*) filter (where s.status = 'current') as n_current,"
        " array(select distinct r from unnest(string_to_array(string_agg("
        " nullif(array_to_string(s.reasons, ' '), ''), ' '), ' ')) as r order by r) as reasons"
        " from mvm.layer_status as s group by s.skycell order by s.skycell"
    )
    return [SkycellStatusRow(**row) for row in connection.execute(query).mappings()]


def list_layer_changes(
    connection: Connection, skycell: SkycellName, layer: LayerName, selection: str = "all"
) -> list[LayerChangeRow]:
    """Return what makes a product stale against a build with its own parameter set and overrides."""
    function = func.mvm.layer_changes(str(skycell), str(layer), selection)
    return fetch(connection, LayerChangeRow, select_function(LayerChangeRow, function))


def list_plan_changes(connection: Connection, plan: LayerPlan) -> list[LayerChangeRow]:
    """Return in what a layer's product differs from a plan with any parameters."""
    parameters = cast(asdict(plan.parameters), JSONB)
    function = func.mvm.layer_changes(
        str(plan.skycell), str(plan.layer), plan.selection, parameters, plan.engine
    )
    return fetch(connection, LayerChangeRow, select_function(LayerChangeRow, function))


def list_product_files(connection: Connection, **layer: str) -> list[ProductFileRow]:
    """Return the current products with their files, of all layers or of those with the given columns."""
    table = product.c
    query = select(
        table.product_id, table.file_path, table.file_sha256, table.file_size_bytes, table.file_state
    ).where(table.state == "current", *(table[name] == value for name, value in layer.items()))
    return [_product_file(row._mapping) for row in connection.execute(query.order_by(table.product_id))]


def _product_file(row: Any) -> ProductFileRow:
    file = PublishedFile(row["file_path"], row["file_sha256"], row["file_size_bytes"])
    return ProductFileRow(row["product_id"], file, row["file_state"])


def record_file_state(connection: Connection, product_id: int, state: FileState) -> None:
    """Keep what a check has found of a product's file; the same again changes nothing."""
    changed = update(product).where(product.c.product_id == product_id, product.c.file_state != state)
    connection.execute(changed.values(file_state=state, file_state_since=func.now()))
