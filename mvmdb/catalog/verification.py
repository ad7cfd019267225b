"""What the catalogue says of files: every product file that should be there, and every exposure file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, text, update

from mvmdb.catalog.models import build, product
from mvmdb.catalog.staleness import FileState, record_file_state
from mvmdb.names import SkycellName
from mvmdb.records import PublishedFile


@dataclass(frozen=True)
class ProductFile:
    """A revision of a product, what its file should be, and what was last found of it."""

    product_id: int
    build_id: str
    skycell: str
    layer: str
    selection: str
    product: str
    revision: int
    state: str
    file: PublishedFile
    file_state: FileState
    recipe_sha256: str


@dataclass(frozen=True)
class ExposureFile:
    """The file of a current exposure."""

    rootname: str
    file_path: str
    file_sha256: str


@dataclass(frozen=True)
class RunningBuild:
    """A build that may be writing just now."""

    build_id: str
    skycell: str
    layer: str
    selection: str
    staged_sha256: str | None


def list_files_of_products(connection: Connection, skycell: SkycellName | None = None) -> list[ProductFile]:
    """Return every published revision, pruned ones too, of one skycell or of all."""
    p, b = product.c, build.c
    query = (
        select(
            p.product_id,
            p.build_id,
            p.skycell,
            p.layer,
            p.selection,
            p.product,
            p.revision,
            p.state,
            p.file_path,
            p.file_sha256,
            p.file_size_bytes,
            p.file_state,
            b.recipe_sha256,
        )
        .join_from(product, build, p.build_id == b.build_id)
        .where(p.state != "staged", *([p.skycell == str(skycell)] if skycell else []))
        .order_by(p.product_id)
    )
    return [_product_file(dict(row)) for row in connection.execute(query).mappings()]


def _product_file(row: dict[str, Any]) -> ProductFile:
    parts = [row.pop(name) for name in ("file_path", "file_sha256", "file_size_bytes")]
    return ProductFile(**row, file=PublishedFile(*parts))


def list_files_of_exposures(
    connection: Connection, skycell: SkycellName | None = None
) -> Sequence[ExposureFile]:
    """Return the files of the exposures that layers take, of one skycell or of all."""
    query = text(
        "select e.rootname, e.file_path, e.file_sha256 from mvm.exposure as e"
        " where e.is_current and e.exclusion is null and e.file_path is not null"
        " and (cast(:skycell as text) is null"
        " or e.exposure_id in (select m.exposure_id from mvm.layer_members(:skycell) as m))"
        " order by e.rootname"
    )
    values = {"skycell": str(skycell) if skycell else None}
    return [ExposureFile(**row) for row in connection.execute(query, values).mappings()]


def list_running_builds(connection: Connection) -> list[RunningBuild]:
    """Return the builds that are recorded as running, alive or not."""
    p, b = product.c, build.c
    query = (
        select(b.build_id, b.skycell, b.layer, b.selection, p.file_sha256.label("staged_sha256"))
        .join_from(build, product, p.build_id == b.build_id, isouter=True)
        .where(b.outcome == "running")
    )
    return [RunningBuild(**row) for row in connection.execute(query).mappings()]


def record_found(connection: Connection, product_id: int, file_path: str) -> None:
    """Record that the file of a product is there, under this name."""
    connection.execute(update(product).where(product.c.product_id == product_id).values(file_path=file_path))
    record_file_state(connection, product_id, "in_place")
