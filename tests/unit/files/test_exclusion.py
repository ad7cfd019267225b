from __future__ import annotations

from collections.abc import Mapping

import pytest

from mvmdb.files.checks import Scalar
from mvmdb.files.exclusion import find_exclusion
from mvmdb.records import Exclusion

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


@pytest.mark.parametrize("header", [ACS, WFC3, WFPC2])
@pytest.mark.parametrize("file_type", ["flt", "flc", "c0m"])
def test_a_calibrated_image_of_the_sky_is_taken(header: Mapping[str, Scalar], file_type: str) -> None:
    assert find_exclusion(header, file_type) is None


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
    assert find_exclusion({**header, keyword: value}, "flt") == Exclusion(code, f"{keyword} = {value!r}")


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
    assert find_exclusion({**header, keyword: value}, "flt") is None


@pytest.mark.parametrize("file_type", ["raw", "ima", "drz", "crj", "unknown"])
def test_only_calibrated_exposures_are_taken(file_type: str) -> None:
    assert find_exclusion(ACS, file_type) == Exclusion("not_calibrated", f"file type {file_type!r}")


def test_the_most_telling_reason_comes_first() -> None:
    header = ACS | {"MTFLAG": "T", "OBSTYPE": "SPECTROSCOPIC", "EXPTIME": 0.0, "DRIZCORR": "OMIT"}

    assert find_exclusion(header, "raw") == Exclusion("moving_target", "MTFLAG = 'T'")
    assert find_exclusion(header | {"MTFLAG": ""}, "raw") == Exclusion(
        "spectroscopic", "OBSTYPE = 'SPECTROSCOPIC'"
    )


def test_nothing_in_the_header_is_no_reason() -> None:
    assert find_exclusion({}, "flt") is None
