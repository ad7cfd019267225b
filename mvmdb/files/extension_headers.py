"""Headers of the image extensions of a product: SCI, WHT, ERR and CTX."""

from __future__ import annotations

import math
from collections.abc import Sequence

from astropy.io import fits

from mvmdb.files.cards import COMMON, HeaderCard, common_value, make_header
from mvmdb.files.checks import Scalar
from mvmdb.files.hdrtab import ChipHeader, sky_in_input_units
from mvmdb.files.header_rules import blended_cards
from mvmdb.records import LayerImage, LayerPlan
from mvmdb.sky.outline import s_region, sky_outline

_JANSKY = 3.3356409519815204e4
"""1e23 / c, with c in Angstrom per second: f_nu in Jy is this times the wavelength squared times f_lambda."""
_REGION = "outline of WHT > 0: tolerance 1 pixel, no specks or pin holes"


def science_cards(plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader]) -> list[HeaderCard]:
    """Return the cards of SCI: electrons per second, with the photometric calibration of the inputs."""
    skies = sky_in_input_units(plan.inputs, image)
    mean_sky = math.fsum(skies) / len(skies)
    observed = image.weight if image.observed is None else image.observed
    made = [
        *_extension_cards("SCI", "ELECTRONS/S", "electrons per second in an output pixel"),
        *_wcs_cards(plan),
        HeaderCard("VAFACTOR", 1.0, "velocity aberration, removed"),
        HeaderCard("MVMPXARE", _central_area_ratio(plan), "true / nominal area of the central pixel"),
        HeaderCard("LONGSTRN", "OGIP 1.0", "S_REGION goes on in CONTINUE cards"),
        HeaderCard("S_REGION", s_region(sky_outline(observed, plan.grid)) or None, "", _REGION),
        HeaderCard("MDRIZSKY", mean_sky, "sky subtracted, in input units", "mean over chips"),
        *_photometry_cards(plan, image, chip_headers),
    ]
    names = {card.keyword for card in made}
    blended = blended_cards("SCI", plan.inputs, chip_headers)
    return [*made, *(card for card in blended if card.keyword not in names)]


def weight_header(plan: LayerPlan) -> fits.Header:
    """Return the WHT header.

    Notes
    -----
    The weight is an exposure time multiplied by a ratio of areas, hence seconds. The reference calls
    it UNITLESS, which hides this and is no unit of the FITS standard; ``s`` is one.
    """
    return make_header(
        [*_extension_cards("WHT", "s", "exposure time x (output / input area)"), *_wcs_cards(plan)]
    )


def error_header(plan: LayerPlan) -> fits.Header:
    """Return the ERR header."""
    header = make_header([*_extension_cards("ERR", "ELECTRONS/S", "standard deviation"), *_wcs_cards(plan)])
    header.add_comment("Propagated from the errors of the inputs through the same kernel;")
    header.add_comment("neighbouring pixels are correlated, which it does not say.")
    return header


def context_header(plan: LayerPlan) -> fits.Header:
    """Return the CTX header; UNITLESS as in the reference, since bits have no unit."""
    header = make_header([*_extension_cards("CTX", "UNITLESS", "each bit is an input"), *_wcs_cards(plan)])
    header.add_comment("Bit k (0 the lowest) of plane p (0 the first) is set where the input of")
    header.add_comment("row 32 p + k (0 the first) of HDRTAB contributed.")
    return header


def _extension_cards(name: str, unit: str, meaning: str) -> list[HeaderCard]:
    return [
        HeaderCard("INHERIT", True, "inherit the primary header"),
        HeaderCard("EXTNAME", name, "extension name"),
        HeaderCard("EXTVER", 1, "extension version"),
        HeaderCard("BUNIT", unit, meaning),
    ]


def _wcs_cards(plan: LayerPlan) -> list[HeaderCard]:
    """Return the WCS of the subarray, as the document prints it.

    LTV and LTM follow IRAF: pixel here = LTM x pixel of the full skycell at this scale + LTV, both
    counted from 1. So LTV is minus the 0-based corner of the subarray.
    """
    grid, box = plan.grid, plan.box
    wcsname = common_value(chip.wcsname for chip in plan.inputs)
    return [
        HeaderCard("WCSAXES", 2, "number of coordinate axes"),
        HeaderCard("WCSNAME", wcsname, "solution of the inputs", COMMON),
        HeaderCard("CTYPE1", "RA---TAN", "right ascension, tangent plane"),
        HeaderCard("CTYPE2", "DEC--TAN", "declination, tangent plane"),
        HeaderCard("CUNIT1", "deg", "unit of CRVAL1"),
        HeaderCard("CUNIT2", "deg", "unit of CRVAL2"),
        HeaderCard("CRVAL1", grid.crval_ra_deg, "tangent point, right ascension (deg)"),
        HeaderCard("CRVAL2", grid.crval_dec_deg, "tangent point, declination (deg)"),
        HeaderCard("CRPIX1", grid.crpix_x, "pixel of the tangent point, x from 1"),
        HeaderCard("CRPIX2", grid.crpix_y, "pixel of the tangent point, y from 1"),
        HeaderCard("CD1_1", -grid.cd_deg, "degrees per pixel: x grows to the west"),
        HeaderCard("CD1_2", 0.0, ""),
        HeaderCard("CD2_1", 0.0, ""),
        HeaderCard("CD2_2", grid.cd_deg, "degrees per pixel: y grows to the north"),
        HeaderCard("RADESYS", "ICRS", "reference frame"),
        HeaderCard("EQUINOX", 2000.0, "equinox of the coordinates"),
        HeaderCard("ORIENTAT", 0.0, "position angle of the y axis (deg)"),
        HeaderCard("LTV1", float(-box.x0), "x here = x in the full SkyCell + LTV1"),
        HeaderCard("LTV2", float(-box.y0), "y here = y in the full SkyCell + LTV2"),
        HeaderCard("LTM1_1", 1.0, "sampling relative to the SkyCell in x"),
        HeaderCard("LTM2_2", 1.0, "sampling relative to the SkyCell in y"),
    ]


def _central_area_ratio(plan: LayerPlan) -> float:
    grid = plan.grid
    return grid.sky_area_ratio((grid.n_x_pix - 1) / 2, (grid.n_y_pix - 1) / 2)


def _photometry_cards(
    plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader]
) -> list[HeaderCard]:
    """Return the calibration, where every input has one."""
    flam, flam_rule = _photflam(plan, image, chip_headers)
    plam = _mean([_positive(header.get("PHOTPLAM"), 1.0) for header in chip_headers])
    # WFPC2 separates the words by commas.
    modes = [str(header.get("PHOTMODE", "")).replace(",", " ").split() for header in chip_headers]
    shared = " ".join(word for word in modes[0] if all(word in mode for mode in modes))
    fnu = None
    if flam and plam and all("PHOTFNU" in header for header in chip_headers):
        fnu = _JANSKY * plam**2 * flam
    return [
        HeaderCard("PHOTFLAM", flam, "inverse sensitivity, erg/s/cm2/A per e-/s", flam_rule),
        HeaderCard("PHOTFNU", fnu, "inverse sensitivity, Jy per e-/s", "from PHOTFLAM and PHOTPLAM"),
        HeaderCard("PHOTPLAM", plam, "pivot wavelength (A)", "mean over chips, if all of them have it"),
        HeaderCard("PHOTMODE", shared or None, "words common to all chips", "words common to all chips"),
    ]


def _photflam(
    plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader]
) -> tuple[float | None, str]:
    if image.preparation.photflam is not None:
        return image.preparation.photflam, "of the layer, to which all chips were scaled"
    # Only WFPC2 states PHOTFLAM per count; the pixels of a product are electrons.
    gains = [chip.file.gain_e_per_dn if plan.layer.instrument == "wfpc2" else 1.0 for chip in plan.inputs]
    flams = [_positive(h.get("PHOTFLAM"), gain) for h, gain in zip(chip_headers, gains, strict=True)]
    return _mean(flams), "mean over chips, per electron, if all of them have it"


def _positive(value: Scalar | None, divisor: float) -> float | None:
    """Return the quotient; None for what is no calibration (absent, text, zero)."""
    return value / divisor if isinstance(value, int | float) and value > 0 else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
