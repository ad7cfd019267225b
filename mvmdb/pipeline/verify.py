"""Verify: files held against rows and rows against files; what is wrong is told, recorded, put right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.staleness import record_file_state
from mvmdb.catalog.verification import (
    ExposureFile,
    ProductFile,
    RunningBuild,
    list_files_of_exposures,
    list_files_of_products,
    list_running_builds,
    record_found,
)
from mvmdb.errors import ExposureError, ProductFileError
from mvmdb.files.inventory import build_id_of, product_name_of
from mvmdb.files.opening import read_fits
from mvmdb.files.product import read_product_header
from mvmdb.files.stores import ProductStore
from mvmdb.names import SkycellName
from mvmdb.pipeline.product_files import file_problems, file_state
from mvmdb.pipeline.recovery import recover
from mvmdb.pipeline.storage import exists_at, exposure_path, product_store

Problem = Literal[
    "lost", "damaged", "differs", "moved", "returned", "leftover", "extra", "input_lost", "input_changed"
]
Outcome = Literal["open", "recorded", "repaired"]

_MOST_TOLD = 3


@dataclass(frozen=True)
class FileFinding:
    """One thing that is wrong with a file or a row."""

    problem: Problem
    """lost (no file), damaged (of another size or hash), differs (header and row), moved (found under another
    name), returned (there again), leftover (half written, its build is dead), extra (no row knows it),
    input_lost, input_changed (files of exposures)."""
    file_path: str
    """The file, absolute path or URL."""
    product: str | None
    """File name of the product; null where no row knows the file."""
    revision: int | None
    """Revision of the product; null where no row knows the file."""
    state: str | None
    """current, superseded or retired; null where no row knows the file."""
    detail: str
    """What is wrong, in words."""
    remedy: str
    """What to do about it."""
    outcome: Outcome
    """open, recorded (the catalogue knows now) or repaired."""


@dataclass(frozen=True)
class VerifyReport:
    """What a verification has found."""

    n_products: int
    """Files of products that were held against their rows."""
    n_bytes: int
    """Their sizes together, bytes."""
    n_exposures: int
    """Files of exposures that were checked."""
    findings: list[FileFinding]
    """What is wrong."""
    n_unrepaired: int
    """Findings that are not repaired; recorded ones are among them."""


@dataclass(frozen=True)
class Scope:
    """What is to be verified, and how."""

    products_dir: Path | str
    skycell: SkycellName | None = None
    thorough: bool = True
    """Compare hashes; else sizes and headers."""
    repair: bool = False
    inputs: bool = False
    """Look at the files of exposures as well."""

    @property
    def directory(self) -> str:
        """Where files that no row knows are looked for."""
        return f"{self.products_dir}/{self.skycell}" if self.skycell else str(self.products_dir)

    @property
    def store(self) -> ProductStore:
        """What holds the directory."""
        return product_store(self.products_dir)


def count_files(engine: Engine, scope: Scope) -> int:
    """Return how many files a verification will look at, besides those that no row knows."""
    with transaction(engine) as connection:
        n_exposures = len(list_files_of_exposures(connection, scope.skycell)) if scope.inputs else 0
        return n_exposures + len(list_files_of_products(connection, scope.skycell))


def verify(engine: Engine, scope: Scope, on_file: Callable[[], None] | None = None) -> VerifyReport:
    """Hold files against rows, and rows against files.

    Parameters
    ----------
    engine
        Database with the schema in place.
    scope
        What, and whether to repair: what is lost or damaged is recorded, so that its layer becomes stale;
        what is there again, or lies elsewhere in the directory of products, is taken back; what dead
        builds left is finished or removed.
    on_file
        Called after each file.

    Notes
    -----
    What a build beside it is just publishing is no finding.
    """
    if scope.repair:
        recover(engine)
    with transaction(engine) as connection:
        rows = list_files_of_products(connection, scope.skycell)
        running = list_running_builds(connection)
        exposures = list_files_of_exposures(connection, scope.skycell) if scope.inputs else []
    unknown = _unknown_files(scope, rows, running)
    findings = list(_leftovers(scope, running))
    for row in rows:
        findings += _repaired(engine, scope, row, _check(scope, row, running), unknown)
        (on_file or _nothing)()
    findings += [_extra(path) for path in unknown]
    for exposure in exposures:
        findings += _check_exposure(exposure, thorough=scope.thorough)
        (on_file or _nothing)()
    held = [row for row in rows if row.file_state != "pruned"]
    return VerifyReport(
        n_products=len(held),
        n_bytes=sum(row.file.size_bytes for row in held),
        n_exposures=len(exposures),
        findings=findings,
        n_unrepaired=sum(finding.outcome != "repaired" for finding in findings),
    )


def _nothing() -> None:
    pass


def _unknown_files(
    scope: Scope, rows: Sequence[ProductFile], running: Sequence[RunningBuild]
) -> dict[str, int]:
    """Return the files named like products that no row has, with their sizes; not those of running builds."""
    known = {row.file.path for row in rows if row.file_state != "pruned"}
    busy = {(build.skycell, build.layer, build.selection) for build in running}
    found = {}
    for path in scope.store.list_products(scope.directory):
        name = product_name_of(path)
        layer = (str(name.skycell), str(name.layer), name.selection) if name else None
        if path not in known and layer not in busy:
            found[path] = scope.store.size_bytes(path) or 0
    return found


def _leftovers(scope: Scope, running: Sequence[RunningBuild]) -> Iterator[FileFinding]:
    alive = {str(build.build_id) for build in running}
    for path in scope.store.list_unfinished(scope.directory):
        build_id = build_id_of(path)
        if build_id not in alive:
            if scope.repair:
                scope.store.remove_ticket(path)
            yield FileFinding(
                "leftover",
                path,
                None,
                None,
                None,
                f"half written by build {build_id or 'unknown'}, which is not running",
                "mvmdb verify --repair removes it",
                "repaired" if scope.repair else "open",
            )


def _check(scope: Scope, row: ProductFile, running: Sequence[RunningBuild]) -> tuple[Problem, str] | None:
    """Return the problem of a product's file and what it is in words; None where all is well."""
    state = file_state(row.file, thorough=scope.thorough or row.file_state != "in_place")
    if row.file_state == "pruned":
        return ("returned", "its file is there though it was pruned") if state == "in_place" else None
    if state == "in_place":
        return _check_header(row) or (
            ("returned", "its file is there again") if row.file_state != "in_place" else None
        )
    if row.state != "current" and row.file_state == state:
        return None  # known, and nothing brings it back
    if state == "damaged" and _is_being_published(row, running):
        return None
    return ("lost", "no such file") if state == "lost" else ("damaged", _damage(row))


def _is_being_published(row: ProductFile, running: Sequence[RunningBuild]) -> bool:
    store, path = product_store(row.file.path), row.file.path
    return any(store.has_sha256(path, build.staged_sha256) for build in running if build.staged_sha256)


def _damage(row: ProductFile) -> str:
    path = row.file.path
    size_bytes = product_store(path).size_bytes(path) or 0
    if size_bytes != row.file.size_bytes:
        verb = "truncated" if size_bytes < row.file.size_bytes else "too long"
        return f"{verb}: {size_bytes} bytes, published with {row.file.size_bytes}"
    problems = file_problems(path)[:_MOST_TOLD]
    return "; ".join(["its SHA-256 is another", *problems])


def _check_header(row: ProductFile) -> tuple[Problem, str] | None:
    """Return in what the header of a product and its row differ."""
    try:
        header = read_product_header(product_store(row.file.path).source(row.file.path)).keywords
    except ProductFileError as error:
        return "damaged", str(error)
    stated = {
        "MVMBUILD": str(row.build_id),
        "MVMREV": row.revision,
        "MVMRECIP": row.recipe_sha256[:16],
        "SCELLID": row.skycell,
        "FILENAME": row.product,
    }
    differing = [
        f"{keyword} is {header.get(keyword)}, its row says {value}"
        for keyword, value in stated.items()
        if header.get(keyword) != value
    ]
    return ("differs", "; ".join(differing)) if differing else None


def _repaired(
    engine: Engine,
    scope: Scope,
    row: ProductFile,
    found: tuple[Problem, str] | None,
    unknown: dict[str, int],
) -> Iterator[FileFinding]:
    """Yield the finding of a product, after what can be done about it has been done."""
    if found is None:
        return
    problem, detail = found
    moved = _found_elsewhere(row, unknown) if problem in ("lost", "damaged") else None
    if problem == "returned":
        unknown.pop(row.file.path, None)
    if moved is not None:
        problem, detail = "moved", f"lies at {moved}"
        unknown.pop(moved)
    outcome: Outcome = "open"
    if scope.repair:
        outcome = _record(engine, row, problem, moved or row.file.path)
    yield FileFinding(
        problem,
        row.file.path,
        row.product,
        row.revision,
        row.state,
        detail,
        _remedy(problem, row),
        outcome,
    )


def _found_elsewhere(row: ProductFile, unknown: Mapping[str, int]) -> str | None:
    """Return a file that no row has and that is the one that this row misses."""
    same_size = (path for path, size in unknown.items() if size == row.file.size_bytes)
    return next((path for path in same_size if product_store(path).has_sha256(path, row.file.sha256)), None)


def _record(engine: Engine, row: ProductFile, problem: str, path: str) -> Outcome:
    with transaction(engine) as connection:
        if problem in ("moved", "returned"):
            record_found(connection, row.product_id, path)
            return "repaired"
        if problem == "lost":
            record_file_state(connection, row.product_id, "lost")
        elif problem == "damaged":
            record_file_state(connection, row.product_id, "damaged")
        else:
            return "open"
    return "recorded"


def _remedy(problem: str, row: ProductFile) -> str:
    if problem in ("moved", "returned"):
        return "mvmdb verify --repair takes it back"
    if problem == "differs":
        return "the row has been changed by hand: mvmdb layer build --force makes another"
    if row.state == "current":
        return "mvmdb verify --repair, then mvmdb layer build --stale"
    return "put the file back; else mvmdb verify --repair records it, and its rows stay"


def _extra(path: str) -> FileFinding:
    detail = "; ".join(["no row knows it", *file_problems(path)[:_MOST_TOLD]])
    remedy = f"mvmdb catalog rebuild {path.rpartition('/')[0]} takes it in, if it is sound; or remove it"
    return FileFinding("extra", path, None, None, None, detail, remedy, "open")


def _check_exposure(exposure: ExposureFile, *, thorough: bool) -> Iterator[FileFinding]:
    path, remedy = exposure.file_path, "put the file back, or ingest it where it is now"
    if not exists_at(path):
        yield FileFinding(
            "input_lost", path, None, None, None, f"{exposure.rootname}: no such file", remedy, "open"
        )
        return
    if not thorough:
        return
    try:
        sha256 = read_fits(exposure_path(path), lambda _: False).sha256
    except ExposureError as error:
        yield FileFinding("input_changed", path, None, None, None, str(error), remedy, "open")
        return
    if sha256 != exposure.file_sha256:
        detail = f"{exposure.rootname}: has changed since it was ingested"
        yield FileFinding("input_changed", path, None, None, None, detail, f"mvmdb ingest {path}", "open")
