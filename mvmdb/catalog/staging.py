"""Rows of footprint tables on their way in: COPY into temporary tables that go with the transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import psycopg
from sqlalchemy import Connection, text

from mvmdb.catalog.engine import catalog_errors
from mvmdb.catalog.types import sky_polygons_ewkb
from mvmdb.errors import CatalogError
from mvmdb.records import FootprintChunk, FootprintRow, RejectedRow

_TABLES = """
create temporary table footprint_file (
  file_number integer primary key,
  file_path text not null
) on commit drop;

create temporary table footprint_row (
  row_number integer not null,
  file_number integer not null,
  line integer not null,
  identifier text not null,
  rootname text,
  is_chip boolean not null,
  chip integer,
  instrument text,
  detector text,
  filter text,
  exptime_s double precision,
  start_mjd double precision,
  end_mjd double precision,
  target_name text,
  proposal_id integer,
  wcsname text,
  findings text,
  content_sha256 text,
  footprint geography(multipolygon, 104047),
  is_repeated boolean not null,
  reason text
) on commit drop"""

_CONTENT_VERSION = "footprint 1"
"""Changes with what :func:`content_sha256` covers; then every row of every table is a new revision."""

_Cells = tuple[object, ...]


def stage_footprints(connection: Connection, chunks: Iterable[FootprintChunk]) -> None:
    """Copy rows into ``footprint_row``, a temporary table of this transaction; refused ones with reason.

    Parameters
    ----------
    connection
        Inside a transaction; its temporary tables go at the end of it.
    chunks
        The rows, read while they are copied: only one chunk is in memory at a time.

    Raises
    ------
    CatalogError
        The server refused the rows.
    """
    connection.execute(text("set local client_min_messages = warning"))
    connection.execute(text("set local work_mem = '64MB'"))
    connection.execute(text(_TABLES))
    file_numbers: dict[str, int] = {}
    with catalog_errors():
        cursor = _driver_connection(connection).cursor()
        with cursor.copy("copy pg_temp.footprint_row from stdin") as copy:
            for number, cells in enumerate(_all_cells(chunks, file_numbers), start=1):
                copy.write_row((number, *cells))
    if file_numbers:
        files = [{"number": number, "path": path} for path, number in file_numbers.items()]
        connection.execute(text("insert into footprint_file values (:number, :path)"), files)
    connection.execute(text("create index on footprint_row (row_number)"))
    connection.execute(text("analyze footprint_row"))


def _driver_connection(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise CatalogError(f"COPY needs psycopg, not {type(driver).__name__}")
    return driver


def _all_cells(chunks: Iterable[FootprintChunk], file_numbers: dict[str, int]) -> Iterator[_Cells]:
    """Yield the columns of ``footprint_row`` after the first; number the files as they come."""
    for chunk in chunks:
        file_number = file_numbers.setdefault(chunk.file_path, len(file_numbers) + 1)
        for row in chunk.rows:
            yield _row_cells(file_number, row)
        for rejected in chunk.rejected:
            yield _rejected_cells(file_number, rejected)


def _row_cells(file_number: int, row: FootprintRow) -> _Cells:
    footprint = sky_polygons_ewkb(row.footprint)
    return (
        *(file_number, row.line, row.rootname, row.rootname, row.chip is not None, row.chip),
        *(row.instrument, row.detector, row.filter, row.exptime_s, row.start_mjd, row.end_mjd),
        *(row.target_name, row.proposal_id, row.wcsname),
        json.dumps([asdict(finding) for finding in row.findings]),
        *(content_sha256(row, footprint), footprint.hex(), False, None),
    )


def _rejected_cells(file_number: int, row: RejectedRow) -> _Cells:
    known = (file_number, row.line, row.identifier, row.rootname, row.is_chip)
    return (*known, *[None] * 13, False, row.reason)


def content_sha256(row: FootprintRow, footprint: bytes) -> str:
    """Return the hash of everything that a row says, whatever file and line say it.

    Parameters
    ----------
    row
        The row.
    footprint
        Its polygons, as :func:`mvmdb.catalog.types.sky_polygons_ewkb` writes them.
    """
    said = (
        *(_CONTENT_VERSION, row.rootname, row.chip, row.instrument, row.detector, row.filter),
        *(row.exptime_s, row.start_mjd, row.end_mjd, row.target_name, row.proposal_id, row.wcsname),
        *((finding.code, finding.detail) for finding in row.findings),
    )
    return hashlib.sha256(repr(said).encode() + footprint).hexdigest()
