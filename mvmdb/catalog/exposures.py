"""Exposures: registered by content, found by name, listed by what is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from mvmdb.catalog.models import chip, exposure, ingest_failure
from mvmdb.catalog.rows import columns_of, fetch, select_view, view
from mvmdb.errors import UnknownObjectError
from mvmdb.records import ChipFacts, ExposureFacts

_RANK = {"flc": 2, "flt": 1, "c0m": 1, "c0f": 1, "footprint": -1}
"""Calibrated files outrank raw ones of an exposure, and an FLC (corrected for charge-transfer losses) all;
any file outranks the mere footprint."""


class Registration(StrEnum):
    """What became of a file that was offered to the catalogue."""

    NEW = "new"
    UNCHANGED = "unchanged"
    MOVED = "moved"
    REVISED = "revised"
    OUTRANKED = "outranked"


@dataclass(frozen=True)
class ExposureRow:
    """One exposure as a list shows it."""

    exposure: str
    revision: int
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    proposal_id: int | None
    target_name: str
    wcsname: str | None
    exclusion: str | None
    exclusion_detail: str | None
    file_type: str
    file_path: str | None


@dataclass(frozen=True)
class RevisionRow:
    """One content an exposure has had."""

    revision: int
    is_current: bool
    file_type: str
    wcsname: str | None
    file_path: str | None
    file_sha256: str
    ingested_at: datetime


@dataclass(frozen=True)
class FailureRow:
    """One file that could not be ingested."""

    file_path: str
    error: str
    keyword: str | None
    message: str


def register_exposure(
    connection: Connection, facts: ExposureFacts, *, exists: Callable[[str], bool] = os.path.exists
) -> Registration:
    """Record an exposure; the same content again changes nothing, another content is a new revision.

    Parameters
    ----------
    connection
        Inside a transaction.
    facts
        What the headers say.
    exists
        Tells whether a recorded file still lies where it was; the path of one that does not is replaced.

    Notes
    -----
    Older revisions stay for provenance. The current one is the newest of the highest rank (FLC before
    FLT). Triggers on ``mvm.exposure`` decide by rule whether findings exclude it, and place the footprint
    on the tangent planes.
    """
    lock_exposure(connection, facts.rootname)
    connection.execute(delete(ingest_failure).where(ingest_failure.c.file_path == facts.file_path))
    known = connection.execute(
        select(exposure).where(exposure.c.rootname == facts.rootname).order_by(exposure.c.revision)
    ).all()
    same = next((row for row in known if row.file_sha256 == facts.file_sha256), None)
    current = next((row for row in known if row.is_current), None)
    if same is not None and current is not None and _is_back(facts, same, current):
        _set_current(connection, current.exposure_id, is_current=False)
        _set_current(connection, same.exposure_id, is_current=True)
        return Registration.REVISED
    if same is not None:
        return _register_again(connection, facts, same, exists)
    return _register_content(connection, facts, known)


def lock_exposure(connection: Connection, rootname: str) -> None:
    """Let one transaction at a time change what is known of an exposure; others wait for its end."""
    # A table of footprints being merged holds off until it is done: it may bring this root name.
    connection.execute(text("lock table mvm.exposure in row exclusive mode"))
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(rootname, 0))))


def _is_back(facts: ExposureFacts, same: Row[Any], current: Row[Any]) -> bool:
    """Tell whether the file of the current revision has an earlier content again.

    Not so where both contents lie at paths of their own: else ingesting a folder with copies of both would
    change the current one with every file.
    """
    return (
        not same.is_current
        and facts.file_path == current.file_path == same.file_path
        and _rank(same.file_type) >= _rank(current.file_type)
    )


def _set_current(connection: Connection, exposure_id: int, *, is_current: bool) -> None:
    changed = update(exposure).where(exposure.c.exposure_id == exposure_id)
    connection.execute(changed.values(is_current=is_current))


def _register_again(
    connection: Connection, facts: ExposureFacts, row: Row[Any], exists: Callable[[str], bool]
) -> Registration:
    if row.file_path == facts.file_path or exists(row.file_path):
        return Registration.UNCHANGED
    moved = update(exposure).where(exposure.c.exposure_id == row.exposure_id)
    connection.execute(moved.values(file_path=facts.file_path))
    return Registration.MOVED


def _register_content(
    connection: Connection, facts: ExposureFacts, known: Sequence[Row[Any]]
) -> Registration:
    current = next((row for row in known if row.is_current), None)
    outranked = current is not None and _rank(current.file_type) > _rank(facts.file_type)
    if current is not None and not outranked:
        _set_current(connection, current.exposure_id, is_current=False)
    revision = known[-1].revision + 1 if known else 1
    _insert(connection, facts, revision, is_current=not outranked)
    if outranked:
        return Registration.OUTRANKED
    return Registration.REVISED if known else Registration.NEW


def _rank(file_type: str) -> int:
    return _RANK.get(file_type, 0)


def _insert(connection: Connection, facts: ExposureFacts, revision: int, *, is_current: bool) -> None:
    values = {name: value for name, value in vars(facts).items() if name not in ("chips", "findings")}
    row = insert(exposure).values(
        **values,
        revision=revision,
        is_current=is_current,
        visit=facts.visit,
        findings=[vars(finding) for finding in facts.findings],
        footprint=tuple(item.footprint for item in facts.chips),
    )
    exposure_id = connection.execute(row.returning(exposure.c.exposure_id)).scalar_one()
    rows = [_chip_values(item, exposure_id, part) for part, item in enumerate(facts.chips, start=1)]
    if rows:
        connection.execute(insert(chip), rows)


def _chip_values(item: ChipFacts, exposure_id: int, part: int) -> dict[str, object]:
    values = {name: value for name, value in vars(item).items() if name != "footprint"}
    return {**values, "exposure_id": exposure_id, "part": part}


def record_failure(connection: Connection, failure: FailureRow) -> None:
    """Keep that a file was refused and why; the same refusal again changes nothing."""
    row = insert_or(ingest_failure).values(**vars(failure))
    connection.execute(
        row.on_conflict_do_update(
            index_elements=[ingest_failure.c.file_path],
            set_={**vars(failure), "failed_at": func.now()},
            where=ingest_failure.c.message != row.excluded.message,
        )
    )


def list_failures(connection: Connection) -> list[FailureRow]:
    """Return the files that were refused, by path."""
    query = select(*(ingest_failure.c[name] for name in columns_of(FailureRow)))
    return fetch(connection, FailureRow, query.order_by(ingest_failure.c.file_path))


_CURRENT = view("current_exposure", ExposureRow, "exposure_id")


def list_exposures(
    connection: Connection, *, excluded: bool | None = None, skycell: str | None = None
) -> list[ExposureRow]:
    """Return current exposures in order of time.

    Parameters
    ----------
    connection
        Open connection.
    excluded
        True for the excluded ones only, False for the others, None for all.
    skycell
        Only those that reach this skycell; excluded exposures reach none.
    """
    query = select_view(ExposureRow, _CURRENT)
    if excluded is not None:
        query = query.where(_CURRENT.c.exclusion.isnot(None) if excluded else _CURRENT.c.exclusion.is_(None))
    if skycell is not None:
        members = func.mvm.layer_members(skycell).table_valued("exposure_id")
        query = query.where(_CURRENT.c.exposure_id.in_(select(members.c.exposure_id)))
    return fetch(connection, ExposureRow, query.order_by(_CURRENT.c.start_mjd, _CURRENT.c.exposure))


def find_exposure(connection: Connection, rootname: str) -> ExposureRow:
    """Return the current revision of an exposure.

    Raises
    ------
    UnknownObjectError
        No exposure has this root name.
    """
    rows = fetch(
        connection, ExposureRow, select_view(ExposureRow, _CURRENT).where(_CURRENT.c.exposure == rootname)
    )
    if not rows:
        raise UnknownObjectError(f"no exposure {rootname}", hint="`mvmdb exposure list` names all")
    return rows[0]


def list_revisions(connection: Connection, rootname: str) -> list[RevisionRow]:
    """Return every content an exposure has had, oldest first."""
    query = select(*(exposure.c[name] for name in columns_of(RevisionRow)))
    ordered = query.where(exposure.c.rootname == rootname).order_by(exposure.c.revision)
    return fetch(connection, RevisionRow, ordered)


def list_skycells(connection: Connection, rootname: str) -> list[str]:
    """Return the skycells that the current revision of an exposure reaches, by name."""
    query = text(
        "select m.skycell from mvm.skycell_member as m"
        " join mvm.exposure as e on e.exposure_id = m.exposure_id"
        " where e.rootname = :rootname and e.is_current order by m.skycell"
    )
    return list(connection.execute(query, {"rootname": rootname}).scalars())
