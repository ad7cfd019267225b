"""Tables of footprints in every form that archives give: the same rows, in pieces, or one clear error."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from astropy.io.votable import from_table
from astropy.table import Table
from pyarrow import parquet

from mvmdb.errors import TableError
from mvmdb.files.columns import ACCEPTED_NAMES, NECESSARY, TableChunk, find_columns
from mvmdb.files.tables import read_table

NAMES = ("obs_id", "instrument_name", "filters", "t_exptime", "t_min", "t_max", "s_region", "proposal_id")
ROWS: list[tuple[Any, ...]] = [
    (
        f"ib6o{k:04d}q",
        "WFC3/IR",
        "F160W",
        100.5 + k,
        55000.25,
        55000.5,
        f"POLYGON ICRS 10 {k} 11 0 11 1",
        11359,
    )
    for k in range(7)
]


def write_csv(path: Path, rows: list[tuple[Any, ...]] = ROWS, delimiter: str = ",", before: str = "") -> Path:
    with path.open("w", newline="") as file:
        file.write(before)
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([NAMES, *rows])
    return path


def zipped(path: Path) -> Path:
    target = path.with_suffix(".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    return target


def write_parquet(path: Path, rows: list[tuple[Any, ...]] = ROWS) -> Path:
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(arrow.table(columns), path, row_group_size=3)
    return path


def write_votable(path: Path, form: str, rows: list[tuple[Any, ...]] = ROWS) -> Path:
    from_table(Table(rows=rows, names=NAMES)).to_xml(str(path), tabledata_format=form)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "csv": write_csv,
    "csv.gz": lambda path: zipped(write_csv(path)),
    "tab": lambda path: write_csv(path, delimiter="\t"),
    "semicolon": lambda path: write_csv(path, delimiter=";"),
    "comments before": lambda path: write_csv(path, before="# from an archive\n# yesterday\n"),
    "byte order mark": lambda path: write_csv(path, before="\ufeff"),
    "parquet": write_parquet,
    "votable": lambda path: write_votable(path, "tabledata"),
    "votable.gz": lambda path: zipped(write_votable(path, "tabledata")),
    "votable binary": lambda path: write_votable(path, "binary"),
    "votable binary2": lambda path: write_votable(path, "binary2"),
}


def joined(chunks: list[TableChunk], name: str) -> list[Any]:
    return [value for chunk in chunks for value in chunk.columns[name]]


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_gives_the_same_rows(form: str, tmp_path: Path) -> None:
    """The form is told by the content: the name says nothing."""
    path = WRITERS[form](tmp_path / "table.txt")
    chunks = list(read_table(path, chunk_rows=3))
    assert [len(chunk.lines) for chunk in chunks] == [3, 3, 1]
    for place, name in enumerate(NAMES):
        given = [row[place] for row in ROWS]
        as_number = isinstance(given[0], int | float)
        assert [float(value) if as_number else value for value in joined(chunks, name)] == given
    assert [chunk.faults for chunk in chunks] == [{}] * 3
    fractions = [chunk.read_fraction for chunk in chunks]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    first_line = {"comments before": 4}.get(form, 1 if form.startswith(("parquet", "votable")) else 2)
    lines = [line for chunk in chunks for line in chunk.lines]
    assert lines == list(range(first_line, first_line + len(ROWS)))


def test_lines_are_those_an_editor_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ["obs_id,s_region,instrument,filter,exptime,t_min", 'a,"POLYGON\nICRS",b,c,1,2', "", "d,e,f,g,3,4"]
    path.write_text("\n".join(rows))
    (chunk,) = read_table(path)
    assert list(chunk.lines) == [3, 5]
    assert chunk.columns["s_region"] == ["POLYGON\nICRS", "e"]


def test_rows_with_other_numbers_of_cells_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("obs_id,s_region,instrument,filter,exptime,t_min\na,b\nc,d,e,f,1,2\ng,h,i,j,3,4,5\n")
    (chunk,) = read_table(path)
    assert chunk.faults == {0: "has 2 cells where the header has 6", 2: "has 7 cells where the header has 6"}
    assert chunk.columns["obs_id"] == ["a", "c", "g"]


def test_missing_values_of_a_votable(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    fields = "".join(
        f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in NAMES if name != "proposal_id"
    )
    path.write_text(
        '<?xml version="1.0"?><VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
        '<INFO name="QUERY_STATUS" value="OK"/><TABLE>'
        f'{fields}<FIELD name="proposal_id" datatype="int"><VALUES null="-99"/></FIELD><DATA><TABLEDATA>'
        "<TR><TD>a</TD><TD>b</TD><TD>c</TD><TD>1</TD><TD>2</TD><TD/><TD>e</TD><TD>-99</TD></TR>"
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    (chunk,) = read_table(path)
    assert (chunk.columns["proposal_id"], chunk.columns["t_max"]) == ([None], [None])
    assert chunk.columns["obs_id"] == ["a"]


@pytest.mark.parametrize("form", ["tabledata", "binary2"])
def test_bare_numbers_of_a_dali_region_get_their_word(form: str, tmp_path: Path) -> None:
    names = [name for name in NAMES if name != "s_region"]
    table = Table(rows=[[row[NAMES.index(name)] for name in names] for row in ROWS[:2]], names=names)
    table["s_region"] = [[10.0, 0.0, 11.0, 0.0, 11.0, 1.0], [10.0, 2.0, 11.0, 0.0, 11.0, 1.0]]
    votable = from_table(table)
    votable.get_first_table().get_field_by_id("s_region").xtype = "polygon"
    votable.to_xml(str(tmp_path / "a.xml"), tabledata_format=form)
    (chunk,) = read_table(tmp_path / "a.xml")
    words = [region.split() for region in chunk.columns["s_region"]]
    assert [word[0] for word in words] == ["POLYGON", "POLYGON"]
    assert [[float(number) for number in word[1:]] for word in words] == table["s_region"].tolist()


@pytest.mark.parametrize("name", ACCEPTED_NAMES)
def test_accepted_names_in_any_case(name: str) -> None:
    others = [group[0] for group in NECESSARY if name not in group]
    for accepted in ACCEPTED_NAMES[name]:
        found = find_columns("a.csv", [f" {accepted.upper()} ", *others])
        assert found[name] == 0


def test_of_several_columns_the_first_accepted_name_counts() -> None:
    names = [
        "dataset",
        "obs_id",
        "rootname",
        "ROOTNAME",
        "s_region",
        "instrument",
        "filter",
        "filters",
        "t_min",
    ]
    found = find_columns("a.csv", [*names, "exptime"])
    assert (found["obs_id"], found["filters"]) == (2, 7)


@pytest.mark.parametrize("group", NECESSARY, ids=lambda group: group[0])
def test_missing_column_is_named_with_those_there_are(group: tuple[str, ...], tmp_path: Path) -> None:
    names = [other[0] for other in NECESSARY if other != group]
    path = tmp_path / "a.csv"
    path.write_text(",".join([*names, "colour"]) + "\n")
    with pytest.raises(TableError) as caught:
        list(read_table(path))
    assert f"has no column {' or '.join(group)}; its columns are {', '.join(names)}, colour" in str(
        caught.value
    )
    assert caught.value.path == str(path)
    assert all(accepted in str(caught.value.hint) for accepted in ACCEPTED_NAMES[group[0]])


GOOD_CSV = ",".join(NAMES) + "\n" + "a,b,c,1,2,3,d,4\n" * 3000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "has no column obs_id or filename; its columns are none"),
        (b"\n\n", "has no column"),
        (gzip.compress(GOOD_CSV.encode())[:-20], "gzip file is damaged or cut off"),
        (gzip.compress(b"x" * 5000)[:100] + b"garbage" * 50, "gzip file is damaged or cut off"),
        (b"\x1f\x8b garbage", "gzip file is damaged or cut off"),
        (b"PAR1 garbage", "is no readable Parquet"),
        (b"<VOTABLE><RESOURCE>", "is no well-formed XML"),
        (b"<html><body>Service unavailable</body></html>", "is XML without the data of a VOTable"),
        (GOOD_CSV.encode() + b"\xff\xfe,1", "is no UTF-8 text"),
        (GOOD_CSV.encode() + b'"' + b"x" * 200_000, "line"),
    ],
    ids=[
        "empty",
        "blank",
        "cut off",
        "broken",
        "no gzip",
        "no parquet",
        "cut XML",
        "HTML",
        "latin-1",
        "quote",
    ],
)
def test_files_that_cannot_be_read(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(content)
    with pytest.raises(TableError, match=why) as caught:
        list(read_table(path))
    assert caught.value.path == str(path)


def test_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(read_table(tmp_path))


@pytest.mark.parametrize(
    ("status", "why"), [("OVERFLOW", "was cut off by the service"), ("ERROR", "bad query")]
)
def test_answers_that_a_service_calls_incomplete(status: str, why: str, tmp_path: Path) -> None:
    path = write_votable(tmp_path / "a.xml", "tabledata")
    told = f'</TABLE><INFO name="QUERY_STATUS" value="{status}">bad query</INFO>'
    path.write_text(path.read_text().replace("</TABLE>", told))
    with pytest.raises(TableError, match=why):
        list(read_table(path))


def test_damaged_binary_votable(tmp_path: Path) -> None:
    path = write_votable(tmp_path / "a.xml", "binary2")
    before, after = path.read_text().split('encoding="base64">')
    path.write_text(
        f'{before}encoding="base64">AAAA!{after.strip()[:7]}</STREAM>{after.partition("</STREAM>")[2]}'
    )
    with pytest.raises(TableError, match="cannot be decoded"):
        list(read_table(path))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(TableError, match="without pyarrow") as caught:
        list(read_table(path))
    assert "mvmdb[tables]" in str(caught.value.hint)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "votable"])
def test_memory_does_not_grow_with_the_table(form: str, tmp_path: Path) -> None:
    def peak_bytes(n_rows: int) -> int:
        rows = (ROWS * (n_rows // len(ROWS) + 1))[:n_rows]
        path = tmp_path / f"{n_rows}.txt"
        if form == "votable":
            write_votable(path, "tabledata", rows)
        else:
            write_csv(path, rows)
        path = zipped(path) if form == "csv.gz" else path
        tracemalloc.start()
        n_read = sum(len(chunk.lines) for chunk in read_table(path, chunk_rows=200))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_read == n_rows
        return peak

    assert peak_bytes(6000) < 1.2 * peak_bytes(1000)


def test_csv_text_is_what_a_spreadsheet_writes(tmp_path: Path) -> None:
    """Carriage returns, quoted cells with delimiters in them, no newline at the end."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([NAMES, *ROWS])
    path = tmp_path / "a.csv"
    path.write_bytes(buffer.getvalue().rstrip().encode())
    (chunk,) = read_table(path)
    assert chunk.columns["s_region"] == [row[6] for row in ROWS]
