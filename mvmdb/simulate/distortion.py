"""The WCS of a simulated chip: linear part, SIP polynomial, lookup tables, and the true pixel areas.

What is written here is read back by astropy and stwcs, and the sources are painted through what
was read: a simulated exposure cannot disagree with its own header.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from mvmdb.simulate.detectors import Chip, Detector
from mvmdb.sky.sphere import tangent_sky

TABLE_STEP_PIX = 64
_AREA_STEP_PIX = 16
_N_WAVES = 12

Card = tuple[str, Any, str]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChipPointing:
    """Where the reference pixel of a chip looks, and how the chip is turned there."""

    ra_deg: float
    dec_deg: float
    cd_deg: Floats
    """CD matrix, degrees per pixel."""


def point_chip(
    detector: Detector, chip: Chip, *, ra_deg: float, dec_deg: float, orient_deg: float
) -> ChipPointing:
    """Return the pointing of a chip of a detector whose centre looks at a position.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS position of the detector's centre, degrees.
    orient_deg
        Position angle of the undistorted y axis there, from north through east, degrees.
    """
    linear = np.array(chip.linear_arcsec)
    offset_arcsec = chip.side * (chip.n_y_pix / 2 * linear[:, 1] + [0.0, detector.chip_gap_arcsec / 2])
    xi_rad, eta_rad = np.radians(_sky_axes(orient_deg) @ offset_arcsec / 3600)
    chip_ra, chip_dec = tangent_sky(xi_rad, eta_rad, centre_ra_deg=ra_deg, centre_dec_deg=dec_deg)
    # North at the chip is not parallel to north at the centre: meridians converge.
    east_deg = (float(chip_ra) - ra_deg + 180.0) % 360.0 - 180.0
    turned_deg = orient_deg + east_deg * np.sin(np.radians(dec_deg))
    cd = _sky_axes(turned_deg) @ linear / 3600
    return ChipPointing(float(chip_ra), float(chip_dec), cd)


def _sky_axes(orient_deg: float) -> Floats:
    """Return the matrix from detector axes to (east, north): y at ``orient_deg``, x to the west of it."""
    cosine, sine = np.cos(np.radians(orient_deg)), np.sin(np.radians(orient_deg))
    return np.array([[-cosine, sine], [sine, cosine]])


def wcs_cards(chip: Chip, pointing: ChipPointing, *, first_table: int) -> list[Card]:
    """Return the WCS cards of a SCI header.

    Parameters
    ----------
    first_table
        EXTVER of the chip's first lookup table; the second follows it.
    """
    (cd1_1, cd1_2), (cd2_1, cd2_2) = pointing.cd_deg.tolist()
    cards: list[Card] = [
        ("WCSAXES", 2, "number of World Coordinate System axes"),
        ("CRPIX1", chip.crpix[0], "x-coordinate of reference pixel"),
        ("CRPIX2", chip.crpix[1], "y-coordinate of reference pixel"),
        ("CRVAL1", pointing.ra_deg, "[deg] right ascension at reference pixel"),
        ("CRVAL2", pointing.dec_deg, "[deg] declination at reference pixel"),
        ("CTYPE1", "RA---TAN-SIP", "TAN (gnomonic) projection + SIP distortions"),
        ("CTYPE2", "DEC--TAN-SIP", "TAN (gnomonic) projection + SIP distortions"),
        ("CUNIT1", "deg", "units of coordinate increment and value"),
        ("CUNIT2", "deg", "units of coordinate increment and value"),
        ("CD1_1", cd1_1, "partial of first axis coordinate w.r.t. x"),
        ("CD1_2", cd1_2, "partial of first axis coordinate w.r.t. y"),
        ("CD2_1", cd2_1, "partial of second axis coordinate w.r.t. x"),
        ("CD2_2", cd2_2, "partial of second axis coordinate w.r.t. y"),
        ("RADESYS", "ICRS", "equatorial coordinate system"),
        ("ORIENTAT", float(np.degrees(np.arctan2(cd1_2, cd2_2))), "[deg] position angle of the y axis"),
    ]
    cards += _sip_cards(chip)
    if chip.d2im_pix > 0:
        cards += _table_cards("D2IM", "D2IMDIS", "D2IMERR", chip.d2im_pix, first_table)
    if chip.npol_pix > 0:
        cards += _table_cards("DP", "CPDIS", "CPERR", chip.npol_pix, first_table)
    return cards


def _sip_cards(chip: Chip) -> list[Card]:
    cards: list[Card] = []
    for axis, polynomial in (("A", chip.sip_a), ("B", chip.sip_b)):
        cards.append((f"{axis}_ORDER", chip.sip_order, "SIP polynomial order, detector to sky"))
        cards += [
            (f"{axis}_{p}_{q}", value, "SIP distortion coefficient")
            for (p, q), value in sorted(polynomial.items())
        ]
    return cards


def _table_cards(record: str, kind: str, error: str, largest_pix: float, first_table: int) -> list[Card]:
    cards: list[Card] = []
    for axis in (1, 2):
        cards += [
            (f"{kind}{axis}", "LOOKUP", "distortion function type"),
            (f"{record}{axis}", f"EXTVER: {first_table + axis - 1}", "version of the table extension"),
            (f"{record}{axis}", "NAXES: 2", "number of independent variables"),
            (f"{record}{axis}", "AXIS.1: 1", "axis of the first variable"),
            (f"{record}{axis}", "AXIS.2: 2", "axis of the second variable"),
            (f"{error}{axis}", largest_pix, "[pix] largest correction on this axis"),
        ]
    return cards


def table_hdus(detector: Detector, chip: Chip, *, first_table: int) -> list[fits.ImageHDU]:
    """Return the WCSDVARR and D2IMARR extensions of a chip, two each, or none."""
    hdus: list[fits.ImageHDU] = []
    for name, largest_pix in (("WCSDVARR", chip.npol_pix), ("D2IMARR", chip.d2im_pix)):
        for axis in (0, 1) if largest_pix > 0 else ():
            key = f"{detector.name} chip {chip.ccdchip} {name} axis {axis}"
            hdu = fits.ImageHDU(lookup_table(key, chip, largest_pix=largest_pix), name=name)
            for fits_axis in (1, 2):
                hdu.header[f"CRPIX{fits_axis}"] = (0.0, "node before the first")
                hdu.header[f"CRVAL{fits_axis}"] = (0.0, "image pixel of that node")
                hdu.header[f"CDELT{fits_axis}"] = (float(TABLE_STEP_PIX), "image pixels between nodes")
            hdu.ver = first_table + axis
            hdus.append(hdu)
    return hdus


def lookup_table(key: str, chip: Chip, *, largest_pix: float) -> NDArray[np.float32]:
    """Return a smooth table of pixel corrections, the same for the same ``key``.

    Returns
    -------
    numpy.ndarray
        One node per 64 pixels, float32, pixels; the largest absolute value is ``largest_pix``.
    """
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    n_x, n_y = max(chip.n_x_pix // TABLE_STEP_PIX, 2), max(chip.n_y_pix // TABLE_STEP_PIX, 2)
    x, y = np.meshgrid(np.arange(1, n_x + 1) * TABLE_STEP_PIX, np.arange(1, n_y + 1) * TABLE_STEP_PIX)
    table = np.zeros((n_y, n_x))
    for _ in range(_N_WAVES):
        wavelength_pix, direction, phase = rng.uniform((500, 0, 0), (4000, np.pi, 2 * np.pi))
        along = x * np.cos(direction) + y * np.sin(direction)
        table += np.sin(2 * np.pi * along / wavelength_pix + phase)
    return np.asarray(table * (largest_pix / np.abs(table).max()), dtype=np.float32)


def local_matrix_arcsec(wcs: WCS, x_pix: Floats, y_pix: Floats) -> Floats:
    """Return the local map from pixel steps to (east, north) on the sky through all distortions.

    Parameters
    ----------
    x_pix, y_pix
        0-based positions, shape ``(n,)``.

    Returns
    -------
    numpy.ndarray
        ``(n, 2, 2)``, arcsec per pixel; on the tangent plane of the chip, whose areas differ from
        those on the sky by less than 1e-6.
    """
    along_x = _focal_step(wcs, x_pix, y_pix, (0.5, 0.0))
    along_y = _focal_step(wcs, x_pix, y_pix, (0.0, 0.5))
    return np.asarray(3600 * wcs.wcs.cd @ np.stack([along_x, along_y], axis=-1))


def _focal_step(wcs: WCS, x_pix: Floats, y_pix: Floats, half: Sequence[float]) -> Floats:
    after = np.stack(wcs.pix2foc(x_pix + half[0], y_pix + half[1], 0), axis=-1)
    before = np.stack(wcs.pix2foc(x_pix - half[0], y_pix - half[1], 0), axis=-1)
    return np.asarray(after - before)


def area_ratio(wcs: WCS, shape: tuple[int, int], *, scale_arcsec: float) -> NDArray[np.float32]:
    """Return reference pixel area over true pixel area, for each pixel of a chip.

    A flat field makes a uniform sky uniform, so calibrated pixels hold surface brightness per
    reference area: light fallen on a pixel times this ratio.

    Parameters
    ----------
    wcs
        WCS of the chip with all its distortions.
    shape
        ``(ny, nx)``.
    scale_arcsec
        Side of the reference pixel (IDCSCALE).

    Returns
    -------
    numpy.ndarray
        ``(ny, nx)``, float32; exact on a grid of 16 pixels, bilinear between.
    """
    y_node, x_node = (_area_nodes(n) for n in shape)
    x, y = np.meshgrid(x_node, y_node)
    matrix = local_matrix_arcsec(wcs, x.ravel(), y.ravel())
    ratio = scale_arcsec**2 / np.abs(np.linalg.det(matrix)).reshape(x.shape)
    return _bilinear(ratio.astype(np.float32), shape)


def _area_nodes(n_pix: int) -> Floats:
    # Half a step off the nodes of the lookup tables, whose slope jumps there.
    first = -_AREA_STEP_PIX / 2 - 1
    return first + _AREA_STEP_PIX * np.arange(n_pix // _AREA_STEP_PIX + 3, dtype=np.float64)


def _bilinear(nodes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    low_y, part_y = _node_weights(shape[0])
    low_x, part_x = _node_weights(shape[1])
    across = nodes[:, low_x] * (1 - part_x) + nodes[:, low_x + 1] * part_x
    full = np.empty(shape, dtype=np.float32)
    # One band of rows between two nodes at a time stays in the processor's cache.
    for low in range(low_y[-1] + 1):
        rows = slice(*np.searchsorted(low_y, (low, low + 1)))
        np.multiply.outer(part_y[rows], across[low + 1] - across[low], out=full[rows])
        full[rows] += across[low]
    return full


def _node_weights(n_pix: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    place = (np.arange(n_pix) - _area_nodes(n_pix)[0]) / _AREA_STEP_PIX
    low = np.floor(place).astype(np.int64)
    return low, (place - low).astype(np.float32)
