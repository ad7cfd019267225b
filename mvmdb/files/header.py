"""Headers of a product: every keyword with the rule that made it."""

from __future__ import annotations

import math
import re
import textwrap
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from astropy.io import fits

from mvmdb.files.cards import COMMON, MULTIPLE, HeaderCard, common_value, iso_date, make_header, n_records
from mvmdb.files.checks import Scalar
from mvmdb.files.drizzle_cards import MOST_CHIPS, drizzle_cards
from mvmdb.files.hdrtab import ChipHeader, kept_keywords
from mvmdb.files.header_rules import blended_cards, rule_lines
from mvmdb.files.rows import rows_card
from mvmdb.records import (
    ExcludedExposure,
    FootprintStatistics,
    LayerImage,
    LayerInput,
    LayerPlan,
    LayerStatistics,
    Preparation,
)

_HISTORY_LENGTH = 72
_LONGEST_TEXT = 68
# Rules that HISTORY states, to be read after a keyword.
_ANY = "T when any input is simulated"
_PROPOSALS = "integer when there is one; else a list, MULTIPLE if too long"
_SEEN = "pixels with positive WHT over all pixels of the full SkyCell"
_OUTLINES = "pixels inside an outline over all pixels of the full SkyCell"
_CHIPS = "each chip counts as one exposure"
_LEFT_OUT = "by exclusions and by MVMSELEC; listed below"
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
    host: str = ""
    """Name of the machine."""
    process_id: int = 0

    def __post_init__(self) -> None:
        if str(uuid.UUID(self.build_id)) != self.build_id or "mvmdb" not in self.versions:
            raise ValueError(f"not a build stamp: {self}")

    @property
    def date(self) -> str:
        """Time of the build in the form of the DATE keyword: UTC, whole seconds, no offset."""
        moment = datetime.fromisoformat(self.created_utc)
        utc = moment.astimezone(UTC) if moment.tzinfo else moment
        return utc.strftime("%Y-%m-%dT%H:%M:%S")


class PrimaryContent(NamedTuple):
    """What PRIMARY says."""

    cards: Sequence[HeaderCard]
    history: Sequence[str]
    """A line of HISTORY each."""

    def header(self) -> fits.Header:
        """Return the header, without what says that it is PRIMARY."""
        header = make_header(self.cards)
        for line in self.history:
            header.add_history(line)
        return header

    def n_records(self) -> int:
        """Return how many times 80 bytes it takes, without making it."""
        return n_records(self.cards) + len(self.history)


def primary_content(
    plan: LayerPlan,
    image: LayerImage,
    chip_headers: Sequence[ChipHeader],
    stamp: BuildStamp,
    science: Sequence[HeaderCard],
) -> PrimaryContent:
    """Return what the PRIMARY header says.

    Parameters
    ----------
    plan, image, stamp
        What was built, what came out, and by which build.
    chip_headers
        Headers of the inputs, in their order.
    science
        Cards of SCI, whose rules HISTORY states as well.

    Notes
    -----
    Keywords that belong to one exposure (IPPPSSOO, ASN_ID, calibration switches ...) are not here but
    in HDRTAB; HISTORY lists them (multivisit_products.rst, "MVM-specific keywords").
    """
    made = [
        *_identity_cards(plan, image, chip_headers, stamp),
        *_exposure_cards(plan.inputs),
        *_proposal_cards(chip_headers),
        *_statistics_cards(plan, image.statistics),
        *_footprint_cards(image.footprints),
        *_preparation_cards(image.preparation),
        *_recipe_cards(plan, image, stamp),
    ]
    names = {card.keyword for card in made}
    blended = blended_cards("PRIMARY", plan.inputs, chip_headers)
    cards = [*made, *(card for card in blended if card.keyword not in names)]
    history = _history_lines(plan, stamp, cards, science, chip_headers)
    return PrimaryContent([*cards, *drizzle_cards(plan, chip_headers)], history)


def _identity_cards(
    plan: LayerPlan, image: LayerImage, chip_headers: Sequence[ChipHeader], stamp: BuildStamp
) -> list[HeaderCard]:
    layer = plan.layer
    simulated = any(header.get("SIMULATE") is True for header in chip_headers)
    return [
        HeaderCard("EXTEND", True, "the file has extensions"),
        HeaderCard("NEXTEND", 4 if image.error is None else 5, "number of extensions"),
        HeaderCard("DATE", stamp.date, "when the file was written (UTC)"),
        HeaderCard("FILENAME", str(plan.product_name), "name of the file"),
        HeaderCard("ROOTNAME", plan.product_name.stem, "name of the layer"),
        HeaderCard("TELESCOP", "HST", "telescope"),
        HeaderCard("INSTRUME", layer.instrument.upper(), "instrument"),
        HeaderCard("DETECTOR", layer.detector.upper(), "detector"),
        HeaderCard("FILTER", layer.filter.upper().replace("-", ";"), "filter", "from the layer"),
        *(
            HeaderCard(keyword, common_value(h.get(keyword) for h in chip_headers), "filter wheel", COMMON)
            for keyword in _FILTER_KEYWORDS.get(layer.instrument, ())
        ),
        HeaderCard("ASN_MTYP", "PROD-DTH", "made from dithered exposures"),
        HeaderCard("PROD_VER", f"mvmdb {stamp.versions['mvmdb']}", "software that made the product"),
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
    investigator = common_value(header.get("PR_INV_L") for header in chip_headers)
    return [
        HeaderCard("PROPOSID", _proposals(chip_headers), "proposal of the exposures", _PROPOSALS),
        HeaderCard("TARGNAME", target, "target of the exposures", COMMON),
        HeaderCard("PINAME", investigator, "principal investigator", COMMON),
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


def _footprint_cards(footprints: FootprintStatistics | None) -> list[HeaderCard]:
    """Return the statistics as the reference takes them: from outlines, whether the data are good or not."""
    if footprints is None:
        return []
    mean_n, median_n = footprints.mean_n_exposures, footprints.median_n_exposures
    return [
        HeaderCard(
            "FPTFRAC", footprints.coverage_fraction, "NPIXFRAC by the outlines of the chips", _OUTLINES
        ),
        HeaderCard("FPTMEXPT", footprints.mean_exptime_s, "MEANEXPT by the outlines (s)"),
        HeaderCard("FPTMDEXP", footprints.median_exptime_s, "MEDEXPT by the outlines (s)"),
        HeaderCard("FPTMNEXP", mean_n, "MEANNEXP by the outlines", _CHIPS),
        HeaderCard("FPTMDNEX", median_n, "MEDNEXP by the outlines", _CHIPS),
    ]


def _preparation_cards(preparation: Preparation) -> list[HeaderCard]:
    return [
        HeaderCard("MVMSKY", preparation.sky, "matching of the sky"),
        HeaderCard("MVMSKYGR", preparation.n_sky_groups, "groups of matched exposures"),
        HeaderCard("MVMEQUAL", preparation.equalisation, "equalisation of sensitivities"),
    ]


def _recipe_cards(plan: LayerPlan, image: LayerImage, stamp: BuildStamp) -> list[HeaderCard]:
    how = plan.parameters
    return [
        HeaderCard("DRZKERN", how.kernel, "drizzle: kernel"),
        HeaderCard("DRZPIXFR", how.pixfrac, "drizzle: side of the drop / input pixel"),
        HeaderCard("DRZWTYPE", how.weighting, "drizzle: kind of weight"),
        HeaderCard("DRZBITS", how.good_bits, "drizzle: DQ bits that do not reject a pixel"),
        HeaderCard("DRZMAPER", how.mapping_error_pix, "drizzle: largest mapping error (pixel)"),
        HeaderCard("DRZSKY", how.sky, "drizzle: matching of the sky asked for"),
        HeaderCard("DRZSKYZ", how.sky_zero, "drizzle: level that matching leaves"),
        HeaderCard("DRZEQUAL", how.equalise, "drizzle: equalisation asked for"),
        HeaderCard("DRZERR", how.error, "drizzle: errors propagated"),
        HeaderCard("DRZSCALE", plan.grid.scale_arcsec, "drizzle: output pixel scale (arcsec)"),
        HeaderCard("LONGSTRN", "OGIP 1.0", "long values go on in CONTINUE cards"),
        HeaderCard("MVMPARAM", plan.parameter_choice, "set of parameters, and what was changed"),
        HeaderCard("MVMSELEC", plan.selection, "rule that selected the exposures"),
        HeaderCard("MVMSRULE", plan.selection_words, "what MVMSELEC asks for"),
        HeaderCard("MVMNEXCL", len(plan.excluded), "exposures the layer is built without", _LEFT_OUT),
        HeaderCard("MVMBUILD", stamp.build_id, "UUID of the build"),
        HeaderCard("MVMRECIP", plan.recipe_sha256()[:16], "recipe: start of its SHA-256", _RECIPE),
        HeaderCard("MVMREV", stamp.revision, "revision of the product"),
        HeaderCard("MVMVER", stamp.versions["mvmdb"], "version of mvmdb"),
        rows_card(
            plan,
            image,
            stamp.versions,
            created_utc=stamp.created_utc,
            host=stamp.host,
            process_id=stamp.process_id,
        ),
    ]


def _exclusion_lines(excluded: Sequence[ExcludedExposure]) -> list[str]:
    # What people write as a reason may hold more than the printable ASCII of FITS.
    lines = [re.sub(r"[^ -~]", "?", f"  {item.exposure} {item.code}: {item.detail}") for item in excluded]
    return ["Exposures that reach the SkyCell and were left out:", *lines] if lines else []


def _history_lines(
    plan: LayerPlan,
    stamp: BuildStamp,
    cards: Sequence[HeaderCard],
    science: Sequence[HeaderCard],
    chip_headers: Sequence[ChipHeader],
) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in stamp.versions.items())
    here = {card.keyword for card in (*cards, *science) if card.value is not None}
    gone = [keyword for keyword in kept_keywords(chip_headers) if keyword not in here]
    beyond = len(plan.inputs) - MOST_CHIPS
    texts = [
        "Rules by which mvmdb made keywords of this header:",
        *rule_lines(cards),
        "Rules by which it made keywords of SCI:",
        *rule_lines(science),
        f"Written with {versions}.",
        f"Pixels computed by {plan.engine}.",
        *([f"The last {beyond} chips have no D keywords but rows of HDRTAB."] if beyond > 0 else []),
        *_exclusion_lines(plan.excluded),
        "Other keywords of the inputs, which HDRTAB has for each chip:",
        "  " + " ".join(gone),
    ]
    return [line for text in texts for line in textwrap.wrap(text, _HISTORY_LENGTH, subsequent_indent="  ")]
