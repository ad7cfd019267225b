"""Products and their provenance, both ways."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from mvmdb.catalog.rows import fetch, select_view, view
from mvmdb.errors import UnknownObjectError


@dataclass(frozen=True)
class ProductRow:
    """A current product, as in ``mvm.current_product``."""

    product: str
    skycell: str
    layer: str
    selection: str
    revision: int
    file_path: str
    file_sha256: str
    file_size_bytes: int
    x0: int
    y0: int
    x1: int
    y1: int
    n_x_pix: int
    n_y_pix: int
    n_inputs: int
    n_exposures: int
    exptime_s: float
    n_pixels_observed: int
    coverage_fraction: float
    mean_exptime_s: float
    median_exptime_s: float
    mean_n_exposures: float
    median_n_exposures: float
    mean_weight: float
    median_weight: float
    footprint_n_pixels_covered: int | None
    footprint_coverage_fraction: float | None
    footprint_mean_exptime_s: float | None
    footprint_median_exptime_s: float | None
    footprint_mean_n_exposures: float | None
    footprint_median_n_exposures: float | None
    sky: str
    n_sky_groups: int
    equalisation: str
    photflam: float | None
    parameter_set: str
    parameter_overrides: dict[str, str | float | bool]
    parameters: dict[str, str | float | bool]
    published_utc: str
    build_id: str
    recipe_sha256: str
    host: str
    versions: dict[str, str]
    file_state: str


@dataclass(frozen=True)
class ProvenanceRow:
    """One chip that went into a current product, as in ``mvm.product_provenance``."""

    product: str
    skycell: str
    layer: str
    exposure: str
    exposure_revision: int
    chip: int
    context_plane: int
    context_bit: int
    exptime_s: float
    start_mjd: float
    proposal_id: int | None
    wcsname: str | None
    n_pixels_contributed: int
    sky_e_per_s_arcsec2: float
    sky_group: int
    flux_scale: float
    exposure_path: str


_PRODUCT = view("current_product", ProductRow)
_PROVENANCE = view("product_provenance", ProvenanceRow)


def list_products(connection: Connection, *, skycell: str | None = None) -> list[ProductRow]:
    """Return the current products, by file name; of one skycell if it is given."""
    query = select_view(ProductRow, _PRODUCT).order_by(_PRODUCT.c.product)
    if skycell is not None:
        query = query.where(_PRODUCT.c.skycell == skycell)
    return fetch(connection, ProductRow, query)


def find_product(connection: Connection, product: str) -> ProductRow:
    """Return the current product of a file name.

    Raises
    ------
    UnknownObjectError
        No current product has this name.
    """
    rows = fetch(
        connection, ProductRow, select_view(ProductRow, _PRODUCT).where(_PRODUCT.c.product == product)
    )
    if not rows:
        raise UnknownObjectError(f"no product {product}", hint="`mvmdb product list` names all")
    return rows[0]


def list_product_inputs(connection: Connection, product: str) -> list[ProvenanceRow]:
    """Return the chips that went into a current product, in context-bit order."""
    query = select_view(ProvenanceRow, _PROVENANCE).where(_PROVENANCE.c.product == product)
    ordered = query.order_by(_PROVENANCE.c.context_plane, _PROVENANCE.c.context_bit)
    return fetch(connection, ProvenanceRow, ordered)


def list_exposure_products(connection: Connection, rootname: str) -> list[ProvenanceRow]:
    """Return what an exposure went into: one row per current product and chip."""
    query = select_view(ProvenanceRow, _PROVENANCE).where(_PROVENANCE.c.exposure == rootname)
    return fetch(connection, ProvenanceRow, query.order_by(_PROVENANCE.c.product, _PROVENANCE.c.chip))
