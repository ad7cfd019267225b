"""A table becomes a catalogue: exposures known by footprints, asked for, planned, and replaced by files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from mvmdb.files.exposure import read_exposure
from tests.support.command_line import CommandLine
from tests.support.shared_data import shared_data

HUBBLE = "footprints/hst_hdrtab_exposures.csv"
WEBB = "footprints/jwst_imaging_s_region.csv.gz"
SKYCELL = "p0294x16y17"
"""Of J2325-5229: WFC3 in three filters, IR fine and coarse."""


@pytest.fixture(scope="module")
def loaded(mvmdb: CommandLine) -> Any:
    """What the first load of the Hubble table prints."""
    return mvmdb.json(
        "footprint", "load", shared_data(HUBBLE), "--rejects", mvmdb.home / "refused.csv", expect=3
    )


def test_load_counts_and_names_what_it_refused(mvmdb: CommandLine, loaded: Any) -> None:
    counts = {name: value for name, value in loaded["counts"].items() if value}
    assert counts == {"n_rows": 179, "n_rejected": 2, "n_exposures": 104, "n_new": 104}
    assert loaded["dry_run"] is False
    assert [row["identifier"] for row in loaded["first_rejections"]] == ["iej501sbq", "iej501seq"]
    rows = list(csv.DictReader(io.StringIO((mvmdb.home / "refused.csv").read_text())))
    assert [(row["line"], row["identifier"]) for row in rows] == [("16", "iej501sbq"), ("17", "iej501seq")]
    assert all(Path(row["file_path"]).name == "hst_hdrtab_exposures.csv" for row in rows)


def test_second_load_changes_nothing(mvmdb: CommandLine, loaded: Any) -> None:
    versions = "select xmin::text, ctid::text, exposure_id from mvm.exposure order by 3"
    before = mvmdb.sql(versions)
    said = mvmdb.run("footprint", "load", shared_data(HUBBLE), expect=3)
    assert "104 exposures: 0 new, 104 unchanged, 0 revised, 0 outranked" in said.stdout
    assert "iej501sbq: s_region: polygon holds a coordinate that is not a finite number" in " ".join(
        said.stderr.split()
    )
    assert mvmdb.sql(versions) == before


def test_questions_are_answered_from_footprints(mvmdb: CommandLine, loaded: Any) -> None:
    found = mvmdb.json("coverage", 150.06, 63.17)
    assert [(row["exposure"], row["filter"]) for row in found] == [("jbt122x8q", "f814w")]
    layers = {row["layer"]: row for row in mvmdb.json("layer", "list", SKYCELL)}
    assert set(layers) == {"wfc3_ir_f160w", "wfc3_ir_f160w_coarse", "wfc3_uvis_f475x", "wfc3_uvis_f814w"}
    assert layers["wfc3_ir_f160w"]["n_exposures"] == 4
    assert SKYCELL in {row["skycell"] for row in mvmdb.json("layer", "list")}
    shown = mvmdb.json("exposure", "show", "iexj02deq")
    assert (shown["file_type"], shown["file_path"]) == ("footprint", None)
    assert SKYCELL in shown["skycells"]


def test_plan_names_the_files_that_are_missing(mvmdb: CommandLine, loaded: Any) -> None:
    (plan,) = mvmdb.json("layer", "plan", SKYCELL, "wfc3_ir_f160w_coarse")
    assert plan["without_file"] == ["iexj02deq", "iexj02dgq", "iexj02diq", "iexj02djq"]
    assert (plan["status"], plan["inputs"][0]["file_path"]) == ("missing", None)
    assert mvmdb.json("layer", "build", SKYCELL, "wfc3_ir_f160w_coarse", "--dry-run") == [plan]
    assert "4 exposures, to be ingested first" in mvmdb.run("layer", "plan", SKYCELL, "wfc3_ir_f160w").stdout


def test_build_is_refused_by_name(mvmdb: CommandLine, loaded: Any) -> None:
    (result,) = mvmdb.json("layer", "build", SKYCELL, "wfc3_ir_f160w_coarse", expect=3)
    assert (result["outcome"], result["error"]) == ("failed", "MissingFileError")
    assert "4 of 4 exposures have no file yet: iexj02deq iexj02dgq iexj02diq iexj02djq" in result["reason"]
    said = mvmdb.run("layer", "build", SKYCELL, "wfc3_ir_f160w_coarse", expect=3).stderr
    assert "fetch their flc, flt or c0m files by root name and ingest them" in " ".join(said.split())
    assert mvmdb.sql("select count(*) from mvm.build") == [(0,)]


def test_dry_run_writes_nothing(mvmdb: CommandLine, loaded: Any) -> None:
    before = mvmdb.sql("select count(*) from mvm.exposure")
    result = mvmdb.json("footprint", "load", shared_data(WEBB), "--dry-run", expect=3)
    assert (result["dry_run"], result["counts"]["n_new"]) == (True, 12_626)
    assert len(result["first_rejections"]) == 10
    assert mvmdb.sql("select count(*) from mvm.exposure") == before


def test_another_telescope(mvmdb: CommandLine, loaded: Any) -> None:
    result = mvmdb.json("footprint", "load", shared_data(WEBB), expect=3)
    counts = result["counts"]
    assert (counts["n_rows"], counts["n_new"]) == (17_626, 12_626)
    assert counts["n_rejected"] + counts["n_repeated"] == 5000
    name = "jw09225001001_02101_00001_nrcb1"
    shown = mvmdb.json("exposure", "show", name)
    assert (shown["instrument"], shown["detector"], shown["filter"]) == ("nircam", "nrcb1", "nc-f200w")
    assert len(shown["skycells"]) >= 1
    assert name in {row["exposure"] for row in mvmdb.json("coverage", 260.27, 57.947)}


@pytest.mark.parametrize(
    ("content", "exit_code", "said"),
    [
        ("obs_id,colour\na,b\n", 2, "has no column s_region; its columns are obs_id, colour"),
        (None, 2, "no such file"),
    ],
)
def test_tables_that_cannot_be_used(
    mvmdb: CommandLine, loaded: Any, content: str | None, exit_code: int, said: str
) -> None:
    table = mvmdb.home / "table.csv"
    table.unlink(missing_ok=True)
    if content is not None:
        table.write_text(content)
    result = mvmdb.run("footprint", "load", table, expect=exit_code)
    assert said in " ".join(result.stderr.split())
    assert "hint" in result.stderr or content is None


def test_rejects_file_that_cannot_be_written(mvmdb: CommandLine, loaded: Any) -> None:
    result = mvmdb.run(
        "footprint", "load", shared_data(HUBBLE), "--rejects", mvmdb.home / "no" / "a.csv", expect=2
    )
    assert "cannot be written" in " ".join(result.stderr.split())


def test_names_with_brackets_are_told_as_they_are(mvmdb: CommandLine, loaded: Any) -> None:
    result = mvmdb.run("footprint", "load", mvmdb.home / "a[/red]b.csv", expect=2)
    assert "a[/red]b.csv: no such file" in "".join(result.stderr.split("\n"))


def test_rejects_never_replace_a_table(mvmdb: CommandLine, loaded: Any) -> None:
    table = mvmdb.home / "own.csv"
    table.write_bytes(shared_data(HUBBLE).read_bytes())
    result = mvmdb.run("footprint", "load", table, "--rejects", table, expect=2)
    assert "is one of the tables" in " ".join(result.stderr.split())
    assert table.read_bytes() == shared_data(HUBBLE).read_bytes()


def write_table_of(files: list[Path], table: Path) -> None:
    """Write what an archive would say of exposures, to eight decimals, before anybody downloads them."""
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["obs_id", "instrument_name", "filters", "t_min", "t_exptime", "target_name", "s_region"]
        )
        for facts in map(read_exposure, map(str, files)):
            regions = [
                "POLYGON ICRS " + " ".join(f"{ra:.8f} {dec:.8f}" for ra, dec in chip.footprint)
                for chip in facts.chips
            ]
            camera = f"{facts.instrument}/{facts.detector}".upper()
            moment = repr(facts.start_mjd), repr(facts.exptime_s)
            writer.writerow([facts.rootname, camera, facts.filter, *moment, "GOODS", " ".join(regions)])


def test_from_a_table_to_a_mosaic(mvmdb: CommandLine) -> None:
    """Plan from footprints, fetch the files that the plan names, ingest them, build: the plan was right."""
    files = sorted(shared_data("exposures/wfc3_ir_goodss").glob("*_flt.fits*"))[:2]
    table = mvmdb.home / "goods.csv"
    write_table_of(files, table)
    assert mvmdb.json("footprint", "load", table)["counts"]["n_new"] == 2
    names = [facts.rootname for facts in map(read_exposure, map(str, files))]
    skycell = mvmdb.json("exposure", "show", names[0])["skycells"][0]
    layer = next(
        row["layer"] for row in mvmdb.json("layer", "list", skycell) if row["layer"].endswith("coarse")
    )
    (planned,) = mvmdb.json("layer", "plan", skycell, layer)
    assert set(planned["without_file"]) <= set(names)
    mvmdb.run("layer", "build", skycell, layer, expect=3)

    results = mvmdb.json("ingest", *files)
    assert {row["outcome"] for row in results} == {"revised"}
    (plan,) = mvmdb.json("layer", "plan", skycell, layer)
    assert plan["without_file"] == []
    assert [item["rootname"] for item in plan["inputs"]] == [item["rootname"] for item in planned["inputs"]]
    assert all(abs(plan["extent"][name] - planned["extent"][name]) <= 1 for name in ("x0", "y0", "x1", "y1"))
    (built,) = mvmdb.json("layer", "build", skycell, layer)
    assert (built["outcome"], Path(built["file_path"]).is_file()) == ("published", True)
    assert mvmdb.json("footprint", "load", table)["counts"]["n_unchanged"] == 2
    (after,) = mvmdb.json("layer", "build", skycell, layer)
    assert after["outcome"] == "current"
