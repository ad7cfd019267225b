"""One revision of a product with its recipe: what two products are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mvmdb.catalog.models import build, product
from mvmdb.errors import UnknownObjectError
from mvmdb.names import ProductName


@dataclass(frozen=True)
class ProductVersion:
    """A revision of a product, its file and its recipe."""

    product: str
    revision: int
    build_id: str
    file_path: str
    file_state: str
    recipe: Mapping[str, Any]
    parameter_set: str
    versions: Mapping[str, str]


def find_version(connection: Connection, name: ProductName, revision: int | None = None) -> ProductVersion:
    """Return a revision of a product, the current one if none is named.

    Raises
    ------
    UnknownObjectError
        There is no such revision.
    """
    p = product.c
    chosen = p.state == "current" if revision is None else p.revision == revision
    found = _versions(connection, p.product == str(name), chosen)
    if not found:
        what = "current revision" if revision is None else f"revision {revision}"
        raise UnknownObjectError(f"no {what} of {name}", hint=f"see `mvmdb product history {name}`")
    return found[0]


def find_predecessor(connection: Connection, name: ProductName) -> ProductVersion:
    """Return what the current product of a layer has superseded, whatever its file name.

    Raises
    ------
    UnknownObjectError
        Nothing has been superseded.
    """
    p = product.c
    layer = (p.skycell == str(name.skycell), p.layer == str(name.layer), p.selection == name.selection)
    found = _versions(connection, *layer, p.state == "superseded")
    if not found:
        raise UnknownObjectError(f"{name} has no former revision", hint="name two products to compare")
    return found[0]


def _versions(connection: Connection, *conditions: Any) -> list[ProductVersion]:
    """Return revisions, the newest first."""
    p, b = product.c, build.c
    query = (
        select(
            p.product,
            p.revision,
            p.build_id,
            p.file_path,
            p.file_state,
            b.recipe,
            b.parameter_set,
            b.versions,
        )
        .join_from(product, build, p.build_id == b.build_id)
        .where(p.state != "staged", *conditions)
        .order_by(p.published_at.desc(), p.product_id.desc())
    )
    return [ProductVersion(**row) for row in connection.execute(query).mappings()]
