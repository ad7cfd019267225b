"""Rows of footprint tables: what becomes of every cell, and the reason why a row is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mvmdb.errors import TableError
from mvmdb.files.footprints import read_footprints
from mvmdb.records import Finding, FootprintRow, RejectedRow
from tests.support.shared_data import shared_data

GOOD = {
    "obs_id": "IB6O03N9Q",
    "instrument_name": "WFC3/IR",
    "filters": "F160W",
    "t_min": "55000.25",
    "t_max": "55000.5",
    "t_exptime": "1202.93",
    "target_name": "GOODS-S",
    "proposal_id": "11359",
    "s_region": "POLYGON ICRS 53.1 -27.7 53.1 -27.66 53.14 -27.66 53.14 -27.7",
}
RING = ((53.1, -27.7), (53.1, -27.66), (53.14, -27.66), (53.14, -27.7))


def read(path: Path, *rows: dict[str, str]) -> tuple[list[FootprintRow], list[RejectedRow]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    chunks = list(read_footprints(path, chunk_rows=2))
    assert {chunk.file_path for chunk in chunks} == {str(path)}
    return [row for chunk in chunks for row in chunk.rows], [
        row for chunk in chunks for row in chunk.rejected
    ]


def read_one(tmp_path: Path, **changes: str) -> FootprintRow:
    rows, rejected = read(tmp_path / "a.csv", {**GOOD, **changes})
    assert rejected == []
    return rows[0]


def reason(tmp_path: Path, **changes: str) -> str:
    rows, rejected = read(tmp_path / "a.csv", {**GOOD, **changes})
    assert rows == []
    return rejected[0].reason


def test_every_cell_finds_its_place(tmp_path: Path) -> None:
    assert read_one(tmp_path, wcsname="IDC_w3m18525i") == FootprintRow(
        line=2,
        rootname="ib6o03n9q",
        chip=None,
        instrument="wfc3",
        detector="ir",
        filter="f160w",
        exptime_s=1202.93,
        start_mjd=55000.25,
        end_mjd=55000.5,
        target_name="GOODS-S",
        proposal_id=11359,
        wcsname="IDC_w3m18525i",
        findings=(),
        footprint=(RING,),
    )


def test_what_a_table_may_lack(tmp_path: Path) -> None:
    necessary = {name: GOOD[name] for name in GOOD if name not in ("t_max", "target_name", "proposal_id")}
    (row,), _ = read(tmp_path / "a.csv", necessary)
    assert (row.target_name, row.proposal_id, row.wcsname) == ("", None, None)
    assert row.end_mjd == pytest.approx(55000.25 + 1202.93 / 86400, abs=1e-11)


@pytest.mark.parametrize(
    ("instrument", "detector", "filters", "expected"),
    [
        ("WFC3/UVIS", "", "F606W", ("wfc3", "uvis", "f606w")),
        ("wfc3", "Ir", "F160W", ("wfc3", "ir", "f160w")),
        ("ACS/WFC", "", "F606W;CLEAR2L", ("acs", "wfc", "f606w")),
        ("ACS/WFC", "", "CLEAR1L;F814W", ("acs", "wfc", "f814w")),
        ("ACS/HRC", "", "POL0UV, F330W", ("acs", "hrc", "f330w-pol0uv")),
        ("ACS/HRC", "", "CLEAR1S;CLEAR2S", ("acs", "hrc", "clear")),
        ("WFPC2/WFC", "", "F555W", ("wfpc2", "pc", "f555w")),
        ("WFPC2", "", "F555W/N/A", ("wfpc2", "pc", "f555w")),
        ("NIRCAM/IMAGE", "NRCA1", "NC.F150W2.F162M", ("nircam", "nrca1", "nc-f150w2-f162m")),
        ("MIRI/IMAGE", "", "F770W", ("miri", "image", "f770w")),
        ("STIS", "", "F28X50LP", ("stis", "stis", "f28x50lp")),
        ("MIRI", "MIRIMAGE", "N/A", ("miri", "mirimage", "clear")),
    ],
)
def test_instruments_and_filters(
    instrument: str, detector: str, filters: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    changes = {"instrument_name": instrument, "detector": detector, "filters": filters}
    row = read_one(tmp_path, **changes)
    assert (row.instrument, row.detector, row.filter) == expected


def test_two_columns_of_filters(tmp_path: Path) -> None:
    row = read_one(tmp_path, instrument_name="ACS/WFC", filters="CLEAR1L", filter2="F814W")
    assert row.filter == "f814w"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"obs_id": ""}, "'' is not the identifier of an observation"),
        ({"obs_id": "a b"}, "'a b' is not the identifier of an observation"),
        ({"obs_id": "hst_11359_03_wfc3_ir_f160w"}, "is not the root name of an exposure of WFC3"),
        ({"obs_id": "ib6o03010"}, "'ib6o03010' is an association, not an exposure"),
        ({"instrument_name": ""}, "instrument_name: is missing"),
        ({"instrument_name": "WFC3"}, "detector: '' of WFC3 is none of uvis, ir"),
        ({"instrument_name": "WFC3/FOO"}, "detector: 'foo' of WFC3 is none of uvis, ir"),
        ({"filters": ""}, "filters: is missing"),
        ({"t_exptime": ""}, "t_exptime: is missing"),
        ({"t_exptime": "-1"}, "t_exptime: -1 is outside 0 ... 1e+07"),
        ({"t_exptime": "long"}, "t_exptime: 'long' is not a number"),
        ({"t_exptime": "nan"}, "t_exptime: nan is outside"),
        ({"t_min": "2009-10-11"}, "t_min: '2009-10-11' is not a number"),
        ({"t_min": "2455116.5"}, "t_min: 2.45512e+06 is outside 15000 ... 100000"),
        ({"t_max": "54999"}, "t_max: 54999 lies before t_min 55000.25"),
        ({"t_max": "inf"}, "t_max: inf is outside"),
        ({"target_name": "x" * 201}, "target_name: 201 characters, more than 200"),
        ({"target_name": "a\x00b"}, "target_name: 'a\\x00b' holds control characters"),
        ({"s_region": ""}, "s_region: names no polygon, circle or box"),
        (
            {"s_region": "POLYGON ICRS 1 2 nan 4 5 6"},
            "s_region: polygon holds a coordinate that is not a finite",
        ),
        ({"s_region": "POLYGON ICRS 0 0 1 1 1 0 0 1"}, "s_region: polygon crosses or touches itself"),
        (
            {"s_region": "CIRCLE ICRS 10 20 6"},
            "s_region: polygon reaches 6.01 degrees from its middle, more than 5",
        ),
        (
            {"s_region": "UNION ICRS (CIRCLE 0 0 1 CIRCLE 180 0 1)"},
            "s_region: polygons more than 10 degrees apart",
        ),
        ({"extver": "0"}, "extver: 0 is outside 1 ... 999"),
        ({"extver": "1.5"}, "extver: 1.5 is not a whole number"),
        ({"extver": ""}, "extver: is missing"),
        (
            {"extver": "1", "s_region": "UNION (CIRCLE ICRS 1 2 1 CIRCLE 5 5 1)"},
            "s_region: 2 polygons for one chip",
        ),
    ],
)
def test_reasons(changes: dict[str, str], why: str, tmp_path: Path) -> None:
    assert why in reason(tmp_path, **changes)


def test_refused_rows_tell_where_and_who(tmp_path: Path) -> None:
    rows, rejected = read(
        tmp_path / "a.csv",
        GOOD,
        {**GOOD, "obs_id": "IB6O03NBQ", "t_min": ""},
        GOOD,
        {**GOOD, "obs_id": "no name"},
    )
    assert [row.line for row in rows] == [2, 4]
    assert rejected == [
        RejectedRow(3, "IB6O03NBQ", "ib6o03nbq", False, "t_min: is missing"),
        RejectedRow(5, "no name", None, False, "'no name' is not the identifier of an observation"),
    ]


def test_row_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(GOOD) + "\nib6o03n9q,WFC3/IR\n")
    (chunk,) = read_footprints(path)
    assert chunk.rows == ()
    assert chunk.rejected == (
        RejectedRow(2, "ib6o03n9q", "ib6o03n9q", False, "has 2 cells where the header has 9"),
    )


def test_chips_in_rows_of_their_own(tmp_path: Path) -> None:
    rows, rejected = read(
        tmp_path / "a.csv",
        {**GOOD, "extver": "1"},
        {**GOOD, "extver": "2"},
        {**GOOD, "extver": "3", "s_region": "x"},
    )
    assert [row.chip for row in rows] == [1, 2]
    assert [row.is_chip for row in rejected] == [True]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/archive/a/IB6O03N9Q_flt.fits.gz", "ib6o03n9q"),
        ("C:\\data\\ib6o03n9q_flc.fits", "ib6o03n9q"),
        ("ib6o03n9q.fits", "ib6o03n9q"),
        ("ib6o03n9q", "ib6o03n9q"),
    ],
)
def test_identifier_from_a_file_name(name: str, expected: str, tmp_path: Path) -> None:
    row = {("filename" if key == "obs_id" else key): value for key, value in GOOD.items()}
    (found,), _ = read(tmp_path / "a.csv", {**row, "filename": name})
    assert found.rootname == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"filters": "G102"}, Finding("spectroscopic", "FILTER = 'g102'")),
        ({"dataproduct_type": "spectrum"}, Finding("spectroscopic", "OBSTYPE = 'SPECTROSCOPIC'")),
        ({"obstype": "SPECTROSCOPIC"}, Finding("spectroscopic", "OBSTYPE = 'spectroscopic'")),
        ({"dataproduct_type": "image"}, None),
        ({"mtflag": "True"}, Finding("moving_target", "MTFLAG = True")),
        ({"mtflag": "false"}, None),
        ({"target_name": "DARK-NM"}, Finding("calibration_target", "TARGNAME = 'DARK-NM'")),
        ({"t_exptime": "0"}, Finding("zero_exposure_time", "EXPTIME = 0.0")),
        (
            {"instrument_name": "ACS/WFC", "filters": "CLEAR1L;FR505N"},
            Finding("ramp_filter", "FILTER1 = 'fr505n'"),
        ),
        ({"instrument_name": "NIRCAM", "filters": "GRISMR", "obs_id": "jw1"}, None),
    ],
)
def test_exclusions_as_for_headers(changes: dict[str, str], expected: Finding | None, tmp_path: Path) -> None:
    assert read_one(tmp_path, **changes).findings[:1] == (() if expected is None else (expected,))


def test_proposals_without_a_number_are_left_out(tmp_path: Path) -> None:
    for written, number in (
        ("0179.A-2005", None),
        ("01783", 1783),
        ("11359.0", 11359),
        ("-5", None),
        ("9e99", None),
    ):
        assert read_one(tmp_path, proposal_id=written).proposal_id == number


def test_column_that_is_missing(tmp_path: Path) -> None:
    row = {key: value for key, value in GOOD.items() if key != "s_region"}
    with pytest.raises(TableError, match="has no column s_region"):
        read(tmp_path / "a.csv", row)


def everything(relative: str) -> tuple[list[FootprintRow], list[RejectedRow]]:
    chunks = list(read_footprints(shared_data(relative)))
    return [row for chunk in chunks for row in chunk.rows], [
        row for chunk in chunks for row in chunk.rejected
    ]


def test_real_chips_of_hubble() -> None:
    """179 chips of 106 exposures; two hold the garbage of a damaged header."""
    rows, rejected = everything("footprints/hst_hdrtab_exposures.csv")
    assert (len(rows), len({row.rootname for row in rows})) == (177, 104)
    assert [(row.line, row.identifier) for row in rejected] == [(16, "iej501sbq"), (17, "iej501seq")]
    assert all("not a finite number" in row.reason for row in rejected)
    first = rows[0]
    assert (first.rootname, first.chip, first.instrument, first.detector) == ("jbt122x8q", 1, "acs", "wfc")
    assert (first.filter, first.exptime_s, first.proposal_id) == ("f814w", 450.0, 12546)
    assert first.end_mjd == pytest.approx(56112.82084112 + 450 / 86400)
    assert {row.findings for row in rows} == {()}


def test_real_exposures_of_another_telescope() -> None:
    rows, rejected = everything("footprints/jwst_imaging_s_region.csv.gz")
    assert (len(rows), len(rejected)) == (17_626, 0)
    assert sum(len(row.footprint) == 2 for row in rows) == 3030
    row = next(row for row in rows if row.rootname == "jw09225001001_02101_00001_nrcb1")
    assert (row.instrument, row.detector, row.filter) == ("nircam", "nrcb1", "nc-f200w")
    assert not any(character in row.filter for row in rows for character in "._ /")
