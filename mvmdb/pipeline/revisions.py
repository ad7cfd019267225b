"""Former revisions through a build: kept before the rename, recorded with it, put back when it fails.

From the link to the transaction that supersedes it, the row of a former product names its file by the
final name. What a dead builder leaves there, `recover` tells by hashes: if the new file is in place, the
former one is recorded under its own name; if not, it loses that name again.

Whoever does this holds the lease of the layer; but a process may stand still between any two steps for
longer than its lease lasts. So no step here takes a name from a file before it has looked at its content.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, Engine

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.leases import Lease, fenced, require_lease
from mvmdb.catalog.revisions import (
    FormerProduct,
    find_former,
    is_build,
    list_replaced_files,
    names_file,
    record_kept,
)
from mvmdb.errors import ProductFileError, StorageError
from mvmdb.files.stores import directory_of, revision_location
from mvmdb.pipeline.product_files import remove_file
from mvmdb.pipeline.retention import prune_products
from mvmdb.pipeline.storage import product_store


def current_revision(connection: Connection, lease: Lease) -> FormerProduct | None:
    """Return the product that the next publication of a layer will supersede."""
    return find_former(connection, lease.skycell, lease.layer, lease.selection)


def keep_former(connection: Connection, former: FormerProduct | None) -> None:
    """Keep the file of a product under the name of its revision, if it is there.

    Parameters
    ----------
    connection
        Inside a transaction that holds the lease of the layer.
    former
        The product.

    Raises
    ------
    ProductFileError
        It cannot be kept; nothing may be published over it.
    CatalogError
        The lease was lost meanwhile, and the file is another one by now; it has got no other name.
    """
    if former is None:
        return
    path, store = former.file.path, product_store(former.file.path)
    if store.size_bytes(path) is not None:
        store.keep(path, _kept_path(former), former.file.sha256, still_ours=lambda: require_lease(connection))


def record_former(connection: Connection, former: FormerProduct | None) -> None:
    """Record the name under which a product is kept, or that its file is lost."""
    if former is None:
        return
    kept = _kept_path(former)
    known = former.file_state if former.file_state != "lost" else "in_place"
    is_there = product_store(kept).size_bytes(kept) is not None
    record_kept(connection, former.product_id, kept, known if is_there else "lost")


def put_former_back(connection: Connection, former: FormerProduct | None) -> None:
    """Let a product have its own name only, after a build that kept it and published nothing.

    Parameters
    ----------
    connection
        Inside a transaction that holds the lease of the layer.
    former
        The product.

    Raises
    ------
    ProductFileError
        The directory cannot be written.
    """
    if former is None:
        return
    path = former.file.path
    product_store(path).put_back(
        path, _kept_path(former), former.file.sha256, still_ours=lambda: require_lease(connection)
    )


def require_known(connection: Connection, path: str) -> None:
    """Raise if a file bears the name of a product and the catalogue knows nothing of it.

    Raises
    ------
    ProductFileError
        It is of a build without a row, as after the loss of a catalogue, or no product at all.
    """
    store = product_store(path)
    if store.size_bytes(path) is None:
        return
    try:
        build_id = store.build_id(path)
    except ProductFileError:
        known = names_file(connection, path)  # a damaged one, of which the header tells nothing
    else:
        known = is_build(connection, build_id)
    if not known:
        raise ProductFileError(
            path,
            "bears the name of the product, and the catalogue does not know it; it is not overwritten",
            hint=f"`mvmdb catalog rebuild {directory_of(path)}` takes it in; or move it away",
        )


def retire_product(engine: Engine, lease: Lease) -> None:
    """Take the product of a layer out of the current ones, and its file away unless it is pinned.

    The rows go first: who dies between leaves a row that is prunable, and the next prune does the rest.
    """
    with fenced(engine, lease) as connection:
        former = current_revision(connection, lease)
        if former is not None and former.is_pinned:
            keep_former(connection, former)
            record_former(connection, former)
        builds.retire_product(connection, lease.skycell, lease.layer, lease.selection)
    remove_replaced(engine, lease)
    prune_quietly(engine, lease)


def remove_replaced(engine: Engine, lease: Lease) -> None:
    """Remove the second names of kept files that no current product bears (drz against drc, retired)."""
    with transaction(engine) as connection:
        replaced = list_replaced_files(connection, lease.skycell, lease.layer, lease.selection)
    for file in replaced:
        remove_file(file)


def prune_quietly(engine: Engine, lease: Lease) -> None:
    """Prune a layer; what is in the way does not undo a publication, and `mvmdb product prune` tells it."""
    layer = {"skycell": lease.skycell, "layer": lease.layer, "selection": lease.selection}
    with suppress(ProductFileError, StorageError):
        prune_products(engine, layer)


def _kept_path(former: FormerProduct) -> str:
    return revision_location(former.file.path, former.revision)
