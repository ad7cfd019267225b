"""Bad files, names and positions: one clear error each, nothing else touched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from tests.support.command_line import CommandLine

SMALL = ("demo", "--small")


@pytest.fixture(scope="module")
def field(mvmdb: CommandLine) -> Path:
    """The exposures of the small demo, ingested and built."""
    mvmdb.run(*SMALL)
    return mvmdb.home / "demo" / "exposures"


def test_one_bad_file_among_good_ones(mvmdb: CommandLine, field: Path) -> None:
    mixed = mvmdb.home / "mixed"
    mixed.mkdir()
    good = sorted(field.glob("i*_flt.fits"))[:2]
    for path in good:
        (mixed / path.name).write_bytes(path.read_bytes())
    hanging = mixed / "izsm99a1q_flt.fits"
    hanging.write_bytes(good[0].read_bytes())
    fits.setval(hanging, "A_ORDER", value=9000, extname="SCI")
    (mixed / "izsm99a2q_flt.fits").write_bytes(good[0].read_bytes()[:5000])
    results = {Path(row["file_path"]).name: row for row in mvmdb.json("ingest", mixed, expect=3)}
    assert [results[path.name]["outcome"] for path in good] == ["unchanged", "unchanged"]
    bomb = results[hanging.name]
    assert (bomb["outcome"], bomb["error"], bomb["keyword"]) == ("failed", "WcsError", "A_ORDER")
    assert results["izsm99a2q_flt.fits"]["error"] == "ExposureFileError"
    recorded = {Path(row["file_path"]).name: row for row in mvmdb.json("exposure", "list", "--failed")}
    assert recorded[hanging.name]["keyword"] == "A_ORDER"
    assert str(hanging) in recorded[hanging.name]["message"]
    said = mvmdb.run("ingest", mixed, expect=3)
    assert str(hanging) in said.stderr
    assert "A_ORDER" in said.stderr
    assert "2 failed" in said.stdout


def test_dry_run_writes_nothing(mvmdb: CommandLine, field: Path) -> None:
    copy = mvmdb.home / "izsm98a1q_flt.fits"
    copy.write_bytes(next(iter(sorted(field.glob("i*_flt.fits")))).read_bytes())
    fits.setval(copy, "ROOTNAME", value="izsm98a1q")
    (row,) = mvmdb.json("ingest", copy, "--dry-run")
    assert row["outcome"] == "readable"
    mvmdb.run("exposure", "show", "izsm98a1q", expect=2)
    before = mvmdb.sql("select count(*) from mvm.build")
    plans = mvmdb.json("layer", "build", "p1889x07y19", "--dry-run")
    assert {plan["status"] for plan in plans} == {"current"}
    assert mvmdb.sql("select count(*) from mvm.build") == before


def test_an_input_that_changed_since_ingest_stops_the_build(mvmdb: CommandLine, field: Path) -> None:
    layer = "wfc3_ir_f105w_coarse"
    (plan,) = mvmdb.json("layer", "plan", "p1889x07y19", layer)
    path = Path(plan["inputs"][0]["file_path"])
    original = path.read_bytes()
    product = Path(plan["writes"])
    published = product.read_bytes()
    try:
        with fits.open(path, mode="update") as hdus:
            hdus["SCI"].data[10, 10] += 1
        (result,) = mvmdb.json("layer", "build", "p1889x07y19", layer, "--force", expect=3)
        assert result["outcome"] == "failed"
        assert str(path) in result["reason"]
        assert product.read_bytes() == published
        assert sorted(item.name for item in product.parent.glob(".*")) == []
        states = mvmdb.sql("select outcome, error from mvm.build order by started_at desc limit 1")
        assert states[0][0] == "failed"
        assert "changed" in states[0][1]
    finally:
        path.write_bytes(original)
    (result,) = mvmdb.json("layer", "build", "p1889x07y19", layer, "--force")
    assert result["outcome"] == "published"
    with fits.open(product) as rebuilt:
        assert rebuilt[0].header["MVMREV"] == 2


def test_a_layer_is_built_from_what_is_sound_and_says_what_it_lacks(mvmdb: CommandLine, field: Path) -> None:
    """One exposure each without DQ, with DQ of another size, an unknown unit, a moving target."""
    layer = "wfc3_ir_f125w_coarse"
    (before,) = mvmdb.json("layer", "plan", "p1889x07y19", layer)
    spoiled = mvmdb.home / "spoiled"
    spoiled.mkdir()
    original = Path(before["inputs"][0]["file_path"])
    for name, spoil in SPOILT.items():
        path = spoiled / f"{name}_flt.fits"
        with fits.open(original) as hdus:
            hdus[0].header["ROOTNAME"] = name
            spoil(hdus)
            hdus.writeto(path)
    results = {Path(row["file_path"]).name[:9]: row for row in mvmdb.json("ingest", spoiled, expect=3)}
    found = {name: (row["outcome"], row["keyword"], row["exclusion"]) for name, row in results.items()}
    assert found == {
        "izsm97a1q": ("failed", "EXTNAME", None),
        "izsm97a2q": ("failed", "NAXIS1", None),
        "izsm97a3q": ("failed", "BUNIT", None),
        "izsm97a4q": ("new", None, "moving_target (MTFLAG = 'T')"),
    }
    assert "no DQ extension" in results["izsm97a1q"]["message"]
    (plan,) = mvmdb.json("layer", "plan", "p1889x07y19", layer)
    assert plan["inputs"] == before["inputs"]
    expected = {"exposure": "izsm97a4q", "code": "moving_target", "detail": "MTFLAG = 'T'"}
    assert plan["excluded"] == [expected]
    (result,) = mvmdb.json("layer", "build", "p1889x07y19", layer, "--force")
    assert (result["outcome"], result["n_excluded"]) == ("published", 1)
    header = fits.getheader(result["file_path"])
    assert header["MVMNEXCL"] == 1
    assert any("izsm97a4q moving_target" in line for line in header["HISTORY"])


def _without_dq(hdus: fits.HDUList) -> None:
    del hdus["DQ"]


def _with_small_dq(hdus: fits.HDUList) -> None:
    hdus["DQ"].data = hdus["DQ"].data[:-1]


def _with_unknown_unit(hdus: fits.HDUList) -> None:
    hdus["SCI"].header["BUNIT"] = "FURLONGS"


def _of_a_moving_target(hdus: fits.HDUList) -> None:
    hdus[0].header["MTFLAG"] = "T"


SPOILT = {
    "izsm97a1q": _without_dq,
    "izsm97a2q": _with_small_dq,
    "izsm97a3q": _with_unknown_unit,
    "izsm97a4q": _of_a_moving_target,
}


def test_a_lost_product_is_built_again_bit_for_bit(mvmdb: CommandLine, field: Path) -> None:
    (row,) = [r for r in mvmdb.json("product", "list") if r["layer"] == "wfc3_ir_f160w_coarse"]
    path = Path(row["file_path"])
    with fits.open(path) as hdus:
        before = [np.array(hdu.data) for hdu in hdus[1:4]]
    path.unlink()
    (plan,) = mvmdb.json("layer", "plan", "p1889x07y19", "wfc3_ir_f160w_coarse")
    assert plan["status"] == "stale"
    assert str(path) in plan["reason"]
    mvmdb.run("layer", "build", "p1889x07y19", "wfc3_ir_f160w_coarse")
    with fits.open(path) as hdus:
        for old, hdu in zip(before, hdus[1:4], strict=True):
            np.testing.assert_array_equal(old, hdu.data)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("coverage", "10", "91"), 2, "91"),
        (("coverage", "ten", "20"), 2, "ten"),
        (("coverage", "nan", "20"), 2, "nan"),
        (("skycell", "show", "p2644x01y01"), 2, "2644"),
        (("skycell", "show", "p0001x22y01"), 2, "x22"),
        (("skycell", "show", "garbage"), 2, "garbage"),
        (("layer", "build", "p0000x01y01"), 5, "p0000x01y01"),
        (("layer", "build", "p1889x07y19", "wfc3_ir_f999w"), 2, "f999w"),
        (("layer", "plan", "p1889x07y19", "nonsense"), 2, "nonsense"),
        (("exposure", "show", "zzzzzzzzz"), 2, "zzzzzzzzz"),
        (("product", "show", "nothing.fits"), 2, "nothing.fits"),
        (("provenance", "x'; drop table mvm.exposure; --"), 2, "drop table"),
        (("ingest", "/no/such/place"), 2, "/no/such/place"),
    ],
)
def test_expected_errors(
    mvmdb: CommandLine, field: Path, arguments: tuple[str, ...], code: int, named: str
) -> None:
    """One line that names what was wrong, one hint at most, no traceback, nothing on stdout."""
    result = mvmdb.run(*arguments, expect=code)
    assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_positions_in_every_form(mvmdb: CommandLine, field: Path) -> None:
    forms = [
        ("181.125", "-0.5"),
        ("12:04:30", "-00:30:00"),
        ("12h04m30s", "-0d30m00s"),
        ("-178.875", "-0.5"),
        ("12 04 30", "-0 30 00"),
    ]
    answers = [mvmdb.json("skycell", "at", *form) for form in forms]
    for answer in answers[1:]:
        assert [row["skycell"] for row in answer] == [row["skycell"] for row in answers[0]]
        assert [row["x_pix"] for row in answer] == pytest.approx(
            [row["x_pix"] for row in answers[0]], abs=1e-4
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ("db", "status"),
        ("db", "url"),
        ("layer", "list"),
        ("layer", "list", "p1889x07y19"),
        ("layer", "plan", "p1889x07y19"),
        ("coverage", "181.1", "27.9"),
        ("skycell", "at", "181.1", "27.9"),
        ("skycell", "show", "p1889x07y19"),
        ("exposure", "list"),
        ("exposure", "list", "--excluded"),
        ("exposure", "list", "--failed"),
        ("exposure", "show", "izsm11a1q"),
        ("product", "list"),
        ("product", "show", "hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits"),
        ("provenance", "izsm11a1q"),
    ],
)
def test_json_is_json_and_stdout_holds_nothing_else(
    mvmdb: CommandLine, field: Path, arguments: tuple[str, ...]
) -> None:
    result = mvmdb.run(*arguments, "--json")
    assert isinstance(json.loads(result.stdout), dict | list)
    assert mvmdb.run(*arguments).stdout


def test_regions_as_archives_and_ds9_write_them(mvmdb: CommandLine, field: Path) -> None:
    """The same square in three languages finds the same exposures; an impossible one is refused."""
    forms = [
        "POLYGON ICRS 181.117 27.952 181.120 27.952 181.120 27.955 181.117 27.955",
        "icrs; polygon(181.117,27.952,181.120,27.952,181.120,27.955,181.117,27.955)",
        "POLYGON J2000 181.117 27.955 181.120 27.955 181.120 27.952 181.117 27.952",
    ]
    answers = [{row["exposure"] for row in mvmdb.json("coverage", "--region", form)} for form in forms]
    assert answers[0]
    assert answers[1:] == [answers[0]] * 2
    refused = mvmdb.run("coverage", "--region", "POLYGON ICRS 10 20 11 95 12 20", expect=2)
    assert "95" in refused.stderr
