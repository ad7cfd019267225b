"""Former revisions: the product that a build is about to supersede, and where its file goes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Text, cast, select, text, update

from mvmdb.catalog.models import build, product, product_input
from mvmdb.catalog.staleness import FileState, record_file_state
from mvmdb.records import BaseProduct, LayerPlan, PublishedFile


@dataclass(frozen=True)
class FormerProduct:
    """The current product of a layer while its successor is built."""

    product_id: int
    revision: int
    file: PublishedFile
    file_state: FileState
    is_pinned: bool


def find_former(connection: Connection, skycell: str, layer: str, selection: str) -> FormerProduct | None:
    """Return the current product of a layer, or None where it has none."""
    c = product.c
    query = select(
        c.product_id,
        c.revision,
        c.file_path,
        c.file_sha256,
        c.file_size_bytes,
        c.file_state,
        c.pinned_at.is_not(None).label("is_pinned"),
    ).where(c.skycell == skycell, c.layer == layer, c.selection == selection, c.state == "current")
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    file = PublishedFile(row.file_path, row.file_sha256, row.file_size_bytes)
    return FormerProduct(row.product_id, row.revision, file, row.file_state, row.is_pinned)


def find_base(connection: Connection, plan: LayerPlan) -> BaseProduct | None:
    """Return the current product of a layer as something to go on from, or None where it has none."""
    c, used = product.c, product_input.c
    query = (
        select(product, build.c.recipe)
        .join(build, build.c.build_id == c.build_id)
        .where(
            c.skycell == str(plan.skycell),
            c.layer == str(plan.layer),
            c.selection == plan.selection,
            c.state == "current",
        )
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    adjustments = connection.execute(
        select(used.flux_scale, used.sky_e_per_s_arcsec2, used.sky_group)
        .where(used.product_id == row.product_id)
        .order_by(used.context_index)
    )
    return BaseProduct(
        PublishedFile(row.file_path, row.file_sha256, row.file_size_bytes),
        row.file_state,
        row.revision,
        row.recipe,
        tuple((scale, sky, group) for scale, sky, group in adjustments),
    )


def record_kept(connection: Connection, product_id: int, file_path: str, state: FileState) -> None:
    """Record under which name the file of a product is kept; to be superseded in the same transaction."""
    named = update(product).where(product.c.product_id == product_id).values(file_path=file_path)
    connection.execute(named)
    record_file_state(connection, product_id, state)


def list_replaced_files(
    connection: Connection, skycell: str, layer: str, selection: str
) -> list[PublishedFile]:
    """Return former products of a layer by the names they were published under, which no row has now."""
    query = text(
        "select b.directory || '/' || s.product, s.file_sha256, s.file_size_bytes from mvm.product as s"
        " join mvm.build as b on b.build_id = s.build_id"
        " where s.skycell = :skycell and s.layer = :layer and s.selection = :selection"
        " and s.state in ('superseded', 'retired')"
        " and not exists (select from mvm.product as o where o.file_path = b.directory || '/' || s.product)"
    )
    values = {"skycell": skycell, "layer": layer, "selection": selection}
    return [PublishedFile(*row) for row in connection.execute(query, values)]


def is_build(connection: Connection, build_id: str) -> bool:
    """Return whether there is a build of this identity."""
    query = select(build.c.build_id).where(cast(build.c.build_id, Text) == build_id)
    return connection.execute(query).first() is not None


def names_file(connection: Connection, path: str) -> bool:
    """Return whether a product was published under this name, or is kept under it."""
    query = text(
        "select exists (select from mvm.product as p join mvm.build as b on b.build_id = p.build_id"
        " where p.product = :name and :path in (p.file_path, b.directory || '/' || p.product))"
    )
    return bool(connection.execute(query, {"name": path.rpartition("/")[2], "path": path}).scalar())
