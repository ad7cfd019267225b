"""Files of products held against their rows: what has been lost or damaged is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from mvmdb.catalog.rights import may_change
from mvmdb.catalog.staleness import FileState, ProductFileRow, record_file_state
from mvmdb.files.revisions import aside_of, move_unless_taken, sha256_of
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
    path = Path(file.path)
    if not path.is_file():
        return "lost"
    if path.stat().st_size != file.size_bytes:
        return "damaged"
    if not thorough:
        return "in_place"
    return "in_place" if sha256_of(path) == file.sha256 else "damaged"


def remove_file(file: PublishedFile) -> None:
    """Remove a file that was published, unless its name bears another one by now.

    A builder may stand still between the question what is superseded and its answer, and meanwhile the
    name may have been given to a new product. So the file is moved aside before it is looked at.
    """
    path = Path(file.path)
    if file_state(file, thorough=False) != "in_place":
        return
    aside = aside_of(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if file_state(replace(file, path=str(aside)), thorough=True) == "in_place":
        aside.unlink()
    else:
        move_unless_taken(aside, path)  # unless there is one that is newer still
