"""Footprint tables in: exposures that can be planned before any file of theirs is local."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from mvmdb.catalog.bulk import (
    BulkCounts,
    Rejection,
    compare_staged,
    hold_exposures,
    merge_staged,
    stream_rejections,
)
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.staging import stage_footprints
from mvmdb.errors import UnknownObjectError
from mvmdb.files.footprints import read_footprints
from mvmdb.records import FootprintChunk

OnRejection = Callable[[Rejection], None]
OnProgress = Callable[[str, float], None]
"""Called with what is being done (read, compare, merge) and how much of that is done, 0 to 1."""


def load_footprints(
    engine: Engine,
    files: Sequence[Path],
    *,
    dry_run: bool = False,
    on_rejection: OnRejection | None = None,
    on_progress: OnProgress | None = None,
) -> BulkCounts:
    """Read tables of footprints and merge them into the catalogue, in one transaction.

    Parameters
    ----------
    engine
        Database with the schema in place.
    files
        CSV, Parquet or VOTable; see :func:`mvmdb.files.footprints.read_footprints`.
    dry_run
        Read, check and compare everything, write nothing.
    on_rejection
        Called with each refused row, in the order of the tables.
    on_progress
        Told how far it is.

    Raises
    ------
    UnknownObjectError
        There is no such file.
    TableError
        A file cannot be read or lacks a necessary column; nothing is loaded.
    CatalogError
        The server refused; nothing is loaded.
    """
    report = on_progress or _no_report
    _require_files(files)
    with transaction(engine) as connection, _collector_at_rest():
        stage_footprints(connection, _read_all(files, report))
        report("compare", 0.0)
        if not dry_run:
            hold_exposures(connection)
        counts = compare_staged(connection)
        if not dry_run:
            merge_staged(connection, counts, lambda n_merged: report("merge", n_merged / counts.n_rows))
        if on_rejection is not None:
            for row in stream_rejections(connection):
                on_rejection(row)
    return counts


def _no_report(_what: str, _fraction: float) -> None:
    """Take progress and do nothing."""


def _require_files(files: Sequence[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise UnknownObjectError(f"{file}: no such file")


def _read_all(files: Sequence[Path], report: OnProgress) -> Iterator[FootprintChunk]:
    """Yield the rows of all tables, and report how many of their bytes have been read."""
    sizes_bytes = [file.stat().st_size for file in files]
    total_bytes = max(1, sum(sizes_bytes))
    for index, file in enumerate(files):
        for chunk in read_footprints(file):
            yield chunk
            read_bytes = sum(sizes_bytes[:index]) + chunk.read_fraction * sizes_bytes[index]
            report("read", read_bytes / total_bytes)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the cyclic collector from walking through everything that is loaded, over and over.

    Reading makes many small tuples and no cycles; without this a third of its time goes there.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
