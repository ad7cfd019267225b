"""Builds: begun, staged, published, failed, and the traces of dead ones recovered.

A product's rows are written before its file is renamed into place, but stay ``staged``: no view shows
them. After the rename one transaction makes them current. Whatever instant a builder dies at, the next
one finds either a staged row and its file in place (finished) or not (removed); nothing half done shows.
What writes here runs in transactions that hold the lease of the layer (``mvmdb.catalog.leases.fenced``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from mvmdb.catalog.leases import Lease
from mvmdb.catalog.models import build, lease, product, product_input
from mvmdb.errors import ConflictError
from mvmdb.records import FootprintStatistics, LayerImage, LayerPlan, PublishedFile


@dataclass(frozen=True)
class UnfinishedBuild:
    """A build whose process is gone."""

    build_id: str
    skycell: str
    layer: str
    selection: str
    directory: str
    """Where its files lie."""
    staged: PublishedFile | None
    """The file it was about to put in place, if it came that far."""


def begin_build(
    connection: Connection,
    plan: LayerPlan,
    build_id: str,
    *,
    host: str,
    versions: Mapping[str, str],
    directory: str,
) -> int:
    """Record that a build runs under the lease of its layer; return the revision its product will have."""
    layer = _layer_values(plan)
    token = select(lease.c.token).where(*(lease.c[name] == value for name, value in layer.items()))
    connection.execute(
        insert(build).values(
            build_id=build_id,
            **layer,
            recipe_sha256=plan.recipe_sha256(),
            recipe=plan.recipe(),
            parameter_set=plan.parameter_set,
            parameter_overrides=dict(plan.parameter_overrides),
            versions=dict(versions),
            directory=directory,
            host=host,
            process_id=os.getpid(),
            lease_token=token.scalar_subquery(),
            outcome="running",
        )
    )
    newest = select(func.max(product.c.revision)).where(product.c.product == str(plan.product_name))
    return (connection.execute(newest).scalar() or 0) + 1


def _layer_values(plan: LayerPlan) -> dict[str, str]:
    return {"skycell": str(plan.skycell), "layer": str(plan.layer), "selection": plan.selection}


def fail_build(connection: Connection, build_id: str, error: str) -> None:
    """Record that a build failed, and why; what it staged goes."""
    _unstage(connection, build_id)
    _finish(connection, build_id, outcome="failed", error=error)


def _finish(connection: Connection, build_id: str, **values: Any) -> None:
    ended = update(build).where(build.c.build_id == build_id, build.c.outcome == "running")
    connection.execute(ended.values(finished_at=func.clock_timestamp(), **values))


def stage_product(
    connection: Connection,
    build_id: str,
    *,
    plan: LayerPlan,
    image: LayerImage,
    file: PublishedFile,
    revision: int,
) -> None:
    """Write the rows of a product that is about to be put in place; they stay invisible."""
    values = _product_values(plan, image, file)
    row = insert(product).values(build_id=build_id, revision=revision, state="staged", **values)
    product_id = connection.execute(row.returning(product.c.product_id)).scalar_one()
    given = {item.context_index: vars(item) for item in image.inputs}
    inputs = [
        {
            "product_id": product_id,
            "exposure_id": item.exposure_id,
            "chip": item.chip,
            **given[item.context_index],
        }
        for item in plan.inputs
    ]
    connection.execute(insert(product_input), inputs)


def _product_values(plan: LayerPlan, image: LayerImage, file: PublishedFile) -> dict[str, Any]:
    return {
        "product": str(plan.product_name),
        **_layer_values(plan),
        "file_path": file.path,
        "file_sha256": file.sha256,
        "file_size_bytes": file.size_bytes,
        **vars(plan.extent),
        "n_x_pix": plan.box.width,
        "n_y_pix": plan.box.height,
        **vars(image.statistics),
        **_footprint_values(image.footprints),
        **vars(image.preparation),
    }


def _footprint_values(statistics: FootprintStatistics | None) -> dict[str, Any]:
    values = vars(statistics) if statistics is not None else {}
    return {f"footprint_{name}": value for name, value in values.items()}


def publish_product(connection: Connection, build_id: str) -> None:
    """Make a staged product current, now that its file is in place; the former one is superseded.

    Raises
    ------
    ConflictError
        Nothing is staged.
    """
    staged = select(product).where(product.c.build_id == build_id, product.c.state == "staged")
    row = connection.execute(staged).one_or_none()
    if row is None:
        raise ConflictError(f"build {build_id} has nothing to publish", {})
    former = update(product).where(
        product.c.skycell == row.skycell,
        product.c.layer == row.layer,
        product.c.selection == row.selection,
        product.c.state == "current",
    )
    connection.execute(former.values(state="superseded"))
    current = update(product).where(product.c.product_id == row.product_id)
    connection.execute(current.values(state="current", published_at=func.clock_timestamp()))
    _finish(connection, build_id, outcome="published")


def retire_product(connection: Connection, skycell: str, layer: str, selection: str) -> None:
    """Take the product of a layer out of the current ones although none takes its place; its row stays."""
    current = update(product).where(
        product.c.skycell == skycell,
        product.c.layer == layer,
        product.c.selection == selection,
        product.c.state == "current",
    )
    connection.execute(current.values(state="retired", retired_at=func.clock_timestamp()))


def list_dead(connection: Connection) -> list[UnfinishedBuild]:
    """Return builds recorded as running whose lease is gone or has run out, with what they staged."""
    dead = "not exists (select from mvm.lease as l where l.token = b.lease_token"
    return _list_running(connection, f"{dead} and l.expires_at > clock_timestamp())")


def list_predecessors(connection: Connection, held: Lease) -> list[UnfinishedBuild]:
    """Return builds of a layer that are recorded as running, and began before this lease was taken."""
    earlier = "coalesce(b.lease_token, 0) < :token"
    layer = "b.skycell = :skycell and b.layer = :layer and b.selection = :selection"
    return _list_running(connection, f"{earlier} and {layer}", **vars(held))


def _list_running(connection: Connection, condition: str, **values: Any) -> list[UnfinishedBuild]:
    query = text(
        "select b.build_id, b.skycell, b.layer, b.selection, b.directory,"
        " p.file_path, p.file_sha256, p.file_size_bytes"
        " from mvm.build as b left join mvm.product as p on p.build_id = b.build_id"
        f" where b.outcome = 'running' and {condition} order by b.started_at"
    )
    return [
        UnfinishedBuild(
            str(row.build_id),
            row.skycell,
            row.layer,
            row.selection,
            row.directory,
            PublishedFile(row.file_path, row.file_sha256, row.file_size_bytes) if row.file_path else None,
        )
        for row in connection.execute(query, values)
    ]


def abandon_build(connection: Connection, build_id: str) -> None:
    """Remove what a dead build staged, and record that it was abandoned."""
    _unstage(connection, build_id)
    _finish(connection, build_id, outcome="abandoned")


def _unstage(connection: Connection, build_id: str) -> None:
    connection.execute(delete(product).where(product.c.build_id == build_id, product.c.state == "staged"))
