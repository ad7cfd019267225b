"""From the keywords of a chip to its mapping on the sky: TAN with SIP, NPOL and D2IM.

The mapping is set up from numbers that were checked one by one. No WCS library parses the header: parsers
were seen to hang or crash on a single damaged card, and the alternate solutions of Hubble headers are of no
use here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS, DistortionLookupTable, Sip
from numpy.typing import NDArray

from mvmdb.errors import HeaderError
from mvmdb.files.checks import MAX_IMAGE_SIDE_PIX, Keywords
from mvmdb.files.opening import HeaderDataUnit
from mvmdb.sky.distortion import ChipDistortion, LookupTable, Pair, SipPolynomials
from mvmdb.sky.footprint import PixelToSky
from mvmdb.sky.sphere import Floats, wrap_ra_deg

FindTable = Callable[[str, int], HeaderDataUnit | None]
"""Finds an extension of the file by EXTNAME and EXTVER."""

TABLE_NAMES = ("WCSDVARR", "D2IMARR")
SMALLEST_SCALE_ARCSEC, LARGEST_SCALE_ARCSEC = 0.005, 1.0

_UPDATE_HINT = "bring the WCS up to date with stwcs.updatewcs"
_HIGHEST_SIP_ORDER = 9
_LARGEST_STRETCH = 1.5
"""The oblique pixels of ACS/HRC and SBC are longer one way than the other by a sixth."""
_LARGEST_SHIFT_PIX = 100.0
_UNKNOWN_DISTORTION = re.compile(r"AXISCORR|CQDIS\d|PV\d+_\d+")


@dataclass(frozen=True)
class _TableKind:
    """How the header refers to a pair of lookup tables, and where they enter the mapping."""

    type_keyword: str
    record: str
    extension: str


_TABLE_KINDS = (
    _TableKind("CPDIS", "DP", "WCSDVARR"),
    _TableKind("D2IMDIS", "D2IM", "D2IMARR"),
)


def read_distortion(keywords: Keywords, find_table: FindTable) -> ChipDistortion:
    """Return the mapping of a chip as numbers, each of them checked.

    Parameters
    ----------
    keywords
        Header of the SCI extension alone.
    find_table
        Finds the lookup tables among the extensions of the same file, data included.

    Raises
    ------
    WcsError
        A keyword is missing, impossible, or describes something other than TAN[-SIP] with NPOL and D2IM
        tables; a table is missing or impossible.
    """
    checked = keywords.for_wcs()
    _require_tan(checked)
    crpix = checked.number("CRPIX1", -1e5, 1e5), checked.number("CRPIX2", -1e5, 1e5)
    crval_deg = checked.number("CRVAL1", -360, 360), checked.number("CRVAL2", -90, 90)
    cd_deg = _read_cd_deg(checked)
    # the default of the standard for a zenithal projection
    lonpole_deg = checked.number("LONPOLE", -360, 360, default=180.0 if crval_deg[1] < 90 else 0.0)
    sip = _read_sip(checked, crpix)
    npol, d2im = (
        (_read_table(checked, kind, 1, find_table), _read_table(checked, kind, 2, find_table))
        for kind in _TABLE_KINDS
    )
    return ChipDistortion(crpix, crval_deg, cd_deg, lonpole_deg, sip, npol, d2im)


def pixel_to_sky(distortion: ChipDistortion) -> PixelToSky:
    """Return the mapping of a chip through its full distortion, as astropy evaluates it.

    Returns
    -------
    PixelToSky
        From 0-based pixel arrays of any one shape to right ascension in [0, 360) and declination, degrees.
    """
    wcs = WCS(naxis=2)
    # without the suffix -SIP, which announces header cards: here the polynomials go in as an attribute
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cd = distortion.crpix, distortion.crval_deg, distortion.cd_deg
    wcs.wcs.lonpole = distortion.lonpole_deg
    if distortion.sip is not None:
        wcs.sip = Sip(distortion.sip.a, distortion.sip.b, None, None, distortion.sip.crpix)
    wcs.cpdis1, wcs.cpdis2 = map(_astropy_table, distortion.npol)
    wcs.det2im1, wcs.det2im2 = map(_astropy_table, distortion.d2im)
    wcs.wcs.set()

    def to_sky(x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        ra_deg, dec_deg = wcs.all_pix2world(x_pix, y_pix, 0)
        return wrap_ra_deg(ra_deg), dec_deg

    return to_sky


def _astropy_table(table: LookupTable | None) -> DistortionLookupTable | None:
    if table is None:
        return None
    return DistortionLookupTable(table.shifts_pix, table.crpix, table.crval, table.cdelt)


def linear_scale_arcsec(keywords: Keywords) -> float:
    """Return the side of a square pixel of the area that the CD matrix alone gives.

    Raises
    ------
    WcsError
        The matrix is missing, singular, or its pixels are not between 0.005" and 1".
    """
    cd_deg = _read_cd_deg(keywords.for_wcs())
    return 3600 * math.sqrt(abs(float(np.linalg.det(cd_deg))))


def _require_tan(keywords: Keywords) -> None:
    """Raise unless the header describes an ICRS-like tangent plane in degrees, SIP as its CTYPE says."""
    keywords.integer("WCSAXES", 2, 2, default=2)
    suffix = "-SIP" if "A_ORDER" in keywords.values else ""
    for i, name in ((1, "RA---TAN"), (2, "DEC--TAN")):
        ctype = keywords.text(f"CTYPE{i}").upper()
        if ctype != name + suffix:
            given = f"{'' if suffix else 'no '}SIP terms"
            raise keywords.fault(
                f"CTYPE{i}", f"is {ctype!r}, not {name + suffix!r} with {given}", hint=_UPDATE_HINT
            )
        if keywords.text(f"CUNIT{i}", default="deg").lower() not in ("deg", ""):
            raise keywords.fault(f"CUNIT{i}", f"is {keywords.text(f'CUNIT{i}')!r}, not 'deg'")
    if keywords.text("RADESYS", default="ICRS").upper() not in ("ICRS", "FK5", ""):
        raise keywords.fault("RADESYS", f"is {keywords.text('RADESYS')!r}, neither ICRS nor FK5")
    keywords.number("EQUINOX", 2000, 2000, default=2000.0)
    strange = next((k for k in keywords.values if _UNKNOWN_DISTORTION.fullmatch(k)), None)
    if strange is not None:
        raise keywords.fault(strange, "belongs to a distortion that is not supported", hint=_UPDATE_HINT)


def _read_cd_deg(keywords: Keywords) -> Floats:
    """Return the CD matrix, degrees per pixel, if it makes pixels of a likely size and shape."""
    cd_deg = np.array([[keywords.number(f"CD{i}_{j}", -1, 1) for j in (1, 2)] for i in (1, 2)])
    area_arcsec2 = 3600**2 * abs(float(np.linalg.det(cd_deg)))
    if not SMALLEST_SCALE_ARCSEC**2 <= area_arcsec2 <= LARGEST_SCALE_ARCSEC**2:
        raise keywords.fault("CD1_1", f"the CD matrix gives pixels of {math.sqrt(area_arcsec2):.3g} arcsec")
    long_arcsec, short_arcsec = 3600 * np.linalg.svd(cd_deg, compute_uv=False)
    if long_arcsec > _LARGEST_STRETCH * short_arcsec:
        shape = f"{long_arcsec:.3g} by {short_arcsec:.3g} arcsec"
        raise keywords.fault("CD1_1", f"the CD matrix stretches pixels to {shape}")
    return cd_deg


def _read_sip(keywords: Keywords, crpix: Pair) -> SipPolynomials | None:
    """Return the SIP polynomials, or None where the header has none."""
    if "A_ORDER" not in keywords.values and "B_ORDER" not in keywords.values:
        return None
    for name in ("AP", "BP"):
        keywords.integer(f"{name}_ORDER", 0, _HIGHEST_SIP_ORDER, default=0)
    return SipPolynomials(_read_polynomial(keywords, "A"), _read_polynomial(keywords, "B"), crpix)


def _read_polynomial(keywords: Keywords, name: str) -> Floats:
    """Return the coefficients of x^i y^j at [i, j]; absent ones are zero."""
    order = keywords.integer(f"{name}_ORDER", 0, _HIGHEST_SIP_ORDER)
    coefficients = np.zeros((order + 1, order + 1))
    for i in range(order + 1):
        for j in range(order + 1 - i):
            coefficients[i, j] = keywords.number(f"{name}_{i}_{j}", -1e3, 1e3, default=0.0)
    return coefficients


def _read_table(keywords: Keywords, kind: _TableKind, axis: int, find_table: FindTable) -> LookupTable | None:
    """Return the lookup table of one axis, or None where the header names none."""
    type_keyword, record = f"{kind.type_keyword}{axis}", f"{kind.record}{axis}"
    distortion = keywords.text(type_keyword, default="")
    if not distortion:
        return None
    if distortion.upper() != "LOOKUP":
        raise keywords.fault(type_keyword, f"is {distortion!r}, not 'Lookup'", hint=_UPDATE_HINT)
    for i in (1, 2):
        keywords.integer(f"{record}.AXIS.{i}", i, i, default=i)
    version = keywords.integer(f"{record}.EXTVER", 1, 9999, default=1)
    table = find_table(kind.extension, version)
    if table is None:
        raise keywords.fault(f"{record}.EXTVER", f"names {kind.extension},{version}, which the file lacks")
    return _lookup_table(table.keywords.for_wcs(), _table_shifts_pix(table))


def _lookup_table(keywords: Keywords, shifts_pix: NDArray[np.float32]) -> LookupTable:
    """Return the table with its place on the chip, as its own header gives it."""
    return LookupTable(
        shifts_pix,
        crpix=_read_pair(keywords, "CRPIX", -1e5, 1e5, 0.0),
        crval=_read_pair(keywords, "CRVAL", -1e5, 1e5, 0.0),
        cdelt=_read_pair(keywords, "CDELT", 1e-2, MAX_IMAGE_SIDE_PIX, 1.0),
    )


def _read_pair(keywords: Keywords, name: str, least: float, greatest: float, default: float) -> Pair:
    """Return the values of a keyword of both axes."""
    first, second = (keywords.number(f"{name}{i}", least, greatest, default=default) for i in (1, 2))
    return first, second


def _table_shifts_pix(table: HeaderDataUnit) -> NDArray[np.float32]:
    """Return the values of a lookup table."""
    checked = table.keywords.for_wcs()
    try:
        shifts_pix = table.image()[:]
    except HeaderError as error:
        raise checked.fault(error.keyword or "NAXIS", "the lookup table is no image") from error
    if not np.all(np.abs(shifts_pix) <= _LARGEST_SHIFT_PIX):
        name = checked.extension[0]
        raise checked.fault("EXTNAME", f"{name} holds shifts beyond {_LARGEST_SHIFT_PIX:g} pixels")
    return shifts_pix.astype(np.float32)
