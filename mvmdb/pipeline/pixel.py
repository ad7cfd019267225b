"""What made a pixel: where a position falls in every product, what is there, and which inputs gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mvmdb.catalog.pixels import (
    PixelInputRow,
    PositionProduct,
    list_pixel_inputs,
    list_position_products,
)
from mvmdb.errors import InputError, ProvenanceError, UnknownObjectError
from mvmdb.files.pixels import ProductPixels, read_pixels
from mvmdb.mosaic.context import PLANE_BITS, count_pixels, n_context_planes
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.storage import product_store
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True)
class PixelInput:
    """One chip that gave light to a pixel, or to pixels of a box."""

    exposure: str
    """Root name of the exposure."""
    exposure_revision: int
    """Revision of the exposure that was used."""
    exposure_is_current: bool
    """False when the exposure has been revised since."""
    chip: int
    """EXTVER of the chip's SCI extension."""
    context_plane: int
    """Plane of the CTX array, from 0."""
    context_bit: int
    """Bit in that plane, 0 (lowest) to 31."""
    start_utc: datetime
    """Start of the exposure."""
    exptime_s: float
    """Exposure time."""
    weight_share: float
    """Part of the weight, 0 to 1, by exposure time x area ratio: drizzle weights per input are not stored."""
    n_pixels: int
    """Pixels of the box that hold light of the chip; 1 without a box."""
    wcsname: str | None
    """Name of the astrometric solution."""
    proposal_id: int | None
    """Proposal number."""
    sky_e_per_s_arcsec2: float
    """Background subtracted from the chip, after its scaling, e-/s per square arcsecond."""
    sky_group: int
    """Group within which the backgrounds were matched, from 1; 0 where nothing was matched."""
    flux_scale: float
    """Factor by which the rates of the chip were multiplied."""
    exposure_path: str
    """File of the exposure."""


@dataclass(frozen=True)
class ProductPixel:
    """The pixel of a product that holds a position."""

    product: str
    """File name of the product."""
    skycell: str
    """Name of the skycell."""
    layer: str
    """Name of the layer."""
    selection: str
    """Rule of which exposures the layer takes."""
    revision: int
    """Revision of the product."""
    x_pix: int
    """Column of the product, 0-based."""
    y_pix: int
    """Row of the product, 0-based."""
    x_fits: int
    """Column as FITS and ds9 count, from 1."""
    y_fits: int
    """Row as FITS and ds9 count, from 1."""
    x_skycell_pix: float
    """Column of the position, 0-based fine pixels of the skycell, with fraction."""
    y_skycell_pix: float
    """Row of the position, 0-based fine pixels of the skycell, with fraction."""
    science_e_per_s: float | None
    """SCI, e-/s per pixel; None where nothing was observed."""
    weight_s: float
    """WHT."""
    error_e_per_s: float | None
    """ERR, e-/s per pixel; None where it is unknown or the product has none."""
    expected_weight_s: float
    """What WHT is where its inputs cover the pixel whole, within the few per cent by which distortion changes
    the size of their pixels; WHT is less where one lights only a part."""
    n_box_pixels: int
    """Pixels that were looked at; 1 without a box."""
    n_box_pixels_observed: int
    """Those of positive weight."""
    inputs: list[PixelInput]
    """What made the pixel, or any pixel of the box, in drizzle order."""
    build_id: str
    """Build that made the product (MVMBUILD)."""


def find_pixels(
    connection: Connection,
    ra_deg: float,
    dec_deg: float,
    *,
    layer: LayerName | None = None,
    skycell: SkycellName | None = None,
    box_pix: int = 1,
) -> list[ProductPixel]:
    """Return what made the pixel at a position in every current product that holds it.

    Parameters
    ----------
    connection
        Inside a transaction.
    ra_deg, dec_deg
        ICRS degrees.
    layer, skycell
        Only the products of these.
    box_pix
        Side of the box around the pixel whose inputs are counted, pixels of the product; odd. At the border
        of a product the box is cut off.

    Raises
    ------
    InputError
        The side of the box is not an odd number.
    UnknownObjectError
        No product holds the position.
    ProvenanceError
        A file is not the one that the catalogue knows.
    ProductFileError
        A file cannot be read.
    """
    if box_pix < 1 or box_pix % 2 == 0:
        raise InputError(
            f"a box of {box_pix} pixels has no middle", hint="give an odd number of pixels, like 5"
        )
    products = [
        product
        for product in list_position_products(connection, ra_deg, dec_deg)
        if layer in (None, LayerName.parse(product.layer))
        and skycell in (None, SkycellName.parse(product.skycell))
    ]
    if not products:
        raise UnknownObjectError(
            f"no product holds the position {ra_deg:.6f} {dec_deg:+.6f}",
            hint="`mvmdb skycell at` names the skycells that do, `mvmdb layer list SKYCELL` what is built",
        )
    return [_read_pixel(connection, product, box_pix) for product in products]


def _read_pixel(connection: Connection, product: PositionProduct, box_pix: int) -> ProductPixel:
    x, y = product.x_pix, product.y_pix
    arrays = PixelBox(0, 0, product.n_x_pix, product.n_y_pix)
    box = PixelBox(x, y, x + 1, y + 1).grown(box_pix // 2).intersection(arrays)
    pixels = read_pixels(
        product_store(product.file_path).source(product.file_path),
        box,
        build_id=product.build_id,
        size_bytes=product.file_size_bytes,
    )
    middle = y - box.y0, x - box.x0
    counts = _count_inputs(product, pixels)
    rows = list_pixel_inputs(connection, product.product, _any_bit(pixels.context))
    if any(row.build_id != product.build_id for row in rows):
        raise ProvenanceError(
            product.file_path, "has been replaced by a build while it was read", hint="ask again"
        )
    here = pixels.context[:, middle[0], middle[1]]
    return ProductPixel(
        product=product.product,
        skycell=product.skycell,
        layer=product.layer,
        selection=product.selection,
        revision=product.revision,
        x_pix=x,
        y_pix=y,
        x_fits=x + 1,
        y_fits=y + 1,
        x_skycell_pix=product.x_skycell_pix,
        y_skycell_pix=product.y_skycell_pix,
        science_e_per_s=_finite(pixels.science[middle]),
        weight_s=float(pixels.weight[middle]),
        error_e_per_s=None if pixels.error is None else _finite(pixels.error[middle]),
        expected_weight_s=sum(row.expected_weight_s for row in rows if _has_bit(here, row.context_index)),
        n_box_pixels=box.n_pixels,
        n_box_pixels_observed=int((pixels.weight > 0).sum()),
        inputs=_inputs(rows, counts),
        build_id=product.build_id,
    )


def _finite(value: np.float32) -> float | None:
    return float(value) if np.isfinite(value) else None


def _has_bit(values: NDArray[np.int32], context_index: int) -> bool:
    return bool(int(values[context_index // PLANE_BITS]) >> context_index % PLANE_BITS & 1)


def _any_bit(context: NDArray[np.int32]) -> list[int]:
    """Return the values of the planes with the bits of all pixels."""
    return [int(np.bitwise_or.reduce(plane, axis=None)) for plane in context]


def _count_inputs(product: PositionProduct, pixels: ProductPixels) -> NDArray[np.int64]:
    """Return the pixels of each bit; refuse what no sound product of so many inputs holds."""
    counts = count_pixels(pixels.context, PLANE_BITS * len(pixels.context))
    if len(pixels.context) != n_context_planes(product.n_inputs):
        problem = f"CTX has {len(pixels.context)} planes, the catalogue {product.n_inputs} inputs"
    elif counts[product.n_inputs :].any():
        problem = f"CTX names an input {counts.nonzero()[0].max()}, the catalogue knows {product.n_inputs}"
    elif ((pixels.context != 0).any(axis=0) != (pixels.weight > 0)).any():
        problem = "CTX and WHT disagree on which pixels are observed"
    else:
        return counts
    raise ProvenanceError(
        product.file_path,
        f"is damaged: {problem}",
        hint=f"`mvmdb layer build {product.skycell} {product.layer} --force` makes it anew",
    )


def _inputs(rows: Sequence[PixelInputRow], counts: NDArray[np.int64]) -> list[PixelInput]:
    weights_s = [int(counts[row.context_index]) * row.expected_weight_s for row in rows]
    return [
        PixelInput(
            exposure=row.exposure,
            exposure_revision=row.exposure_revision,
            exposure_is_current=row.exposure_is_current,
            chip=row.chip,
            context_plane=row.context_index // PLANE_BITS,
            context_bit=row.context_index % PLANE_BITS,
            start_utc=row.start_utc,
            exptime_s=row.exptime_s,
            weight_share=weight_s / sum(weights_s),
            n_pixels=int(counts[row.context_index]),
            wcsname=row.wcsname,
            proposal_id=row.proposal_id,
            sky_e_per_s_arcsec2=row.sky_e_per_s_arcsec2,
            sky_group=row.sky_group,
            flux_scale=row.flux_scale,
            exposure_path=row.exposure_path,
        )
        for row, weight_s in zip(rows, weights_s, strict=True)
    ]
