"""Rules that turn one keyword of many inputs into a keyword of the product.

A product has the keywords that a rule names and no others of its inputs: what belongs to one exposure
stays in HDRTAB. A rule applies where an input has the keyword, which makes it a rule for the instruments
that write it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from mvmdb.files.cards import MULTIPLE, HeaderCard, common_value
from mvmdb.files.checks import Scalar
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.records import LayerInput

Home = Literal["PRIMARY", "SCI"]

Numbers = Sequence[int | float]

_NUMBERS: dict[str, tuple[str, Callable[[Numbers], float]]] = {
    "sum": ("sum over exposures", math.fsum),
    "chipsum": ("sum over chips", math.fsum),
    "min": ("minimum over chips", min),
    "max": ("maximum over chips", max),
    "mean": ("mean over chips", lambda values: math.fsum(values) / len(values)),
}
_TEXTS = {
    "common": "value common to all inputs; else MULTIPLE if text, or left out",
    "bits": "bits set in any input",
    "zero": "zero, as the mosaic is north up",
}

_TABLE = """
    PRIMARY common IMAGETYP  kind of exposures
    PRIMARY common FILETYPE  kind of data in the inputs
    PRIMARY common PRIMESI   prime instrument
    PRIMARY common RA_TARG   right ascension of the target (deg)
    PRIMARY common DEC_TARG  declination of the target (deg)
    PRIMARY common PR_INV_L  principal investigator: last name
    PRIMARY common PR_INV_F  principal investigator: first name
    PRIMARY common PR_INV_M  principal investigator: middle name
    PRIMARY common FGSLOCK   lock on the guide stars
    PRIMARY common REFFRAME  catalogue of the guide stars
    PRIMARY common MTFLAG    moving target
    PRIMARY common QUALITY   remark on the quality of the exposures
    PRIMARY common T_SGSTAR  guide star control
    PRIMARY zero   PA_V3     position angle of the V3 axis (deg)
    PRIMARY common DARKTIME  time for which dark current was collected (s)
    PRIMARY common OBSTYPE   imaging or spectroscopy
    PRIMARY common OBSMODE   operating mode
    PRIMARY common MODE      operating mode
    PRIMARY common SUBTYPE   size of the readout
    PRIMARY common SUBARRAY  whether the inputs are subarrays
    PRIMARY common APERTURE  aperture
    PRIMARY common PROPAPER  aperture that was proposed
    PRIMARY common DIRIMAGE  direct image of a grism exposure
    PRIMARY common SCLAMP    calibration lamp
    PRIMARY common NRPTEXP   repeated exposures
    PRIMARY common CRSPLIT   exposures of a cosmic ray split
    PRIMARY common NSAMP     reads of an infrared exposure
    PRIMARY common SAMP_SEQ  sequence of the reads
    PRIMARY common CSMID     channel of WFC3
    PRIMARY common LRFWAVE   wavelength of a ramp filter (A)
    PRIMARY common FW1OFFST  offset of filter wheel 1
    PRIMARY common FW1ERROR  error of filter wheel 1
    PRIMARY common FW2OFFST  offset of filter wheel 2
    PRIMARY common FW2ERROR  error of filter wheel 2
    PRIMARY common FWSOFFST  offset of the filter wheel
    PRIMARY common FWSERROR  error of the filter wheel
    PRIMARY common SHUTTER   blade of the shutter
    PRIMARY common SHUTRPOS  blade of the shutter
    PRIMARY common NSHUTOPN  how often the shutter opened
    PRIMARY common SERIALS   serial clocks
    PRIMARY common SCAN_TYP  kind of scan
    PRIMARY common SCAN_WID  width of the scan (arcsec)
    PRIMARY common ANG_SIDE  angle of the scan's sides (deg)
    PRIMARY common DWELL_LN  dwell points in a line of the scan
    PRIMARY common DWELL_TM  wait at each dwell point (s)
    PRIMARY common SCAN_ANG  position angle of the scan (deg)
    PRIMARY common SCAN_RAT  rate of the scan (arcsec/s)
    PRIMARY common NO_LINES  lines of the scan
    PRIMARY common SCAN_LEN  length of the scan (arcsec)
    PRIMARY common SCAN_COR  frame of the scan
    PRIMARY common CHINJECT  charge injection
    PRIMARY common FLASHDUR  time of the post flash (s)
    PRIMARY common FLASHCUR  current of the post flash
    PRIMARY common FLASHLVL  level of the post flash (e-)
    PRIMARY common FLASHSTA  outcome of the post flash
    PRIMARY common CTEDIR    kind of charge transfer image
    PRIMARY common CTEIMAGE  kind of charge transfer image
    PRIMARY common CTE_NAME  charge transfer correction: method
    PRIMARY common CTE_VER   charge transfer correction: version
    PRIMARY common CTEDATE0  charge transfer model: installation (MJD)
    PRIMARY common CTEDATE1  charge transfer model: reference date (MJD)
    PRIMARY common PCTETLEN  charge transfer model: longest trail (pixel)
    PRIMARY common PCTERNOI  charge transfer model: read noise
    PRIMARY common PCTENFOR  charge transfer model: forward iterations
    PRIMARY common PCTENPAR  charge transfer model: parallel iterations
    PRIMARY common PCTEFRAC  charge transfer model: scale
    PRIMARY common PCTENSMD  charge transfer model: treatment of noise
    PRIMARY common PCTETRSH  charge transfer model: threshold
    PRIMARY common FIXROCR   readout cosmic rays corrected
    PRIMARY common CCDAMP    amplifiers
    PRIMARY common CCDGAIN   commanded gain (e-/DN)
    PRIMARY common ATODGAIN  gain (e-/DN)
    PRIMARY common CCDOFSTA  commanded bias offset, amplifier A
    PRIMARY common CCDOFSTB  commanded bias offset, amplifier B
    PRIMARY common CCDOFSTC  commanded bias offset, amplifier C
    PRIMARY common CCDOFSTD  commanded bias offset, amplifier D
    PRIMARY common ATODGNA   gain, amplifier A (e-/DN)
    PRIMARY common ATODGNB   gain, amplifier B (e-/DN)
    PRIMARY common ATODGNC   gain, amplifier C (e-/DN)
    PRIMARY common ATODGND   gain, amplifier D (e-/DN)
    PRIMARY common READNSEA  read noise, amplifier A (e-)
    PRIMARY common READNSEB  read noise, amplifier B (e-)
    PRIMARY common READNSEC  read noise, amplifier C (e-)
    PRIMARY common READNSED  read noise, amplifier D (e-)
    PRIMARY common BIASLEVA  bias level, amplifier A (DN)
    PRIMARY common BIASLEVB  bias level, amplifier B (DN)
    PRIMARY common BIASLEVC  bias level, amplifier C (DN)
    PRIMARY common BIASLEVD  bias level, amplifier D (DN)
    PRIMARY bits   BADINPDQ  DQ bits that cosmic ray rejection refused
    PRIMARY common CRMASK    cosmic rays flagged in the inputs
    PRIMARY common CRRADIUS  cosmic rays: radius of rejection (pixel)
    PRIMARY common CRTHRESH  cosmic rays: threshold
    PRIMARY common CRSIGMAS  cosmic rays: sigmas
    PRIMARY common INITGUES  cosmic rays: first guess
    PRIMARY common MEANEXP   cosmic rays: exposure time of the parameters
    PRIMARY common SCALENSE  cosmic rays: noise in proportion to the signal
    PRIMARY common REJ_RATE  cosmic rays: rate of pixels hit
    PRIMARY common SKYSUB    cosmic rays: sky
    PRIMARY sum    SKYSUM    sky found by the calibration (e-)
    PRIMARY sum    TDFTRANS  transitions of the take-data flag
    PRIMARY common CAL_VER   version of the calibration
    PRIMARY common OPUS_VER  version of the data processing
    PRIMARY common CSYS_VER  version of the calibration system
    PRIMARY common AWSYSVER  version of the infrastructure
    PRIMARY common AWSDPVER  version of the container
    PRIMARY common CRDS_CTX  context of the calibration references
    PRIMARY common CRDS_VER  version of the reference system
    PRIMARY common UPWCSVER  version of STWCS that wrote the WCS
    PRIMARY common PYWCSVER  version of Astropy that wrote the WCS
    SCI     common CCDCHIP   chip
    SCI     zero   PA_APER   position angle of the aperture (deg)
    SCI     common RA_APER   right ascension of the aperture (deg)
    SCI     common DEC_APER  declination of the aperture (deg)
    SCI     sum    NCOMBINE  images combined
    SCI     mean   PHOTZPT   zero point (ST magnitude)
    SCI     mean   PHOTBW    width of the passband (A)
    SCI     common PHTFLAM1  PHOTFLAM of UVIS1
    SCI     common PHTFLAM2  PHOTFLAM of UVIS2
    SCI     common PHTRATIO  PHTFLAM2 / PHTFLAM1
    SCI     common CENTERA1  centre of the readout, axis 1 (pixel)
    SCI     common CENTERA2  centre of the readout, axis 2 (pixel)
    SCI     common SIZAXIS1  size of the readout, axis 1 (pixel)
    SCI     common SIZAXIS2  size of the readout, axis 2 (pixel)
    SCI     common BINAXIS1  binning of the readout, axis 1
    SCI     common BINAXIS2  binning of the readout, axis 2
    SCI     common PODPSFF   fill in the data packets
    SCI     common STDCFFF   fill in the telemetry
    SCI     common STDCFFP   pattern of the fill
    SCI     common SDQFLAGS  DQ bits that are serious
    SCI     chipsum SOFTERRS pixels with soft errors
    SCI     common MEANFLSH  mean post flash (e-)
    SCI     min    GOODMIN   smallest good pixel of the inputs
    SCI     max    GOODMAX   largest good pixel of the inputs
    SCI     mean   GOODMEAN  mean good pixel of the inputs
    SCI     min    SNRMIN    smallest signal to noise of the inputs
    SCI     max    SNRMAX    largest signal to noise of the inputs
    SCI     mean   SNRMEAN   mean signal to noise of the inputs
"""


class HeaderRule(NamedTuple):
    """One line of the table."""

    home: str
    how: str
    keyword: str
    comment: str

    @property
    def text(self) -> str:
        """How the value comes about, for HISTORY."""
        return _NUMBERS[self.how][0] if self.how in _NUMBERS else _TEXTS[self.how]


RULES = tuple(HeaderRule(*line.split(None, 3)) for line in _TABLE.strip().splitlines())


def blended_cards(
    home: Home, inputs: Sequence[LayerInput], chip_headers: Sequence[ChipHeader]
) -> list[HeaderCard]:
    """Return the cards that the rules make of the headers of the inputs.

    Parameters
    ----------
    home
        The header they belong to.
    inputs, chip_headers
        Chips and their headers, in the same order.

    Returns
    -------
    list of HeaderCard
        Without value where no input has the keyword; where only some have it and the rule computes; and
        where numbers or switches should be equal and are not.
    """
    exposures = {chip.exposure_id: header for chip, header in zip(inputs, chip_headers, strict=True)}
    cards = []
    for rule in RULES:
        if rule.home == home:
            headers = list(exposures.values()) if rule.how == "sum" else chip_headers
            value = blended_value(rule.how, [header.get(rule.keyword) for header in headers])
            cards.append(HeaderCard(rule.keyword, value, rule.comment, rule.text))
    return cards


def blended_value(how: str, values: Sequence[Scalar | None]) -> Scalar | None:
    """Return what a rule makes of the values of the inputs; None leaves the keyword out."""
    if all(value is None for value in values):
        return None
    if how == "zero":
        return 0.0
    if how == "common":
        common = common_value(values)
        texts = all(isinstance(value, str) for value in values if value is not None)
        return common if common != MULTIPLE or texts else None
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return None
    if how == "bits":
        return _any_bits(numbers)
    result = _NUMBERS[how][1](numbers)
    return int(result) if all(isinstance(number, int) for number in numbers) and how != "mean" else result


def _any_bits(numbers: Numbers) -> int:
    bits = 0
    for number in numbers:
        bits |= int(number)
    return bits


def rule_lines(cards: Sequence[HeaderCard]) -> list[str]:
    """Return the rules of the cards that have a value, one line for each rule, as HISTORY states them."""
    by_rule: dict[str, list[str]] = {}
    for card in cards:
        if card.rule and card.value is not None:
            by_rule.setdefault(card.rule, []).append(card.keyword)
    return [f"  {rule}: {' '.join(keywords)}" for rule, keywords in by_rule.items()]


def rules_by_keyword() -> Mapping[str, HeaderRule]:
    """Return the rules by keyword, for the documentation."""
    return {rule.keyword: rule for rule in RULES}
