"""Ingest: files in, exposures registered, each bad file refused by itself."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath

from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exclusions import find_exclusion
from mvmdb.catalog.exposures import FailureRow, record_failure, register_exposure
from mvmdb.catalog.withdrawals import list_withdrawals
from mvmdb.errors import ExposureError, UnknownObjectError
from mvmdb.files.exposure import read_exposure
from mvmdb.files.storage import is_url, storage_of
from mvmdb.pipeline.parallel import run_parallel
from mvmdb.pipeline.storage import exists_at, exposure_path
from mvmdb.records import ExposureFacts, Finding

_ENDINGS = (".fits", ".fits.gz")
_NOT_EXPOSURES = ("drz", "drc", "asn", "spt", "shm", "jit", "jif", "c1m", "x1d", "crj", "crc", "ima")
"""What follows the last underscore of FITS files that lie beside exposures and are none."""

_FILES_PER_PROCESS = 8
"""Starting a process costs about as much as reading this many headers."""


@dataclass(frozen=True)
class IngestResult:
    """What became of one file."""

    file_path: str
    outcome: str
    """new, unchanged, moved, revised, outranked, readable (dry run) or failed."""
    exposure: str | None = None
    exclusion: str | None = None
    """Why the exposure will enter no layer: code and keyword, or withdrawn and the reason."""
    withdrawn_skycells: list[str] = field(default_factory=list)
    """Skycells from whose layers alone it is withdrawn."""
    error: str | None = None
    keyword: str | None = None
    message: str | None = None


def find_exposure_files(paths: Sequence[str]) -> list[Path | str]:
    """Return the exposure files that files, folders (with all below) and glob patterns name, sorted.

    URLs name what lies in an object store; they come last.

    Raises
    ------
    UnknownObjectError
        A path or pattern names nothing.
    StorageError
        An object store cannot be reached.
    """
    found = {Path(file).absolute() for path in paths if not is_url(path) for file in _files_of(path)}
    objects = {location for path in paths if is_url(path) for location in _objects_of(path)}
    return [*sorted(found), *sorted(objects)]


def _objects_of(url: str) -> list[str]:
    objects = storage_of(url).list_files(url)
    if objects == [url]:
        return objects
    matches = [location for location in objects if _may_be_exposure(PurePosixPath(location))]
    if not matches:
        raise UnknownObjectError(f"{url}: no such object, and no exposure below it")
    return matches


def _files_of(path: str) -> list[Path]:
    if Path(path).is_dir():
        return [file for file in Path(path).rglob("*") if _may_be_exposure(file)]
    if Path(path).exists():
        return [Path(path)]
    matches = [file for name in glob.glob(path, recursive=True) for file in _files_of(name)]
    if not matches:
        raise UnknownObjectError(f"{path}: no such file, folder or pattern")
    return matches


def _may_be_exposure(file: PurePath) -> bool:
    name = file.name.lower()
    if not name.endswith(_ENDINGS) or name.startswith((".", "hst_skycell-")):
        return False
    return name.partition(".fits")[0].rpartition("_")[2] not in _NOT_EXPOSURES


def ingest_files(
    engine: Engine, files: Sequence[Path | str], *, workers: int = 1, dry_run: bool = False
) -> Iterator[IngestResult]:
    """Read headers on several processes and register each exposure in a transaction of its own.

    Parameters
    ----------
    engine
        Database with the schema in place.
    files
        Exposure files, or URLs of them.
    workers
        Largest number of processes.
    dry_run
        Read and check everything, write nothing.
    """
    n_useful = max(1, min(workers, len(files) // _FILES_PER_PROCESS))
    register = _report if dry_run else _register
    for _, read in run_parallel(_read, [str(file) for file in files], workers=n_useful):
        yield register(engine, read)


def _read(path: str) -> ExposureFacts | FailureRow:
    """Read one file; a refusal comes back as a value, so that it crosses between processes."""
    local = path
    try:
        local = exposure_path(path)
        facts = read_exposure(local)
        return replace(facts, file_path=path) if is_url(path) else facts
    except ExposureError as error:
        message = str(error).replace(local, path)
        return FailureRow(path, type(error).__name__, getattr(error, "keyword", None), message)


def _register(engine: Engine, read: ExposureFacts | FailureRow) -> IngestResult:
    with transaction(engine) as connection:
        if isinstance(read, FailureRow):
            record_failure(connection, read)
            return _refused(read)
        outcome = register_exposure(connection, read, exists=exists_at).value
        return _accepted(connection, read, outcome)


def _report(engine: Engine, read: ExposureFacts | FailureRow) -> IngestResult:
    if isinstance(read, FailureRow):
        return _refused(read)
    with transaction(engine) as connection:
        return _accepted(connection, read, "readable")


def _refused(failure: FailureRow) -> IngestResult:
    return IngestResult(
        failure.file_path,
        "failed",
        error=failure.error,
        keyword=failure.keyword,
        message=failure.message,
    )


def _accepted(connection: Connection, facts: ExposureFacts, outcome: str) -> IngestResult:
    withdrawals = list_withdrawals(connection, facts.rootname, in_force=True)
    everywhere = next((row for row in withdrawals if row.skycell is None), None)
    if everywhere is not None:
        exclusion: Finding | None = Finding("withdrawn", everywhere.reason)
    else:
        exclusion = find_exclusion(connection, facts.findings)
    because = f"{exclusion.code} ({exclusion.detail})" if exclusion else None
    skycells = [row.skycell for row in withdrawals if row.skycell is not None]
    return IngestResult(facts.file_path, outcome, facts.rootname, because, skycells)
