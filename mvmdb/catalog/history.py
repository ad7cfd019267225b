"""Questions about the past: revisions of products, what exposures gave to each, every build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from mvmdb.catalog.rows import columns_of, fetch, select_view, view
from mvmdb.errors import UnknownObjectError
from mvmdb.names import ProductName


@dataclass(frozen=True)
class ProductRevisionRow:
    """A revision of a product, as in ``mvm.product_history``."""

    product: str
    skycell: str
    layer: str
    selection: str
    revision: int
    state: str
    published_at: datetime
    superseded_at: datetime | None
    n_inputs: int
    n_exposures: int
    exptime_s: float
    x0: int
    y0: int
    x1: int
    y1: int
    n_x_pix: int
    n_y_pix: int
    n_pixels_observed: int
    coverage_fraction: float
    file_path: str
    file_sha256: str
    file_size_bytes: int
    file_state: str
    file_state_since: datetime | None
    pinned_by: str | None
    pinned_at: datetime | None
    parameter_set: str
    recipe_sha256: str
    host: str
    versions: dict[str, str]
    build_id: str


@dataclass(frozen=True)
class ContributionRow:
    """What an exposure gave to a product, as in ``mvm.exposure_contribution``."""

    exposure: str
    exposure_revision: int
    product: str
    skycell: str
    layer: str
    selection: str
    revision: int
    state: str
    n_chips: int
    n_pixels: int
    area_arcsec2: float
    exptime_s: float
    weight_share: float | None
    published_at: datetime
    build_id: str


@dataclass(frozen=True)
class BuildRow:
    """A build, as in ``mvm.build_log``."""

    build_id: str
    skycell: str
    layer: str
    selection: str
    outcome: str
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    duration_s: float | None
    host: str
    process_id: int
    versions: dict[str, str]
    parameter_set: str
    recipe_sha256: str
    product: str | None
    revision: int | None
    heartbeat_age_s: float | None
    lease_remaining_s: float | None


_HISTORY = view("product_history", ProductRevisionRow, "product_id")
_CONTRIBUTION = view("exposure_contribution", ContributionRow, "product_id")
_BUILD = view("build_log", BuildRow)


def list_product_revisions(connection: Connection, product: ProductName) -> list[ProductRevisionRow]:
    """Return every revision of the layer that a product holds, oldest first, under whatever file name.

    Raises
    ------
    UnknownObjectError
        The layer never had a product.
    """
    rows = fetch(
        connection,
        ProductRevisionRow,
        select_view(ProductRevisionRow, _HISTORY)
        .where(
            _HISTORY.c.skycell == str(product.skycell),
            _HISTORY.c.layer == str(product.layer),
            _HISTORY.c.selection == product.selection,
        )
        .order_by(_HISTORY.c.published_at, _HISTORY.c.product_id),
    )
    if not rows:
        raise UnknownObjectError(f"no product {product}", hint="`mvmdb product list` names all")
    return rows


def list_products_at(
    connection: Connection, moment: datetime, *, skycell: str | None = None
) -> list[ProductRevisionRow]:
    """Return the products that were current at a moment, by file name; of one skycell if it is given."""
    rows = func.mvm.products_at(moment, skycell).table_valued(*columns_of(ProductRevisionRow))
    return fetch(connection, ProductRevisionRow, select(*rows.columns).order_by(rows.c.product))


def list_contributions(connection: Connection, rootname: str) -> list[ContributionRow]:
    """Return what an exposure gave to each product, over all revisions of both."""
    c = _CONTRIBUTION.c
    query = select_view(ContributionRow, _CONTRIBUTION).where(c.exposure == rootname)
    return fetch(connection, ContributionRow, query.order_by(c.skycell, c.layer, c.selection, c.product_id))


def list_builds(
    connection: Connection,
    *,
    host: str | None = None,
    software: Mapping[str, str] | None = None,
    outcome: str | None = None,
    skycell: str | None = None,
) -> list[BuildRow]:
    """Return the builds that fit, newest first; what is None does not matter.

    Parameters
    ----------
    connection
        Inside a transaction.
    host, outcome, skycell
        As the columns of that name.
    software
        Version by name of the software; a build fits that ran with all of them.
    """
    wanted = {"host": host, "outcome": outcome, "skycell": skycell}
    conditions = [_BUILD.c[name] == value for name, value in wanted.items() if value is not None]
    if software:
        conditions.append(_BUILD.c.versions.op("@>")(func.jsonb_build_object(*_flat(software))))
    query = select_view(BuildRow, _BUILD).where(*conditions)
    return fetch(connection, BuildRow, query.order_by(_BUILD.c.started_at.desc(), _BUILD.c.build_id))


def _flat(pairs: Mapping[str, str]) -> list[str]:
    return [text for pair in pairs.items() for text in pair]
