"""What speaks against an exposure in a mosaic, judged by keywords alone.

The serious findings are the exclusions of the reference pipeline (``analyze.analyze_data``); its tests of
the pixels, for trails and for arrays of zeros, are not among them. The advisory ones are those that it
warns of, or makes subject to environment variables. What excludes is said by ``mvm.exclusion_rule``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mvmdb.files.checks import Scalar
from mvmdb.records import Finding

CALIBRATED_FILE_TYPES = ("flt", "flc", "c0m")

_ZERO_EXPTIME_S = 1e-5
_FILTER_KEYWORDS = ("FILTER", "FILTER1", "FILTER2", "FILTNAM1", "FILTNAM2")
_EVERY_INSTRUMENT = ("ACS", "WFC3", "WFPC2")


@dataclass(frozen=True)
class _Rule:
    """A finding is made where one of the keywords holds text that matches, upper case."""

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
    _rule("coarse_guiding", "FGSLOCK", ".*(GY|COARSE).*"),
    _rule("quad_filter", _FILTER_KEYWORDS, "FQ.*"),
    _rule("flagged_exposure", "EXPFLAG", "(?!NORMAL$).+"),
)
"""The most telling first."""

ADVISORY_CODES = frozenset(
    {"coarse_guiding", "quad_filter", "flagged_exposure", "not_cte_corrected", "small_detector"}
)
"""Findings that exclude nothing unless a rule of the database is changed."""

_CTE_CORRECTED_DETECTORS = ("uvis", "wfc")
_SMALL_DETECTORS = ("hrc", "sbc")


def find_findings(primary: Mapping[str, Scalar], file_type: str, detector: str) -> tuple[Finding, ...]:
    """Return what speaks against an exposure, the most telling first and each code once.

    Parameters
    ----------
    primary
        Keywords of the primary header.
    file_type
        What the file name ends in, ``flt`` or ``raw``.
    detector
        Lower case.
    """
    instrument = _text(primary.get("INSTRUME"))
    found = [
        Finding(rule.code, f"{keyword} = {primary[keyword]!r}")
        for rule in _RULES
        for keyword in rule.keywords
        if instrument in rule.instruments and rule.pattern.fullmatch(_text(primary.get(keyword)))
    ]
    if file_type not in CALIBRATED_FILE_TYPES:
        found.append(Finding("not_calibrated", f"file type {file_type!r}"))
    if file_type == "flt" and detector in _CTE_CORRECTED_DETECTORS:
        found.append(Finding("not_cte_corrected", f"file type {file_type!r}"))
    if detector in _SMALL_DETECTORS:
        found.append(Finding("small_detector", f"DETECTOR = {detector.upper()!r}"))
    first = {finding.code: finding for finding in reversed(found)}
    serious_first = sorted(
        first.values(), key=lambda finding: (not is_serious(finding), found.index(finding))
    )
    return tuple(serious_first)


def is_serious(finding: Finding) -> bool:
    """Return whether the reference pipeline would exclude an exposure for this."""
    return finding.code not in ADVISORY_CODES


def _text(value: Scalar | None) -> str:
    """Return what the patterns are compared with: MTFLAG, for one, occurs as 'T', '', False and True."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return "0" if abs(value) < _ZERO_EXPTIME_S else f"{value:g}"
    return (value or "").strip().upper()
