"""Tables of footprints read piece by piece: CSV, Parquet, VOTable, also compressed with gzip."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, cast
from xml.etree import ElementTree

from mvmdb.errors import TableError
from mvmdb.files.columns import ReadFraction, TableChunk, find_columns, in_chunks
from mvmdb.files.votable import read_votable

CHUNK_ROWS = 2_000
"""Larger pieces are no quicker."""

_DELIMITERS = (",", "\t", ";", "|")
_UTF8_MARK = b"\xef\xbb\xbf"


def read_table(path: Path, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[TableChunk]:
    """Yield the rows of a table in chunks, so that memory does not grow with the table.

    Parameters
    ----------
    path
        CSV with a header line (also separated by tab, semicolon or bar), Parquet, or VOTable; which of
        them tells the content, not the name.
    chunk_rows
        Largest number of rows of a chunk.

    Raises
    ------
    TableError
        The file cannot be read, or lacks a necessary column.

    Notes
    -----
    A VOTable in BINARY, BINARY2 or FITS is decoded in one piece; its memory grows with the table. That of
    Parquet grows with the row groups.
    """
    with _table_errors(path), path.open("rb") as raw:
        size_bytes = max(1, path.stat().st_size)
        magic = raw.read(4)
        raw.seek(0)
        if magic == b"PAR1":
            yield from _read_parquet(path, chunk_rows)
            return
        with _unzipped(raw, is_zipped=magic[:2] == b"\x1f\x8b") as stream:
            read = read_votable if _is_xml(stream) else _read_csv
            yield from read(str(path), stream, lambda: min(1.0, raw.tell() / size_bytes), chunk_rows)


@contextmanager
def _unzipped(raw: IO[bytes], *, is_zipped: bool) -> Iterator[IO[bytes]]:
    if is_zipped:
        with gzip.open(raw) as stream:
            yield cast(IO[bytes], stream)
    else:
        yield raw


def _is_xml(stream: IO[bytes]) -> bool:
    head = stream.read(64)
    stream.seek(0)
    return head.removeprefix(_UTF8_MARK).lstrip().startswith(b"<")


@contextmanager
def _table_errors(path: Path) -> Iterator[None]:
    """Turn what the readers raise into TableError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise TableError(str(path), f"is no UTF-8 text: {error.reason}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TableError(str(path), f"the gzip file is damaged or cut off: {error}") from error
    except ElementTree.ParseError as error:
        raise TableError(str(path), f"is no well-formed XML: {error}") from error
    except OSError as error:
        raise TableError(str(path), f"cannot be read: {error.strerror or error}") from error


def _read_csv(
    path: str, stream: IO[bytes], read_fraction: ReadFraction, chunk_rows: int
) -> Iterator[TableChunk]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        n_before, first = 0, text.readline()
        while first.startswith("#"):
            n_before, first = n_before + 1, text.readline()
        reader = csv.reader(chain([first], text), delimiter=max(_DELIMITERS, key=first.count))
        try:
            names = next(reader, [])
            places = find_columns(path, names)
            rows = ((reader.line_num + n_before, row) for row in reader if row)
            for chunk in in_chunks(rows, chunk_rows):
                yield _csv_chunk(chunk, len(names), places, read_fraction())
        except csv.Error as error:
            raise TableError(path, f"line {reader.line_num + n_before}: {error}") from error


def _csv_chunk(
    rows: list[tuple[int, list[str]]], n_cells: int, places: Mapping[str, int], read_fraction: float
) -> TableChunk:
    faults: dict[int, str] = {}
    for index, (_, row) in enumerate(rows):
        if len(row) != n_cells:
            faults[index] = f"has {len(row)} cells where the header has {n_cells}"
            row.extend([""] * (n_cells - len(row)))
    columns = {name: [row[place] for _, row in rows] for name, place in places.items()}
    return TableChunk([line for line, _ in rows], columns, faults, read_fraction)


def _read_parquet(path: Path, chunk_rows: int) -> Iterator[TableChunk]:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        message = "Parquet cannot be read without pyarrow"
        raise TableError(str(path), message, hint="pip install 'mvmdb[tables]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = {name: names[place] for name, place in find_columns(str(path), names).items()}
            n_before, n_rows = 0, max(1, file.metadata.num_rows)
            for batch in file.iter_batches(chunk_rows, columns=sorted(set(wanted.values()))):
                lines = range(n_before + 1, n_before + len(batch) + 1)
                n_before += len(batch)
                columns = {name: batch.column(column).to_pylist() for name, column in wanted.items()}
                yield TableChunk(lines, columns, {}, n_before / n_rows)
    except arrow.ArrowException as error:
        raise TableError(str(path), f"is no readable Parquet: {error}") from error
