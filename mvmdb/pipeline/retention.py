"""Pruning: files of former revisions that no rule keeps are removed; their rows stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.retention import PrunableRow, list_prunable, lock_prunable, record_pruned
from mvmdb.errors import ProductFileError
from mvmdb.files.stores import is_kept
from mvmdb.pipeline.product_files import file_state, remove_file
from mvmdb.pipeline.storage import product_store
from mvmdb.records import PublishedFile


@dataclass(frozen=True)
class PruneReport:
    """What has been removed, or would be."""

    n_files: int
    """Number of files."""
    freed_bytes: int
    """Their sizes together, bytes."""
    files: list[PrunableRow]
    """The files, by layer, oldest first."""


def prune_products(
    engine: Engine, layer: Mapping[str, str] | None = None, *, dry_run: bool = False
) -> PruneReport:
    """Remove the files that no rule of retention keeps.

    Parameters
    ----------
    engine
        Database with the schema in place.
    layer
        ``skycell``, ``layer`` and ``selection``, or some of them: only of these; all if left out.
    dry_run
        Only tell them.

    Raises
    ------
    ProductFileError
        A file cannot be removed; those before it have been, and are recorded.
    """
    with transaction(engine) as connection:
        rows = list_prunable(connection, **(layer or {}))
    return _report(rows if dry_run else [row for row in rows if _prune(engine, row)])


def _report(rows: Sequence[PrunableRow]) -> PruneReport:
    return PruneReport(len(rows), sum(row.file_size_bytes for row in rows), list(rows))


def _prune(engine: Engine, row: PrunableRow) -> bool:
    """Remove one file unless it has been pinned; who dies before the commit leaves it to be done again."""
    with transaction(engine) as connection:
        file = lock_prunable(connection, row)
        if file is None:
            return False
        try:
            removed = _remove(file, is_damaged=row.file_state == "damaged")
        except OSError as error:
            hint = "see that its directory is writable"
            raise ProductFileError(
                row.file_path, f"cannot be removed: {error.strerror or error}", hint=hint
            ) from error
        record_pruned(connection, row, "pruned" if removed else "damaged")
    return removed


def _remove(file: PublishedFile, *, is_damaged: bool) -> bool:
    """Remove a file; return False if it has turned out to be damaged, which the next pruning then knows.

    The name of a kept revision belongs to no other file; that of a retired product may bear a newer one.
    """
    if not is_kept(file.path):
        remove_file(file)
        return True
    if not is_damaged and file_state(file, thorough=True) == "damaged":
        return False
    product_store(file.path).delete(file.path)
    return True
