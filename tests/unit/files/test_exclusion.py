from __future__ import annotations

from collections.abc import Mapping

import pytest

from mvmdb.files.checks import Scalar
from mvmdb.files.exclusion import ADVISORY_CODES, find_findings, is_serious
from mvmdb.records import Finding

ACS: dict[str, Scalar] = {
    "INSTRUME": "ACS",
    "OBSTYPE": "IMAGING",
    "IMAGETYP": "EXT",
    "MTFLAG": "",
    "TARGNAME": "NGC104",
    "FILTER1": "F606W",
    "FILTER2": "CLEAR2L",
    "EXPTIME": 339.0,
    "QUALITY": "",
    "DRIZCORR": "COMPLETE",
}
WFC3: dict[str, Scalar] = ACS | {"INSTRUME": "WFC3", "FILTER": "F814W", "SCAN_TYP": "N", "CHINJECT": "NONE"}
WFPC2: dict[str, Scalar] = {
    "INSTRUME": "WFPC2",
    "IMAGETYP": "EXT",
    "MTFLAG": False,
    "FILTNAM1": "F555W",
    "FILTNAM2": "",
    "EXPTIME": 100.0,
    "TARGNAME": "OMEGA-CEN",
}


def findings(header: Mapping[str, Scalar], file_type: str = "flt", detector: str = "ir") -> list[Finding]:
    return list(find_findings(header, file_type, detector))


def serious(header: Mapping[str, Scalar], file_type: str = "flt") -> list[Finding]:
    return [finding for finding in findings(header, file_type) if is_serious(finding)]


@pytest.mark.parametrize("header", [ACS, WFC3, WFPC2])
@pytest.mark.parametrize("file_type", ["flt", "flc", "c0m"])
def test_nothing_speaks_against_a_calibrated_image_of_the_sky(
    header: Mapping[str, Scalar], file_type: str
) -> None:
    assert findings(header, file_type) == []


@pytest.mark.parametrize(
    ("header", "keyword", "value", "code"),
    [
        (ACS, "MTFLAG", "T", "moving_target"),
        (ACS, "MTFLAG", "t ", "moving_target"),
        (WFPC2, "MTFLAG", True, "moving_target"),
        (WFC3, "SCAN_TYP", "C", "spatial_scan"),
        (WFC3, "SCAN_TYP", "D", "spatial_scan"),
        (ACS, "OBSTYPE", "SPECTROSCOPIC", "spectroscopic"),
        (WFC3, "FILTER", "G141", "spectroscopic"),
        (ACS, "FILTER1", "G800L", "spectroscopic"),
        (ACS, "FILTER2", "PR200L", "spectroscopic"),
        (ACS, "OBSTYPE", "CORONAGRAPHIC", "not_imaging"),
        (ACS, "OBSTYPE", "INTERNAL", "not_imaging"),
        (WFPC2, "IMAGETYP", "FLAT", "not_imaging"),
        *((ACS, "TARGNAME", name, "calibration_target") for name in ("DARK", "TUNGSTEN", "BIAS")),
        (ACS, "TARGNAME", "EARTH-CALIB", "calibration_target"),
        *((WFC3, "TARGNAME", name, "calibration_target") for name in ("DARK-NM", "DEUTERIUM", "INTFLAT")),
        (WFC3, "CHINJECT", "LINE10", "charge_injection"),
        (ACS, "FILTER1", "BLOCK1", "blocked_filter"),
        (ACS, "FILTER2", "FR656N", "ramp_filter"),
        (WFPC2, "FILTNAM1", "FR533N", "ramp_filter"),
        (ACS, "EXPTIME", 0.0, "zero_exposure_time"),
        (ACS, "EXPTIME", 9e-6, "zero_exposure_time"),
        (ACS, "EXPTIME", 0, "zero_exposure_time"),
        (ACS, "QUALITY", "GSFAIL", "bad_guiding"),
        (WFC3, "QUALITY", "warning: TDF-DOWN at start", "bad_guiding"),
        (ACS, "DRIZCORR", "OMIT", "drizzle_omitted"),
        (ACS, "DRIZCORR", "SKIPPED", "drizzle_omitted"),
    ],
)  # fmt: skip
def test_each_rule_names_its_keyword(
    header: Mapping[str, Scalar], keyword: str, value: Scalar, code: str
) -> None:
    assert findings({**header, keyword: value})[0] == Finding(code, f"{keyword} = {value!r}")


@pytest.mark.parametrize(
    ("header", "keyword", "value"),
    [
        (ACS, "MTFLAG", "F"),
        (WFPC2, "MTFLAG", ""),
        (WFC3, "FILTER", "FQ750N"),
        (ACS, "FILTER2", "POL0V"),
        (ACS, "EXPTIME", 0.5),
        (ACS, "EXPTIME", 2e-5),
        (ACS, "IMAGETYP", "FLAT"),  # OBSTYPE decides for ACS and WFC3
        (WFPC2, "TARGNAME", "DARK"),  # IMAGETYP decides for WFPC2
        (ACS, "DRIZCORR", "PERFORM"),
        (ACS, "FGSLOCK", "GYROS"),
        (WFC3, "EXPFLAG", "INDETERMINATE"),
    ],
)
def test_what_the_reference_takes_is_taken(header: Mapping[str, Scalar], keyword: str, value: Scalar) -> None:
    assert serious({**header, keyword: value}) == []


@pytest.mark.parametrize(
    ("header", "keyword", "value", "code"),
    [
        (WFC3, "FILTER", "FQ750N", "quad_filter"),
        (ACS, "FGSLOCK", "GYROS", "coarse_guiding"),
        (ACS, "FGSLOCK", "FINE/GYRO", "coarse_guiding"),
        (ACS, "FGSLOCK", "COARSE", "coarse_guiding"),
        (WFC3, "EXPFLAG", "INDETERMINATE", "flagged_exposure"),
    ],
)
def test_advice(header: Mapping[str, Scalar], keyword: str, value: Scalar, code: str) -> None:
    assert findings({**header, keyword: value}) == [Finding(code, f"{keyword} = {value!r}")]
    assert code in ADVISORY_CODES


@pytest.mark.parametrize(
    ("detector", "file_type", "codes"),
    [
        ("wfc", "flt", ["not_cte_corrected"]),
        ("uvis", "flt", ["not_cte_corrected"]),
        ("wfc", "flc", []),
        ("ir", "flt", []),
        ("hrc", "flt", ["small_detector"]),
        ("sbc", "flt", ["small_detector"]),
        ("pc", "c0m", []),
    ],
)
def test_advice_by_detector(detector: str, file_type: str, codes: list[str]) -> None:
    assert [finding.code for finding in findings(ACS, file_type, detector)] == codes


def test_normal_flags_say_nothing() -> None:
    assert findings(ACS | {"EXPFLAG": "NORMAL", "FGSLOCK": "FINE"}) == []


@pytest.mark.parametrize("file_type", ["raw", "ima", "drz", "crj", "unknown"])
def test_only_calibrated_exposures_are_taken(file_type: str) -> None:
    assert findings(ACS, file_type) == [Finding("not_calibrated", f"file type {file_type!r}")]


def test_everything_is_found_the_most_telling_first_and_each_once() -> None:
    header = ACS | {"FGSLOCK": "COARSE", "MTFLAG": "T", "OBSTYPE": "SPECTROSCOPIC", "FILTER1": "G800L"}
    assert findings(header | {"EXPTIME": 0.0, "DRIZCORR": "OMIT"}, "raw") == [
        Finding("moving_target", "MTFLAG = 'T'"),
        Finding("spectroscopic", "OBSTYPE = 'SPECTROSCOPIC'"),
        Finding("not_imaging", "OBSTYPE = 'SPECTROSCOPIC'"),
        Finding("zero_exposure_time", "EXPTIME = 0.0"),
        Finding("drizzle_omitted", "DRIZCORR = 'OMIT'"),
        Finding("not_calibrated", "file type 'raw'"),
        Finding("coarse_guiding", "FGSLOCK = 'COARSE'"),
    ]


def test_nothing_in_the_header_is_no_reason() -> None:
    assert findings({}) == []
