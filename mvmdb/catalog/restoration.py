"""Rows of products made again from what their files say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, text, update

from mvmdb.catalog.models import build, parameter_set, product, product_input
from mvmdb.names import ProductName
from mvmdb.records import ProductRecord, PublishedFile

State = Literal["current", "superseded"]


@dataclass(frozen=True)
class KnownProduct:
    """A revision that has rows."""

    product_id: int
    product: str
    revision: int
    build_id: str
    state: str
    file: PublishedFile
    file_state: str
    started_at: datetime


def lock_products(connection: Connection) -> None:
    """Let nobody else write rows of products until the transaction ends; reading goes on."""
    connection.execute(select(func.mvm.lock_products()))


def list_known_products(connection: Connection) -> list[KnownProduct]:
    """Return every revision that has rows, staged ones too."""
    p, b = product.c, build.c
    query = select(
        p.product_id,
        p.product,
        p.revision,
        p.build_id,
        p.state,
        p.file_path,
        p.file_sha256,
        p.file_size_bytes,
        p.file_state,
        b.started_at,
    ).join_from(product, build, p.build_id == b.build_id)
    return [_known(dict(row)) for row in connection.execute(query).mappings()]


def _known(row: dict[str, Any]) -> KnownProduct:
    parts = [row.pop(name) for name in ("file_path", "file_sha256", "file_size_bytes")]
    return KnownProduct(**row, file=PublishedFile(*parts))


def list_builds_without_product(connection: Connection) -> set[str]:
    """Return the builds that published nothing, as far as the catalogue knows."""
    query = select(build.c.build_id).where(
        ~select(product.c.product_id).where(product.c.build_id == build.c.build_id).exists()
    )
    return {str(build_id) for build_id in connection.execute(query).scalars()}


def find_chips(connection: Connection, rootnames: Iterable[str]) -> dict[tuple[str, str, int], int]:
    """Return the ingested revisions of exposures by root name, hash of the file, and chip."""
    query = text(
        "select e.rootname, e.file_sha256, c.chip, e.exposure_id from mvm.exposure as e"
        " join mvm.chip as c on c.exposure_id = e.exposure_id where e.rootname = any(:rootnames)"
    )
    rows = connection.execute(query, {"rootnames": sorted(set(rootnames))})
    return {(row.rootname, row.file_sha256, row.chip): row.exposure_id for row in rows}


def list_parameter_set_names(connection: Connection) -> set[str]:
    """Return the names of the parameter sets."""
    return set(connection.execute(select(parameter_set.c.parameter_set)).scalars())


def is_withdrawn(connection: Connection, rootname: str, skycell: str) -> bool:
    """Return whether an exposure is withdrawn from the layers of a skycell."""
    query = text(
        "select exists (select from mvm.withdrawal as w where w.rootname = :rootname"
        " and coalesce(w.skycell, :skycell) = :skycell and w.restored_at is null)"
    )
    return bool(connection.execute(query, {"rootname": rootname, "skycell": skycell}).scalar())


def current_of_layer(connection: Connection, name: ProductName) -> int | None:
    """Return the number of the current product of a layer."""
    p = product.c
    query = select(p.product_id).where(
        p.skycell == str(name.skycell),
        p.layer == str(name.layer),
        p.selection == name.selection,
        p.state == "current",
    )
    return connection.execute(query).scalar_one_or_none()


def supersede(connection: Connection, product_id: int) -> None:
    """Make a current product a former one; where its file is, the next verification finds out."""
    changed = update(product).where(product.c.product_id == product_id)
    values = {"state": "superseded", "file_state": "lost", "file_state_since": func.now()}
    connection.execute(changed.values(values))


def restore_product(
    connection: Connection,
    record: ProductRecord,
    file: PublishedFile,
    chips: Mapping[tuple[str, str, int], int],
    *,
    directory: str,
    state: State,
) -> None:
    """Write the rows of build, product and inputs as the file tells them.

    The build is taken to have begun, ended and published at the one time that the file knows.
    """
    recipe, name = record.recipe, record.product_name
    layer = {name: recipe[name] for name in ("skycell", "layer", "selection")}
    connection.execute(
        insert(build).values(
            build_id=record.build_id,
            **layer,
            recipe_sha256=record.recipe_sha256,
            recipe=dict(recipe),
            parameter_set=record.parameter_set,
            parameter_overrides=dict(record.parameter_overrides),
            versions=dict(record.versions),
            directory=directory,
            host=record.host,
            process_id=record.process_id,
            outcome="published",
            started_at=record.created_at,
            finished_at=record.created_at,
        )
    )
    row = insert(product).values(
        build_id=record.build_id,
        product=str(name),
        **layer,
        revision=record.revision,
        state=state,
        file_path=file.path,
        file_sha256=file.sha256,
        file_size_bytes=file.size_bytes,
        **_measured(record),
        published_at=record.created_at,
    )
    product_id = connection.execute(row.returning(product.c.product_id)).scalar_one()
    connection.execute(insert(product_input), list(_inputs(record, product_id, chips)))


def _measured(record: ProductRecord) -> dict[str, Any]:
    footprints = vars(record.footprints) if record.footprints is not None else {}
    return {
        **vars(record.extent),
        "n_x_pix": record.n_x_pix,
        "n_y_pix": record.n_y_pix,
        **vars(record.statistics),
        **{f"footprint_{name}": value for name, value in footprints.items()},
        **vars(record.preparation),
    }


def _inputs(
    record: ProductRecord, product_id: int, chips: Mapping[tuple[str, str, int], int]
) -> Iterable[dict[str, Any]]:
    for item in record.inputs:
        exposure_id = chips[item.rootname, item.file_sha256, item.chip]
        yield {
            "product_id": product_id,
            "exposure_id": exposure_id,
            "chip": item.chip,
            **vars(item.statistics),
        }
