"""Files of products held against their rows: what has been lost or damaged is recorded."""

from __future__ import annotations

from sqlalchemy import Connection

from mvmdb.catalog.rights import may_change
from mvmdb.catalog.staleness import FileState, ProductFileRow, record_file_state
from mvmdb.errors import ProductFileError
from mvmdb.files.product import verify_product
from mvmdb.files.stores import OfferedProduct
from mvmdb.pipeline.storage import product_store
from mvmdb.records import PublishedFile


def check_product_file(connection: Connection, row: ProductFileRow, *, thorough: bool) -> FileState:
    """Record whether the file of a product is there as it was published; return what was found.

    Who may not change products only finds it.

    Parameters
    ----------
    connection
        Inside a transaction.
    row
        The product.
    thorough
        Compare the hash; else the size only, unless the file was found lost or damaged before.
    """
    state = file_state(row.file, thorough=thorough or row.file_state != "in_place")
    if state != row.file_state and may_change(connection, "product"):
        record_file_state(connection, row.product_id, state)
    return state


def file_state(file: PublishedFile, *, thorough: bool) -> FileState:
    """Return whether a file is there with its size, and if asked with its hash."""
    store = product_store(file.path)
    size_bytes = store.size_bytes(file.path)
    if size_bytes is None:
        return "lost"
    if size_bytes != file.size_bytes:
        return "damaged"
    if not thorough:
        return "in_place"
    return "in_place" if store.has_sha256(file.path, file.sha256) else "damaged"


def file_problems(location: str) -> list[str]:
    """Return what is wrong with a product file, by its structure and its own checksums; empty when sound."""
    try:
        path = product_store(location).local_copy(location)
    except ProductFileError as error:
        return [str(error)]
    return [problem.replace(str(path), location) for problem in verify_product(path)]


def publish(offer: OfferedProduct) -> None:
    """Give a complete file its name, in one step.

    Raises
    ------
    ProductFileError
        Somebody has taken its ticket away, or the place cannot be written.
    """
    product_store(offer.file.path).publish(offer)


def remove_file(file: PublishedFile) -> None:
    """Remove a file that was published, unless its name bears another one by now."""
    product_store(file.path).remove_published(file)
