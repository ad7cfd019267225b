"""Headers of a product: every keyword with the rule that made it."""

from __future__ import annotations

import math
import textwrap
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from astropy.io import fits

from mvmdb.files.checks import Scalar
from mvmdb.files.hdrtab import ChipHeader, kept_keywords
from mvmdb.records import LayerInput, LayerPlan, LayerStatistics

MULTIPLE = "MULTIPLE"
"""Stands for a keyword on which the inputs disagree."""

_CARD_LENGTH = 80
_HISTORY_LENGTH = 72
_LONGEST_TEXT = 68
_MJD_ZERO = datetime(1858, 11, 17)
# Rules that HISTORY states, to be read after a keyword.
_COMMON = "value common to all inputs, else MULTIPLE"
_ANY = "T when any input is simulated"
_PROPOSALS = "integer when there is one; else a list, MULTIPLE if too long"
_SEEN = "pixels with positive WHT over all pixels of the full SkyCell"
_CHIPS = "each chip counts as one exposure"
_RECIPE = "equal values mean equal inputs, extent, parameters and engine"

_FILTER_KEYWORDS = {"acs": ("FILTER1", "FILTER2"), "wfpc2": ("FILTNAM1", "FILTNAM2")}


@dataclass(frozen=True)
class BuildStamp:
    """Which execution made a product, when, and with what."""

    build_id: str
    """UUID of the build."""
    revision: int
    """Counts the products of a layer from 1."""
    created_utc: str
    """ISO 8601; without an offset it is taken as UTC."""
    versions: Mapping[str, str]
    """Version by package name; names at least ``mvmdb``."""

    def __post_init__(self) -> None:
        if str(uuid.UUID(self.build_id)) != self.build_id or "mvmdb" not in self.versions:
            raise ValueError(f"not a build stamp: {self}")

    @property
    def date(self) -> str:
        """Time of the build in the form of the DATE keyword: UTC, whole seconds, no offset."""
        moment = datetime.fromisoformat(self.created_utc)
        utc = moment.astimezone(UTC) if moment.tzinfo else moment
        return utc.strftime("%Y-%m-%dT%H:%M:%S")


class HeaderCard(NamedTuple):
    """A keyword; left out where the value is None."""

    keyword: str
    value: Scalar | None
    comment: str
    rule: str = ""
    """How the value came about, for HISTORY."""


def primary_header(
    plan: LayerPlan, statistics: LayerStatistics, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> fits.Header:
    """Return the PRIMARY header.

    Parameters
    ----------
    plan, statistics, stamp
        What was built, what came out, and by which build.
    chip_headers
        Headers of the inputs, in their order.

    Notes
    -----
    Keywords that belong to one exposure (IPPPSSOO, ASN_ID, calibration switches ...) are not here but
    in HDRTAB; HISTORY lists them (multivisit_products.rst, "MVM-specific keywords").
    """
    cards = [
        *_identity_cards(plan, chip_headers, stamp),
        *_exposure_cards(plan.inputs),
        *_proposal_cards(chip_headers),
        *_statistics_cards(plan, statistics),
        *_recipe_cards(plan, stamp),
    ]
    header = fits.Header([_fits_card(card) for card in cards if card.value is not None])
    here = {*header, *science_header(plan, chip_headers)}
    gone = [keyword for keyword in kept_keywords(chip_headers) if keyword not in here]
    for line in _history_lines(plan, stamp, cards, gone):
        header.add_history(line)
    return header


def science_header(plan: LayerPlan, chip_headers: Sequence[ChipHeader]) -> fits.Header:
    """Return the SCI header: electrons per second, with the photometric calibration of the inputs."""
    cards = [
        *_extension_cards("SCI", "ELECTRONS/S", "electrons per second in an output pixel"),
        *_wcs_cards(plan),
        *_photometry_cards(plan, chip_headers),
    ]
    return _header(cards)


def weight_header(plan: LayerPlan) -> fits.Header:
    """Return the WHT header.

    Notes
    -----
    The weight is an exposure time multiplied by a ratio of areas, hence seconds. The reference calls
    it UNITLESS, which hides this and is no unit of the FITS standard; ``s`` is one.
    """
    return _header(
        [*_extension_cards("WHT", "s", "exposure time x (output / input area)"), *_wcs_cards(plan)]
    )


def context_header(plan: LayerPlan) -> fits.Header:
    """Return the CTX header; UNITLESS as in the reference, since bits have no unit."""
    cards = [*_extension_cards("CTX", "UNITLESS", "each bit is an input"), *_wcs_cards(plan)]
    header = _header(cards)
    header.add_comment("Bit k (0 the lowest) of plane p (0 the first) is set where the input of")
    header.add_comment("row 32 p + k (0 the first) of HDRTAB contributed.")
    return header


def common_value(values: Iterable[Scalar | None]) -> Scalar | None:
    """Return what all agree on, else ``MULTIPLE``; None where nobody says anything."""
    distinct = {value.strip() if isinstance(value, str) else value for value in values}
    return distinct.pop() if len(distinct) == 1 else (MULTIPLE if distinct else None)


def iso_date(mjd: float) -> str:
    """Return a modified Julian date as ISO 8601 to the millisecond."""
    moment = _MJD_ZERO + timedelta(milliseconds=round(mjd * 86_400_000))
    return moment.isoformat(timespec="milliseconds")


def _header(cards: Iterable[HeaderCard]) -> fits.Header:
    return fits.Header([_fits_card(card) for card in cards if card.value is not None])


def _fits_card(card: HeaderCard) -> fits.Card:
    """Return the card; the comment stays away where the value leaves no room for it."""
    value = card.value
    if isinstance(value, str):
        value = value.encode("ascii", "replace").decode()
    elif isinstance(value, float) and not math.isfinite(value):
        value = None  # FITS headers have no NaN: the keyword stays, undefined
    room = _CARD_LENGTH - len(str(fits.Card(card.keyword, value)).rstrip()) - len(" / ")
    return fits.Card(card.keyword, value, card.comment if len(card.comment) <= room else "")


def _identity_cards(
    plan: LayerPlan, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> list[HeaderCard]:
    layer = plan.layer
    simulated = any(header.get("SIMULATE") is True for header in chip_headers)
    return [
        HeaderCard("EXTEND", True, "the file has extensions"),
        HeaderCard("NEXTEND", 4, "number of extensions"),
        HeaderCard("DATE", stamp.date, "when the file was written (UTC)"),
        HeaderCard("FILENAME", str(plan.product_name), "name of the file"),
        HeaderCard("ROOTNAME", plan.product_name.stem, "name of the layer"),
        HeaderCard("TELESCOP", "HST", "telescope"),
        HeaderCard("INSTRUME", layer.instrument.upper(), "instrument"),
        HeaderCard("DETECTOR", layer.detector.upper(), "detector"),
        HeaderCard("FILTER", layer.filter.upper().replace("-", ";"), "filter", "from the layer"),
        *(
            HeaderCard(keyword, common_value(h.get(keyword) for h in chip_headers), "filter wheel", _COMMON)
            for keyword in _FILTER_KEYWORDS.get(layer.instrument, ())
        ),
        HeaderCard("HAPLEVEL", 4, "product level: multi-visit mosaic"),
        HeaderCard("SIMULATE", True if simulated else None, "SIMULATED data, not an observation", _ANY),
        HeaderCard("EQUINOX", 2000.0, "equinox of the coordinates"),
    ]


def _exposure_cards(inputs: Sequence[LayerInput]) -> list[HeaderCard]:
    exposures = {chip.exposure_id: chip for chip in inputs}.values()
    exptime_s = math.fsum(exposure.exptime_s for exposure in exposures)
    start_mjd = min(exposure.start_mjd for exposure in exposures)
    end_mjd = max(exposure.end_mjd for exposure in exposures)
    start, end = iso_date(start_mjd), iso_date(end_mjd)
    return [
        HeaderCard("NUMEXP", len(exposures), "number of exposures", "number of distinct exposures"),
        HeaderCard("NDRIZIM", len(inputs), "number of chips drizzled", "number of rows of HDRTAB"),
        HeaderCard("EXPTIME", exptime_s, "exposure time (s)", "sum over distinct exposures"),
        HeaderCard("TEXPTIME", exptime_s, "total exposure time (s)", "same as EXPTIME"),
        HeaderCard("TIMESYS", "UTC", "time scale"),
        HeaderCard("EXPSTART", start_mjd, "start of the first exposure (MJD)", "minimum over exposures"),
        HeaderCard("EXPEND", end_mjd, "end of the last exposure (MJD)", "maximum over exposures"),
        HeaderCard("DATE-OBS", start[:10], "UT date of the first exposure", "from EXPSTART"),
        HeaderCard("TIME-OBS", start[11:19], "UT time of the first exposure", "from EXPSTART"),
        HeaderCard("DATE-BEG", start, "start of the first exposure", "from EXPSTART"),
        HeaderCard("DATE-END", end, "end of the last exposure", "from EXPEND"),
    ]


def _proposal_cards(chip_headers: Sequence[ChipHeader]) -> list[HeaderCard]:
    target = common_value(header.get("TARGNAME") for header in chip_headers)
    return [
        HeaderCard("PROPOSID", _proposals(chip_headers), "proposal of the exposures", _PROPOSALS),
        HeaderCard("TARGNAME", target, "target of the exposures", _COMMON),
    ]


def _proposals(chip_headers: Sequence[ChipHeader]) -> Scalar | None:
    """Return the one proposal as the integer it is everywhere else, several as text like ``11359; 12061``."""
    every = {str(header["PROPOSID"]).strip() for header in chip_headers if "PROPOSID" in header}
    found = sorted(every, key=lambda number: (len(number), number))
    if len(found) == 1 and found[0].isdecimal():
        return int(found[0])
    text = "; ".join(found)
    return (text if len(text) <= _LONGEST_TEXT else MULTIPLE) or None


def _statistics_cards(plan: LayerPlan, statistics: LayerStatistics) -> list[HeaderCard]:
    """Return the eight MVM keywords, described as in multivisit_products.rst as far as a card holds it."""
    mean_n, median_n = statistics.mean_n_exposures, statistics.median_n_exposures
    return [
        HeaderCard("SCELLID", str(plan.skycell), "ID of the SkyCell this mosaic covers"),
        HeaderCard(
            "NPIXFRAC", statistics.coverage_fraction, "fraction of full SkyCell observed by HST", _SEEN
        ),
        HeaderCard("MEANEXPT", statistics.mean_exptime_s, "mean exposure time of observed pixels (s)"),
        HeaderCard("MEDEXPT", statistics.median_exptime_s, "median exposure time of observed pixels (s)"),
        HeaderCard("MEANNEXP", mean_n, "mean number of exposures, observed pixels", _CHIPS),
        HeaderCard("MEDNEXP", median_n, "median number of exposures, observed pixels", _CHIPS),
        HeaderCard("MEANWHT", statistics.mean_weight, "mean weight (time) of observed pixels (s)"),
        HeaderCard("MEDWHT", statistics.median_weight, "median weight (time) of observed pixels (s)"),
    ]


def _recipe_cards(plan: LayerPlan, stamp: BuildStamp) -> list[HeaderCard]:
    how = plan.parameters
    return [
        HeaderCard("DRZKERN", how.kernel, "drizzle: kernel"),
        HeaderCard("DRZPIXFR", how.pixfrac, "drizzle: side of the drop / input pixel"),
        HeaderCard("DRZWTYPE", how.weighting, "drizzle: kind of weight"),
        HeaderCard("DRZBITS", how.good_bits, "drizzle: DQ bits that do not reject a pixel"),
        HeaderCard("DRZMAPER", how.mapping_error_pix, "drizzle: largest mapping error (pixel)"),
        HeaderCard("DRZSCALE", plan.grid.scale_arcsec, "drizzle: output pixel scale (arcsec)"),
        HeaderCard("MVMSELEC", plan.selection, "rule that selected the exposures"),
        HeaderCard("MVMBUILD", stamp.build_id, "UUID of the build"),
        HeaderCard("MVMRECIP", plan.recipe_sha256()[:16], "recipe: start of its SHA-256", _RECIPE),
        HeaderCard("MVMREV", stamp.revision, "revision of the product"),
        HeaderCard("MVMVER", stamp.versions["mvmdb"], "version of mvmdb"),
    ]


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
    return [
        HeaderCard("WCSAXES", 2, "number of coordinate axes"),
        HeaderCard("WCSNAME", common_value(chip.wcsname for chip in plan.inputs), "solution of the inputs"),
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


def _photometry_cards(plan: LayerPlan, chip_headers: Sequence[ChipHeader]) -> list[HeaderCard]:
    """Return the calibration, where every input has one."""
    # Only WFPC2 states PHOTFLAM per count; the pixels of a product are electrons.
    gains = [chip.file.gain_e_per_dn if plan.layer.instrument == "wfpc2" else 1.0 for chip in plan.inputs]
    flams = [_positive(h.get("PHOTFLAM"), gain) for h, gain in zip(chip_headers, gains, strict=True)]
    plams = [_positive(header.get("PHOTPLAM"), 1.0) for header in chip_headers]
    # WFPC2 separates the words by commas.
    modes = [str(header.get("PHOTMODE", "")).replace(",", " ").split() for header in chip_headers]
    shared = [word for word in modes[0] if all(word in mode for mode in modes)]
    return [
        HeaderCard("PHOTFLAM", _mean(flams), "mean over chips, erg/s/cm2/A per e-/s"),
        HeaderCard("PHOTPLAM", _mean(plams), "mean over chips, pivot wavelength (A)"),
        HeaderCard("PHOTMODE", " ".join(shared) or None, "words common to all chips"),
    ]


def _positive(value: Scalar | None, divisor: float) -> float | None:
    """Return the quotient; None for what is no calibration (absent, text, zero)."""
    return value / divisor if isinstance(value, int | float) and value > 0 else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _history_lines(
    plan: LayerPlan, stamp: BuildStamp, cards: Sequence[HeaderCard], gone: Sequence[str]
) -> list[str]:
    rules = [f"  {card.keyword:<8} {card.rule}" for card in cards if card.rule and card.value is not None]
    versions = ", ".join(f"{name} {version}" for name, version in stamp.versions.items())
    texts = [
        "Rules by which mvmdb made keywords of this header:",
        *rules,
        "Rules by which it made keywords of the extensions:",
        f"  WCSNAME  {_COMMON}",
        "  PHOTFLAM mean over chips, per electron, if all of them have it",
        "  PHOTPLAM mean over chips, if all of them have it",
        "  PHOTMODE words common to all chips",
        f"Written with {versions}.",
        f"Pixels computed by {plan.engine}.",
        "Other keywords of the inputs, which HDRTAB has for each chip:",
        "  " + " ".join(gone),
    ]
    return [line for text in texts for line in textwrap.wrap(text, _HISTORY_LENGTH, subsequent_indent="  ")]
