"""Questions about pixels: which products hold a position, which inputs made a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Connection, Integer, cast, func

from mvmdb.catalog.rows import fetch, select_function


@dataclass(frozen=True)
class PositionProduct:
    """A current product that holds a position, and where, as in ``mvm.position_products``."""

    product: str
    skycell: str
    layer: str
    selection: str
    revision: int
    x_pix: int
    y_pix: int
    x_position_pix: float
    y_position_pix: float
    x_skycell_pix: float
    y_skycell_pix: float
    n_x_pix: int
    n_y_pix: int
    n_inputs: int
    file_path: str
    file_size_bytes: int
    build_id: str


@dataclass(frozen=True)
class PixelInputRow:
    """An input that made a pixel, as in ``mvm.pixel_inputs``."""

    context_index: int
    exposure: str
    chip: int
    start_utc: datetime
    exptime_s: float
    expected_weight_s: float
    wcsname: str | None
    proposal_id: int | None
    sky_e_per_s_arcsec2: float
    sky_group: int
    flux_scale: float
    exposure_revision: int
    exposure_is_current: bool
    exposure_path: str
    build_id: str


def list_position_products(connection: Connection, ra_deg: float, dec_deg: float) -> list[PositionProduct]:
    """Return the current products that hold a position (ICRS degrees), nearest tangent point first."""
    query = select_function(PositionProduct, func.mvm.position_products(ra_deg, dec_deg))
    return fetch(connection, PositionProduct, query)


def list_pixel_inputs(connection: Connection, product: str, context: Sequence[int]) -> list[PixelInputRow]:
    """Return the inputs whose bits are set in the values of the context planes, in drizzle order."""
    planes = cast(list(context), ARRAY(Integer))
    return fetch(
        connection, PixelInputRow, select_function(PixelInputRow, func.mvm.pixel_inputs(product, planes))
    )
