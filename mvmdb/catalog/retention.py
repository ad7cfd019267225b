"""Retention: rules for files of former revisions, pins, and what may be pruned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from mvmdb.catalog.models import product, retention_rule
from mvmdb.catalog.rows import columns_of, fetch, select_view, view
from mvmdb.catalog.staleness import FileState, record_file_state
from mvmdb.errors import ConflictError, UnknownObjectError
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records import PublishedFile

EVERY = "*"


@dataclass(frozen=True)
class RetentionRuleRow:
    """A rule of retention, as in ``mvm.retention_rule``."""

    skycell: str
    layer: str
    keep_newest: int
    keep_days: float
    decided_at: datetime


@dataclass(frozen=True)
class PrunableRow:
    """A file that no rule keeps, as in ``mvm.prunable_product``."""

    product: str
    skycell: str
    layer: str
    selection: str
    revision: int
    file_path: str
    file_size_bytes: int
    file_state: str
    superseded_at: datetime
    n_newer: int
    keep_newest: int
    keep_days: float


@dataclass(frozen=True)
class PinRow:
    """A revision of a product and whether its file is pinned."""

    product: str
    revision: int
    state: str
    file_path: str
    file_state: str
    pinned_by: str | None
    pinned_at: datetime | None


_PRUNABLE = view("prunable_product", PrunableRow, "product_id")


def list_retention_rules(connection: Connection) -> list[RetentionRuleRow]:
    """Return the rules, the most general first."""
    c = retention_rule.c
    query = select(*(c[name] for name in columns_of(RetentionRuleRow)))
    ordered = query.order_by(c.skycell != EVERY, c.layer != EVERY, c.skycell, c.layer)
    return fetch(connection, RetentionRuleRow, ordered)


def set_retention_rule(
    connection: Connection,
    *,
    keep_newest: int,
    keep_days: float,
    skycell: SkycellName | None = None,
    layer: LayerName | None = None,
) -> RetentionRuleRow:
    """Make or change the rule for a skycell, a layer, a layer of a skycell, or all."""
    values = {"keep_newest": keep_newest, "keep_days": keep_days, "decided_at": func.now()}
    row = insert(retention_rule).values(**_place(skycell, layer), **values)
    changed = row.on_conflict_do_update(index_elements=["skycell", "layer"], set_=values)
    columns = (retention_rule.c[name] for name in columns_of(RetentionRuleRow))
    return RetentionRuleRow(**connection.execute(changed.returning(*columns)).mappings().one())


def remove_retention_rule(
    connection: Connection, *, skycell: SkycellName | None, layer: LayerName | None
) -> None:
    """Remove the rule for a skycell, a layer, or a layer of a skycell; a more general one takes its place.

    Raises
    ------
    UnknownObjectError
        There is no such rule.
    ConflictError
        It is the rule for all, which has to be there.
    """
    place = _place(skycell, layer)
    if skycell is None and layer is None:
        hint = "change it: mvmdb retention set --newest 1 --days 0"
        raise ConflictError("the rule for all layers cannot be removed", {}, hint=hint)
    c = retention_rule.c
    removed = delete(retention_rule).where(c.skycell == place["skycell"], c.layer == place["layer"])
    if connection.execute(removed).rowcount == 0:
        where = f"skycell {place['skycell']}, layer {place['layer']}"
        raise UnknownObjectError(f"no rule for {where}", hint="`mvmdb retention list` names all")


def _place(skycell: SkycellName | None, layer: LayerName | None) -> dict[str, str]:
    return {"skycell": str(skycell or EVERY), "layer": str(layer or EVERY)}


def list_prunable(connection: Connection, **layer: str) -> list[PrunableRow]:
    """Return the files that no rule keeps, of all layers or of those with the given columns, oldest first."""
    conditions = (_PRUNABLE.c[name] == value for name, value in layer.items())
    query = select_view(PrunableRow, _PRUNABLE).where(*conditions)
    c = _PRUNABLE.c
    return fetch(connection, PrunableRow, query.order_by(c.skycell, c.layer, c.selection, c.superseded_at))


def lock_prunable(connection: Connection, row: PrunableRow) -> PublishedFile | None:
    """Lock the row of a file that is to be removed and return the file; None if somebody has pinned it."""
    locked = (
        select(product.c.file_path, product.c.file_sha256, product.c.file_size_bytes)
        .where(product.c.product == row.product, product.c.revision == row.revision)
        .with_for_update()
    )
    [file] = connection.execute(locked).all()
    c = _PRUNABLE.c
    still = select(c.product_id).where(
        c.product == row.product, c.revision == row.revision, c.file_path == row.file_path
    )
    return PublishedFile(*file) if connection.execute(still).first() is not None else None


def record_pruned(connection: Connection, row: PrunableRow, state: FileState = "pruned") -> None:
    """Record that the file of a former revision has been removed, or why not; the row stays."""
    c = product.c
    query = select(c.product_id).where(c.product == row.product, c.revision == row.revision)
    record_file_state(connection, connection.execute(query).scalar_one(), state)


def pin_product(connection: Connection, name: ProductName, revision: int, *, by: str) -> PinRow:
    """Keep the file of a revision whatever the rules; the same again changes nothing.

    Raises
    ------
    UnknownObjectError
        There is no such revision.
    ConflictError
        Its file has been pruned.
    """
    row = _change_pin(connection, name, revision, by)
    if row.file_state == "pruned":
        raise ConflictError(f"the file of {name} revision {revision} has been pruned", {})
    return row


def unpin_product(connection: Connection, name: ProductName, revision: int) -> PinRow:
    """Leave the file of a revision to the rules again.

    Raises
    ------
    UnknownObjectError
        There is no such revision.
    """
    return _change_pin(connection, name, revision, None)


def _change_pin(connection: Connection, name: ProductName, revision: int, by: str | None) -> PinRow:
    connection.execute(select(func.mvm.pin_product(str(name), revision, by)))
    c = product.c
    of_revision = (c.product == str(name), c.revision == revision, c.state != "staged")
    rows = fetch(connection, PinRow, select(*(c[item] for item in columns_of(PinRow))).where(*of_revision))
    if not rows:
        raise UnknownObjectError(
            f"no revision {revision} of {name}", hint=f"see `mvmdb product history {name}`"
        )
    return rows[0]
