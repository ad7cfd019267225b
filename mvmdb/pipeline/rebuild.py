"""Catalog rebuild: rows of products and their provenance restored from the product files alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.restoration import (
    KnownProduct,
    State,
    current_of_layer,
    find_chips,
    is_withdrawn,
    list_builds_without_product,
    list_known_products,
    list_parameter_set_names,
    lock_products,
    restore_product,
    supersede,
)
from mvmdb.catalog.verification import record_found
from mvmdb.errors import InputError, ProductFileError
from mvmdb.files.inventory import product_name_of
from mvmdb.files.piece_reader import tree_sha256
from mvmdb.files.product import verify_product
from mvmdb.files.product_record import read_record
from mvmdb.files.storage import is_url
from mvmdb.files.stores import directory_of, is_kept
from mvmdb.pipeline.storage import product_store
from mvmdb.records import ProductRecord, PublishedFile

Kind = Literal[
    "file",
    "exposure",
    "revision",
    "conflict",
    "withdrawal",
    "parameter_set",
    "current_product",
]

NEVER_IN_FILES = (
    "when a build ended and its product was published: taken to be when it began, by its machine",
    "builds that failed or were abandoned, and the leases that builds ran under",
    "rules of retention, pins, and which files were pruned",
    "withdrawals by whom and when, rules of exclusion, parameter sets of your own",
    "exposures: ingest their files first",
)
"""What the catalogue holds and product files do not."""


@dataclass(frozen=True)
class RestoredProduct:
    """A revision whose rows have been made again."""

    product: str
    """File name of the product."""
    revision: int
    """Its revision."""
    state: State
    """current, or superseded."""
    file_path: str
    """The file that told it."""
    n_inputs: int
    """Number of chips that went in."""


@dataclass(frozen=True)
class Lack:
    """One thing that could not be restored."""

    kind: Kind
    """file (not usable), exposure (not ingested), revision (no file of it), conflict (rows say otherwise),
    withdrawal (of an exposure, that is not in force), parameter_set (unknown), current_product (a layer
    has none, though files of it were found)."""
    name: str
    """File, root name, product or parameter set."""
    detail: str
    """What is lacking, and why."""


@dataclass(frozen=True)
class RebuildReport:
    """What has been restored, and what not."""

    n_files: int
    """Files of products that were read."""
    n_known: int
    """Files whose rows were there and right."""
    n_found: int
    """Files whose rows were there and knew another place, or did not know that the file is there."""
    restored: list[RestoredProduct]
    """Revisions whose rows have been made again."""
    not_restored: list[Lack]
    """What could not be restored, one by one."""
    never_in_files: list[str] = field(default_factory=lambda: list(NEVER_IN_FILES))
    """What product files never tell."""


@dataclass(frozen=True)
class _Found:
    """A sound product file."""

    record: ProductRecord
    file: PublishedFile

    @property
    def layer(self) -> tuple[str, str, str]:
        recipe = self.record.recipe
        return recipe["skycell"], recipe["layer"], recipe["selection"]

    @property
    def is_kept(self) -> bool:
        """Whether it has the name of a former revision."""
        return is_kept(self.file.path)

    @property
    def directory(self) -> str:
        return directory_of(self.file.path)


def list_candidates(directory: Path | str) -> list[str]:
    """Return the files below a directory, or the objects below a URL, that are named like products.

    Raises
    ------
    InputError
        There is no such directory.
    StorageError
        The object store does not answer.
    """
    if is_url(directory):
        place = str(directory).rstrip("/")
    elif Path(directory).is_dir():
        place = str(Path(directory).resolve())
    else:
        raise InputError(f"{directory} is no directory", hint="name the directory of the products")
    return product_store(place).list_products(place)


def rebuild_catalog(
    engine: Engine,
    paths: Sequence[str],
    *,
    dry_run: bool = False,
    on_file: Callable[[], None] | None = None,
) -> RebuildReport:
    """Restore products, builds and inputs from product files; what has rows stays as it is.

    Parameters
    ----------
    engine
        Database with the schema in place; empty, or of a part of these products. Exposures must have been
        ingested: a product is restored when all its inputs are there with the content that it was made of.
    paths
        Product files or objects; each is read whole, for its checksums.
    dry_run
        Only tell.
    on_file
        Called after each file.
    """
    lacks: list[Lack] = []
    found = list(_sound_files(paths, lacks, on_file or _nothing))
    with transaction(engine) as connection:
        savepoint = connection.begin_nested()
        report = _restore(connection, found, lacks)
        if dry_run:
            savepoint.rollback()
    return report


def _nothing() -> None:
    pass


def _sound_files(paths: Sequence[str], lacks: list[Lack], on_file: Callable[[], None]) -> Iterator[_Found]:
    for path in paths:
        try:
            yield _read(path)
        except ProductFileError as error:
            lacks.append(Lack("file", path, str(error).removeprefix(f"{path}: ")))
        on_file()


def _read(location: str) -> _Found:
    """Read a file and hold it against its own checksums.

    Raises
    ------
    ProductFileError
        It is damaged, has no provenance, or another name than its header says.
    """
    path = product_store(location).local_copy(location)
    problems = verify_product(path)
    if problems:
        raise ProductFileError(location, problems[0].removeprefix(f"{path}: "))
    record = read_record(path)
    if product_name_of(path) != record.product_name:
        raise ProductFileError(location, f"its header says that it is {record.product_name}")
    return _Found(record, PublishedFile(location, tree_sha256(path), path.stat().st_size))


def _restore(connection: Connection, found: Sequence[_Found], lacks: list[Lack]) -> RebuildReport:
    lock_products(connection)
    known = _known_builds(connection)
    found = [_as_recorded(item, known) for item in found]
    chips = find_chips(connection, (i.rootname for item in found for i in item.record.inputs))
    wanted = _restorable(connection, found, known, chips, lacks)
    restored = [
        _restore_one(connection, item, state, chips)
        for item, state in _with_states(connection, wanted, known)
    ]
    of_rows = [item for item in found if _has_rows(item, known)]
    n_found = _take_back(connection, of_rows)
    lacks += _lacking_rows(connection, found, restored)
    return RebuildReport(len(found), len(of_rows) - n_found, n_found, restored, lacks)


def _known_builds(connection: Connection) -> dict[str, KnownProduct]:
    return {str(row.build_id): row for row in list_known_products(connection)}


def _as_recorded(item: _Found, known: Mapping[str, KnownProduct]) -> _Found:
    """Return a file with the hash of its row, if that was taken otherwise and still holds."""
    row, file = known.get(item.record.build_id), item.file
    if row is None or row.file.sha256 == file.sha256 or row.file.size_bytes != file.size_bytes:
        return item
    is_same = product_store(file.path).has_sha256(file.path, row.file.sha256)
    return replace(item, file=replace(file, sha256=row.file.sha256)) if is_same else item


def _has_rows(item: _Found, known: Mapping[str, KnownProduct]) -> bool:
    row = known.get(item.record.build_id)
    return row is not None and row.file.sha256 == item.file.sha256


def _take_back(connection: Connection, found: Sequence[_Found]) -> int:
    """Record where files are whose rows do not know it; return how many those were."""
    known, contents = _known_builds(connection), {item.file.path: item.file.sha256 for item in found}
    n_found = 0
    for item in found:
        row = known[item.record.build_id]
        there = contents.get(row.file.path, item.file.sha256) == item.file.sha256
        is_file = product_store(row.file.path).size_bytes(row.file.path) is not None
        if row.file_state != "in_place" or not (there and is_file):
            record_found(connection, row.product_id, item.file.path)
            n_found += 1
    return n_found


def _restorable(
    connection: Connection,
    found: Sequence[_Found],
    known: Mapping[str, KnownProduct],
    chips: Mapping[tuple[str, str, int], int],
    lacks: list[Lack],
) -> list[_Found]:
    """Return the files whose rows can be made, oldest first; of the others, say why not."""
    taken = {(row.product, row.revision): str(row.build_id) for row in known.values()}
    without_product = list_builds_without_product(connection)
    wanted = []
    for item in sorted(found, key=lambda one: (one.record.created_at, one.record.revision)):
        if _has_rows(item, known):
            continue
        record = item.record
        key = (str(record.product_name), record.revision)
        missing = [i for i in record.inputs if (i.rootname, i.file_sha256, i.chip) not in chips]
        if record.build_id in known:
            lacks.append(
                Lack("conflict", item.file.path, "its row has another SHA-256: one of both is changed")
            )
        elif record.build_id in without_product:
            lacks.append(
                Lack("conflict", item.file.path, "its build is recorded as one that published nothing")
            )
        elif key in taken:
            detail = f"revision {record.revision} of {record.product_name} is one of build {taken[key]}"
            lacks.append(Lack("conflict", item.file.path, detail))
        elif missing:
            lacks += _missing_exposures(item, missing)
        else:
            taken[key] = record.build_id
            wanted.append(item)
    return wanted


def _missing_exposures(item: _Found, missing: Sequence[object]) -> Iterator[Lack]:
    wanted = {i.rootname: i.file_sha256 for i in item.record.inputs if i in missing}
    for rootname, sha256 in sorted(wanted.items()):
        detail = (
            f"{item.record.product_name} revision {item.record.revision} was made of it with"
            f" SHA-256 {sha256[:16]}...,"
            " which is not ingested"
        )
        yield Lack("exposure", rootname, detail)


def _with_states(
    connection: Connection, wanted: Sequence[_Found], known: Mapping[str, KnownProduct]
) -> list[tuple[_Found, State]]:
    """Decide what becomes current: of each layer the newest file with the name of the product itself."""
    newest = {item.layer: item for item in wanted if not item.is_kept}
    by_id = {row.product_id: row for row in known.values()}
    for layer, item in list(newest.items()):
        present = current_of_layer(connection, item.record.product_name)
        if present is None:
            continue
        if _is_newer(item.record, by_id[present]):
            supersede(connection, present)
        else:
            del newest[layer]
    return [(item, "current" if newest.get(item.layer) is item else "superseded") for item in wanted]


def _is_newer(record: ProductRecord, row: KnownProduct) -> bool:
    """Compare revisions of one name, else times, which two clocks may have told."""
    if row.product == str(record.product_name):
        return record.revision > row.revision
    return record.created_at > row.started_at


def _restore_one(
    connection: Connection, item: _Found, state: State, chips: Mapping[tuple[str, str, int], int]
) -> RestoredProduct:
    record = item.record
    restore_product(connection, record, item.file, chips, directory=item.directory, state=state)
    return RestoredProduct(
        str(record.product_name), record.revision, state, item.file.path, len(record.inputs)
    )


def _lacking_rows(
    connection: Connection, found: Sequence[_Found], restored: Sequence[RestoredProduct]
) -> Iterator[Lack]:
    """Yield what the files speak of and the catalogue does not have, now that they have been restored."""
    revisions: dict[str, set[int]] = defaultdict(set)
    for row in list_known_products(connection):
        revisions[row.product].add(row.revision)
    for product in sorted({item.product for item in restored}):
        for revision in sorted(set(range(1, max(revisions[product]))) - revisions[product]):
            yield Lack("revision", product, f"revision {revision} has no usable file here")
    sets = list_parameter_set_names(connection)
    for name in sorted({item.record.parameter_set for item in found} - sets):
        yield Lack("parameter_set", name, "products were made with it; make it again, or they stay stale")
    yield from _lacking_withdrawals(connection, found)
    for item in {one.layer: one for one in found}.values():
        if current_of_layer(connection, item.record.product_name) is None:
            detail = "its layer has no current product now; mvmdb layer build makes one"
            yield Lack("current_product", str(item.record.product_name), detail)


def _lacking_withdrawals(connection: Connection, found: Sequence[_Found]) -> Iterator[Lack]:
    stated = {
        (excluded.exposure, item.layer[0]): excluded.detail
        for item in found
        if not item.is_kept
        for excluded in item.record.withdrawn
    }
    for (exposure, skycell), reason in sorted(stated.items()):
        if not is_withdrawn(connection, exposure, skycell):
            detail = f"was withdrawn from {skycell}: {reason}; withdraw it again, or its products are stale"
            yield Lack("withdrawal", exposure, detail)
