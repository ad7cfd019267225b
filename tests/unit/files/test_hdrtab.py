import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from mvmdb.errors import TooLargeError
from mvmdb.files.checks import Scalar
from mvmdb.files.hdrtab import ChipHeader, kept_keywords, read_hdrtab, write_hdrtab
from tests.support.product_makers import make_chip_headers, make_image, make_input, make_plan
from tests.support.shared_data import shared_data

FIXED = [
    "ROOTNAME",
    "HAPEXPNAME",
    "EXTVER",
    "CTXPLANE",
    "CTXBIT",
    "IPPPSSOO",
    "WCSNAME",
    "MDRIZSKY",
    "FLUXSCAL",
    "SKYRATE",
    "SKYGROUP",
    "NPIXCONT",
    "DRZISCL",
    "DRZCOEF",
    "SHA256",
]


def table_of(chip_headers: Sequence[ChipHeader]) -> fits.BinTableHDU:
    return write_hdrtab(
        [make_input(index) for index in range(len(chip_headers))], make_image(make_plan(2)), chip_headers
    )


def through_a_file(table: fits.BinTableHDU, path: Path) -> fits.BinTableHDU:
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    with fits.open(path, memmap=False) as hdus:
        return hdus["HDRTAB"].copy()


def column(*values: Scalar | None) -> fits.BinTableHDU:
    """The table of chips whose only keyword is KEY; None where a chip lacks it."""
    return table_of([{} if value is None else {"KEY": value} for value in values])


def form(table: fits.BinTableHDU) -> str:
    return str(table.columns["KEY"].format)


def values(table: fits.BinTableHDU) -> list[Scalar | None]:
    return [row["KEY"] for row in read_hdrtab(table)]


def test_rows_name_their_bit_and_their_file(tmp_path: Path) -> None:
    plan = make_plan(70)
    table = through_a_file(
        write_hdrtab(plan.inputs, make_image(plan), make_chip_headers(plan)), tmp_path / "t.fits"
    )
    assert table.columns.names[: len(FIXED)] == FIXED
    rows = read_hdrtab(table)
    for index in (0, 31, 32, 69):
        row, chip = rows[index], plan.inputs[index]
        assert (row["CTXPLANE"], row["CTXBIT"]) == divmod(index, 32)
        assert f"/archive/{row['HAPEXPNAME']}" == chip.file_path
        assert (row["ROOTNAME"], row["EXTVER"], row["SHA256"]) == (chip.rootname, chip.chip, chip.file_sha256)
        assert row["EXPTIME"] == chip.exptime_s
    assert len({(row["HAPEXPNAME"], row["EXTVER"]) for row in rows}) == 70


def test_ipppssoo_comes_from_the_header_or_the_root_name() -> None:
    rows = read_hdrtab(table_of([{"IPPPSSOO": "jtst00zz"}, {}]))
    # as the archive writes it for single exposures: all nine letters
    assert [row["IPPPSSOO"] for row in rows] == ["jtst00zz", "jtst00aaq"]


def test_columns_stand_in_order_of_first_appearance() -> None:
    table = table_of([{"ZEBRA": 1, "APE": 2}, {"APE": 3, "MOLE": 4, "ZEBRA": 5}])
    assert table.columns.names == [*FIXED, "ZEBRA", "APE", "MOLE"]


@pytest.mark.parametrize(
    ("given_values", "expected_form", "expected"),
    [
        ((True, False), "L", [True, False]),
        ((True, None), "1A", ["T", ""]),
        ((1, 2**31 - 1), "J", [1, 2**31 - 1]),
        ((-(2**31), 0), "K", [-(2**31), 0]),
        ((2**63 - 1, -(2**63) + 1), "K", [2**63 - 1, -(2**63) + 1]),
        ((10**30, 1), "31A", [str(10**30), "1"]),
        ((7, None), "J", [7, None]),
        ((2**40, None), "K", [2**40, None]),
        ((1, 2.5), "D", [1.0, 2.5]),
        ((1.5, None), "D", [1.5, None]),
        ((2**53 + 1, 2.5), "16A", [str(2**53 + 1), "2.5"]),
        ((1.5, "  "), "D", [1.5, None]),
        (("N/A", 3), "3A", ["N/A", "3"]),
        (("N/A", 0.1), "3A", ["N/A", "0.1"]),
        ((True, 5), "1A", ["T", "5"]),
        (("", ""), "1A", ["", ""]),
        (("  lead and trail  ", None), "16A", ["  lead and trail", ""]),
        (("Müller", "a\nb\x00c"), "6A", ["M?ller", "a?b?c"]),
        (("x" * 2000, "y"), "2000A", ["x" * 2000, "y"]),
        ((5e-324, -1.7976931348623157e308), "D", [5e-324, -1.7976931348623157e308]),
    ],
)
def test_types(
    tmp_path: Path, given_values: tuple[Scalar | None, ...], expected_form: str, expected: list[Scalar | None]
) -> None:
    table = through_a_file(column(*given_values), tmp_path / "t.fits")
    assert form(table) == expected_form
    assert values(table) == expected


def test_a_missing_integer_is_tnull_in_the_file() -> None:
    table = column(7, None)
    assert table.columns["KEY"].null == table.data["KEY"][1] == -(2**31)
    assert "TNULL" not in "".join(column(7, 8).header)


NAMES = st.text(string.ascii_uppercase, min_size=1, max_size=8)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90)
SCALARS: dict[type, st.SearchStrategy[Scalar]] = {
    bool: st.booleans(),
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False),
    str: TEXTS,
}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_values_of_one_type_are_never_changed(data: st.DataObject) -> None:
    kinds = data.draw(
        st.dictionaries(NAMES.filter(lambda n: kept_keywords([{n: 0}]) == [n]), st.sampled_from([*SCALARS]))
    )
    headers: list[dict[str, Scalar]] = data.draw(
        st.lists(
            st.fixed_dictionaries({}, optional={k: SCALARS[t] for k, t in kinds.items()}),
            min_size=1,
            max_size=4,
        )
    )
    for header, row in zip(headers, read_hdrtab(table_of(headers)), strict=True):
        for keyword in {key for other in headers for key in other} - set(FIXED):
            value, found = header.get(keyword), row[keyword]
            if isinstance(value, str):
                assert found == value.rstrip()
            elif isinstance(found, str):  # a whole number beyond 64 bits, or a truth some inputs lack
                assert found == {None: "", True: "T", False: "F"}.get(value, str(value))
            else:
                assert found == value
                assert type(found) is type(value)


LEFT_OUT = """
    SIMPLE BITPIX NAXIS EXTEND PCOUNT GCOUNT XTENSION NEXTEND INHERIT BSCALE BZERO CHECKSUM DATASUM HISTORY
    COMMENT A_ORDER B_2_0 AP_1_1 A_DMAX D2IM1 D2IM1.EXTVER D2IMERR1 D2IMDIS2 CPDIS1 DP2.AXIS.1 CPERR2
    WCSNAMEA CRPIX1B CD1_1O RADESYSC RMS_RAC HDRNAMEC WCSAXESO RESTFRQO
"""
KEPT = """
    NAXIS1 EXTVER CRPIX1 CD1_1 CTYPE1 RADESYS WCSNAME WCSAXES HDRNAME IDCTAB D2IMFILE NPOLFILE D2IMEXT
    S_REGION A_NAME OCX10 ATODGNA B_FIELD DPOINT NMATCHES RMS_RA DATE-OBS
"""


def test_layout_and_partial_wcs_keywords_stay_out() -> None:
    header: ChipHeader = {"": "blank", **dict.fromkeys((LEFT_OUT + KEPT).split(), 1)}
    assert kept_keywords([header]) == KEPT.split()


def test_names_become_legal_and_stay_unique(tmp_path: Path) -> None:
    header: ChipHeader = {
        "long key word": 1,
        "long.key.word": 2,
        "LONG_KEY_WORD": 3,
        "DATE-OBS": "x",
        "k" * 90: 4,
    }
    table = through_a_file(table_of([header]), tmp_path / "t.fits")
    names = table.columns.names[len(FIXED) :]
    assert names == ["LONG_KEY_WORD", "LONG_KEY_WORD__2", "LONG_KEY_WORD__3", "DATE-OBS", "K" * 60]
    assert [read_hdrtab(table)[0][name] for name in names] == [1, 2, 3, "x", 4]


def test_a_keyword_named_like_a_fixed_column_does_not_replace_it() -> None:
    (row,) = read_hdrtab(table_of([{"CTXBIT": 17, "ROOTNAME": "other", "EXTVER": 5, "WCSNAME": "w"}]))
    chip = make_input(0)
    assert list(row) == FIXED
    assert (row["CTXBIT"], row["ROOTNAME"], row["EXTVER"]) == (0, chip.rootname, chip.chip)
    assert row["WCSNAME"] == chip.wcsname


def test_the_limit_of_a_fits_table_is_kept() -> None:
    fits_in: ChipHeader = {f"KEY{number}": number for number in range(999 - len(FIXED))}
    assert table_of([fits_in]).header["TFIELDS"] == 999
    with pytest.raises(TooLargeError, match="1000 columns") as caught:
        table_of([{**fits_in, "ONEMORE": 1}])
    assert caught.value.hint


def scalar_rows(path: Path) -> list[dict[str, Scalar]]:
    """The rows of a real HDRTAB as headers, without the values it lacks."""
    with fits.open(path) as hdus:
        table = hdus["HDRTAB"].data
        columns = {name: table[name].tolist() for name in table.columns.names}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [{key: value for key, value in row.items() if value == value} for row in rows]  # noqa: PLR0124


@pytest.mark.parametrize(
    "name",
    [
        "hap_mvm/sample_mvm_drc_a50f1a6.fits",
        "hap_mvm/sample_mvm_drc_d6761b8.fits",
        "hdrtab_J0407-5006_F160W_cutout.fits",
    ],
)
@pytest.mark.filterwarnings("ignore:Column .* contains NULL")
def test_the_rows_of_a_real_product_survive(tmp_path: Path, name: str) -> None:
    rows = scalar_rows(shared_data(f"products/{name}"))
    assert len(rows) >= 2
    found = read_hdrtab(through_a_file(table_of(rows), tmp_path / "t.fits"))
    kept = [keyword for keyword in kept_keywords(rows) if keyword not in FIXED]
    assert len(kept) > 150
    for row, again in zip(rows, found, strict=True):
        for keyword in kept:
            value = row.get(keyword)
            assert again[keyword] in ((value,) if value is not None else (None, "")), keyword


@pytest.mark.parametrize(
    "name", ["sample_flc_header.full.fits.gz", "sample_svm_flt.full.fits.gz", "sample_svm_flc.full.fits.gz"]
)
def test_a_real_exposure_fits_in_a_table(name: str) -> None:
    with fits.open(shared_data(f"exposures/headers_fullsize_zero_pixels/{name}")) as hdus:
        merged = {**hdus[0].header, **hdus["SCI", 1].header}
    header = {key: value for key, value in merged.items() if isinstance(value, str | int | float)}
    (row,) = read_hdrtab(table_of([header]))
    assert 150 < len(row) < 999 / 3
    for keyword in (
        "EXPSTART",
        "PHOTFLAM",
        "CRVAL1",
        "IDCTAB",
        "S_REGION",
        "CAL_VER",
        "SUNANGLE",
        "DRIZCORR",
    ):
        assert row[keyword] == header[keyword]
    assert len(str(row["S_REGION"])) > 68
    assert not [name for name in row if name.startswith(("A_", "B_", "D2IM1", "CPDIS", "CRPIX1O"))]
