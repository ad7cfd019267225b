"""Which exposures must not enter a mosaic, judged by keywords alone.

The rules are those of the reference pipeline (``analyze.analyze_data``); its tests of the pixels, for
trails and for arrays of zeros, are not among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mvmdb.files.checks import Scalar
from mvmdb.records import Exclusion

CALIBRATED_FILE_TYPES = ("flt", "flc", "c0m")

_ZERO_EXPTIME_S = 1e-5
_FILTER_KEYWORDS = ("FILTER", "FILTER1", "FILTER2", "FILTNAM1", "FILTNAM2")
_EVERY_INSTRUMENT = ("ACS", "WFC3", "WFPC2")


@dataclass(frozen=True)
class _Rule:
    """An exposure is excluded where one of the keywords holds text that matches, upper case."""

    code: str
    keywords: tuple[str, ...]
    pattern: re.Pattern[str]
    instruments: tuple[str, ...] = _EVERY_INSTRUMENT


def _rule(code: str, keywords: tuple[str, ...] | str, pattern: str, *instruments: str) -> _Rule:
    names = (keywords,) if isinstance(keywords, str) else keywords
    return _Rule(code, names, re.compile(pattern), instruments or _EVERY_INSTRUMENT)


_RULES = (
    _rule("moving_target", "MTFLAG", "T"),
    _rule("spatial_scan", "SCAN_TYP", "C|D", "WFC3"),
    _rule("spectroscopic", "OBSTYPE", "SPECTROSCOPIC"),
    _rule("spectroscopic", _FILTER_KEYWORDS, "(G|PR).*"),
    _rule("calibration_target", "TARGNAME", ".*(DARK|TUNG|BIAS|FLAT|DEUT|EARTH-CAL).*", "ACS", "WFC3"),
    _rule("not_imaging", "OBSTYPE", "(?!IMAGING$).+"),
    _rule("not_imaging", "IMAGETYP", "(?!EXT$).+", "WFPC2"),
    _rule("charge_injection", "CHINJECT", "(?!NONE$).+", "WFC3"),
    _rule("blocked_filter", _FILTER_KEYWORDS, "BLOCK.*"),
    _rule("ramp_filter", _FILTER_KEYWORDS, "FR.*"),
    _rule("zero_exposure_time", "EXPTIME", "0"),
    _rule("bad_guiding", "QUALITY", ".*(GSFAIL|TDF-DOWN).*"),
    _rule("drizzle_omitted", "DRIZCORR", "OMIT|SKIPPED"),
)
"""The most telling reason first; the first that applies is given."""


def find_exclusion(primary: Mapping[str, Scalar], file_type: str) -> Exclusion | None:
    """Return why an exposure must stay out of every mosaic, or None.

    Parameters
    ----------
    primary
        Keywords of the primary header.
    file_type
        What the file name ends in, ``flt`` or ``raw``.
    """
    for rule in _RULES:
        for keyword in rule.keywords:
            value = primary.get(keyword)
            if _text(primary.get("INSTRUME")) in rule.instruments and rule.pattern.fullmatch(_text(value)):
                return Exclusion(rule.code, f"{keyword} = {value!r}")
    if file_type not in CALIBRATED_FILE_TYPES:
        return Exclusion("not_calibrated", f"file type {file_type!r}")
    return None


def _text(value: Scalar | None) -> str:
    """Return what the patterns are compared with: MTFLAG, for one, occurs as 'T', '', False and True."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return "0" if abs(value) < _ZERO_EXPTIME_S else f"{value:g}"
    return (value or "").strip().upper()
