"""What the headers of ACS, WFC3 and WFPC2 call detector, filter, units and gain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mvmdb.files.checks import Keywords
from mvmdb.records import Bunit


@dataclass(frozen=True)
class _Instrument:
    """The habits of an instrument's headers."""

    detectors: tuple[str, ...]
    """More than one: the DETECTOR keyword tells."""
    filter_keywords: tuple[str, ...]
    default_bunit: str | None = None


_INSTRUMENTS = {
    "acs": _Instrument(("wfc", "hrc", "sbc"), ("FILTER1", "FILTER2")),
    "wfc3": _Instrument(("uvis", "ir"), ("FILTER",)),
    # one mosaic for its four chips, under the name of the first; old files do not tell their unit
    "wfpc2": _Instrument(("pc",), ("FILTNAM1", "FILTNAM2"), "COUNTS"),
}

_BUNITS: dict[str, Bunit] = {
    "ELECTRONS": "ELECTRONS",
    "ELECTRON": "ELECTRONS",
    "ELECTRONS/S": "ELECTRONS/S",
    "ELECTRON/S": "ELECTRONS/S",
    "COUNTS": "COUNTS",
    "COUNT": "COUNTS",
    "DN": "COUNTS",
    "COUNTS/S": "COUNTS/S",
    "COUNT/S": "COUNTS/S",
    "DN/S": "COUNTS/S",
}

_WFPC2_GAINS_E_PER_DN = {7: (7.12, 7.12, 6.90, 7.10), 15: (13.99, 14.50, 13.95, 13.95)}
"""By the nominal gain ATODGAIN, for PC1, WF2, WF3, WF4 (WFPC2 Instrument Handbook, table 4.2)."""

_NO_FILTER = re.compile(r"clear.*|n/a|")
_FILTER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_FILTER = 40


def instrument_detector(primary: Keywords) -> tuple[str, str]:
    """Return instrument and detector in lower case; WFPC2 is always ``pc``.

    Raises
    ------
    HeaderError
        INSTRUME or DETECTOR names something else than ACS, WFC3 or WFPC2.
    """
    instrument = primary.text("INSTRUME").lower()
    if instrument not in _INSTRUMENTS:
        raise primary.fault("INSTRUME", f"is {instrument.upper()!r}, not ACS, WFC3 or WFPC2")
    detectors = _INSTRUMENTS[instrument].detectors
    if len(detectors) == 1:
        return instrument, detectors[0]
    detector = primary.text("DETECTOR").lower()
    if detector not in detectors:
        raise primary.fault("DETECTOR", f"is {detector.upper()!r}, none of {', '.join(detectors).upper()}")
    return instrument, detector


def filter_name(primary: Keywords, instrument: str) -> str:
    """Return the filters in the light path as a layer names them: ``f606w``, ``f606w-pol0v``, ``clear``.

    Raises
    ------
    HeaderError
        A filter keyword is missing, or holds what cannot be part of a file name.

    Notes
    -----
    The rule of the reference pipeline: clear and absent filters are dropped, polarisers come last.
    """
    filters: list[str] = []
    for keyword in _INSTRUMENTS[instrument].filter_keywords:
        name = primary.text(keyword).lower()
        if not _is_filter(name):
            raise primary.fault(keyword, f"is {name!r}, not the name of a filter")
        filters.append(name)
    return combine_filters(filters)


def _is_filter(name: str) -> bool:
    if _NO_FILTER.fullmatch(name):
        return True
    return _FILTER_NAME.fullmatch(name) is not None and len(name) <= _LONGEST_FILTER


def combine_filters(names: Sequence[str]) -> str:
    """Return filters in the light path, lower case, as a layer names them; ``clear`` where there is none."""
    filters = [name for name in names if not _NO_FILTER.fullmatch(name)]
    return "-".join(sorted(filters, key=lambda name: name.startswith("pol"))) or "clear"


def known_detectors(instrument: str) -> tuple[str, ...]:
    """Return the detectors of an instrument whose files can be read; empty for any other instrument."""
    known = _INSTRUMENTS.get(instrument)
    return known.detectors if known else ()


def chip_bunit(chip: Keywords, instrument: str) -> Bunit:
    """Return the unit of the pixels.

    Raises
    ------
    HeaderError
        BUNIT is missing (WFPC2: means counts), or none of electrons and counts, per second or not.
    """
    given = chip.text("BUNIT", default=_INSTRUMENTS[instrument].default_bunit)
    bunit = _BUNITS.get(given.upper())
    if bunit is None:
        raise chip.fault("BUNIT", f"is {given!r}, neither electrons nor counts")
    return bunit


def chip_gain(chip: Keywords, instrument: str, detector: str) -> float:
    """Return the electrons per count of a chip whose pixels are counts.

    Parameters
    ----------
    chip
        Keywords of the SCI extension over those of the primary header.

    Raises
    ------
    HeaderError
        The keyword of the gain is missing or impossible.
    """
    if detector == "sbc":  # counts photons
        return 1.0
    if instrument != "wfpc2":
        return chip.number("CCDGAIN", 0.1, 100)
    nominal = chip.integer("ATODGAIN", 7, 15)
    if nominal not in _WFPC2_GAINS_E_PER_DN:
        raise chip.fault("ATODGAIN", f"is {nominal}, neither 7 nor 15")
    return _WFPC2_GAINS_E_PER_DN[nominal][chip.integer("DETECTOR", 1, 4) - 1]


def photflam_per_electron(chip: Keywords, instrument: str, gain_e_per_dn: float) -> float | None:
    """Return PHOTFLAM in erg/s/cm2/Angstrom per e-/s, or None where the header has no calibration.

    Notes
    -----
    WFPC2 states it per count of the chip's gain, the other instruments per electron.
    """
    photflam = positive_or_none(chip, "PHOTFLAM")
    return photflam / gain_e_per_dn if photflam is not None and instrument == "wfpc2" else photflam


def positive_or_none(chip: Keywords, keyword: str) -> float | None:
    """Return a positive number, or None where the keyword is absent or 0."""
    return chip.number(keyword, 0, 1e30, default=0.0) or None
