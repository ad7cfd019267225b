"""Former revisions: the product that a build is about to supersede, and where its file goes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from mvmdb.catalog.models import product
from mvmdb.catalog.staleness import FileState, record_file_state
from mvmdb.records import PublishedFile


@dataclass(frozen=True)
class FormerProduct:
    """The current product of a layer while its successor is built."""

    product_id: int
    revision: int
    file: PublishedFile
    file_state: FileState


def find_former(connection: Connection, skycell: str, layer: str, selection: str) -> FormerProduct | None:
    """Return the current product of a layer, or None where it has none."""
    c = product.c
    query = select(
        c.product_id, c.revision, c.file_path, c.file_sha256, c.file_size_bytes, c.file_state
    ).where(c.skycell == skycell, c.layer == layer, c.selection == selection, c.state == "current")
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    file = PublishedFile(row.file_path, row.file_sha256, row.file_size_bytes)
    return FormerProduct(row.product_id, row.revision, file, row.file_state)


def record_kept(connection: Connection, product_id: int, file_path: str, state: FileState) -> None:
    """Record under which name the file of a product is kept; to be superseded in the same transaction."""
    named = update(product).where(product.c.product_id == product_id).values(file_path=file_path)
    connection.execute(named)
    record_file_state(connection, product_id, state)


def list_replaced_files(connection: Connection, skycell: str, layer: str, selection: str) -> list[str]:
    """Return where superseded products of another name than the current one (drz, drc) were published."""
    query = text(
        "select distinct b.directory || '/' || s.product from mvm.product as s"
        " join mvm.build as b on b.build_id = s.build_id"
        " join mvm.product as c on c.skycell = s.skycell and c.layer = s.layer and c.selection = s.selection"
        " where s.skycell = :skycell and s.layer = :layer and s.selection = :selection"
        " and s.state = 'superseded' and c.state = 'current' and c.product <> s.product"
        " and not exists (select from mvm.product as o where o.file_path = b.directory || '/' || s.product)"
    )
    values = {"skycell": skycell, "layer": layer, "selection": selection}
    return list(connection.execute(query, values).scalars())
