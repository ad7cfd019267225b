"""Files of products held against their rows: what has been lost or damaged is recorded."""

from __future__ import annotations

from sqlalchemy import Connection

from mvmdb.catalog.staleness import FileState, ProductFileRow, record_file_state
from mvmdb.files.storage import sha256_of, storage_of
from mvmdb.records import PublishedFile


def check_product_file(connection: Connection, row: ProductFileRow, *, thorough: bool) -> FileState:
    """Record whether the file of a product is there as it was published; return what was found.

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
    if state != row.file_state:
        record_file_state(connection, row.product_id, state)
    return state


def file_state(file: PublishedFile, *, thorough: bool) -> FileState:
    """Return whether a file is there with its size, and if asked with its hash."""
    storage = storage_of(file.path)
    size_bytes = storage.size_bytes(file.path)
    if size_bytes is None:
        return "lost"
    if size_bytes != file.size_bytes:
        return "damaged"
    if not thorough:
        return "in_place"
    return "in_place" if sha256_of(storage, file.path) == file.sha256 else "damaged"
