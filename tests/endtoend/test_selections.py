"""Selections through the command line: products side by side, one stale after a change, epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from tests.support.command_line import CommandLine
from tests.support.exposures import SyntheticExposure

LAYER = "wfc3_ir_f160w_coarse"
GAIA = "IDC_w3m18525i-FIT_REL_GAIAeDR3"
TAKEN = {0: ("2009-10-03", "IDC_w3m18525i"), 1: ("2011-12-31", GAIA), 2: ("2012-01-01", GAIA)}
"""Day, at midnight, and astrometric solution of three exposures; their level is 1, 2 and 4 e-/s."""

SMALLER = (0.12 / 0.128) ** 2
"""Area of an output pixel over that of an input pixel."""


@pytest.fixture(scope="module")
def skycell(mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of one skycell that the exposures reach; nothing is built."""
    folder = tmp_path_factory.mktemp("exposures")
    for number, (day, wcsname) in TAKEN.items():
        start_mjd = float(Time(day, scale="utc").mjd)
        exposure = SyntheticExposure(
            rootname=f"b6o23{number:02d}q",
            ra_deg=150 + number / 1800,
            level=2.0**number,
            primary={"EXPSTART": start_mjd, "EXPEND": start_mjd + 350 / 86400},
            sci={"WCSNAME": wcsname},
        )
        exposure.write(folder)
    mvmdb.run("ingest", folder)
    return str(mvmdb.json("status")[0]["skycell"])


def standing(mvmdb: CommandLine, skycell: str) -> dict[str, tuple[str, list[str]]]:
    """Return status and reasons of the layer by selection."""
    rows = [row for row in mvmdb.json("status", skycell) if row["layer"] == LAYER]
    return {row["selection"]: (row["status"], row["reasons"]) for row in rows}


def pixels(path: str) -> list[float]:
    """Return the least and the greatest observed pixel value of a product."""
    science = fits.getdata(path, "SCI")
    return [float(np.nanmin(science)), float(np.nanmax(science))]


def test_products_of_selections_lie_side_by_side(mvmdb: CommandLine, skycell: str) -> None:
    added = mvmdb.json("selection", "add", "early", "--until", "2012-01-01", "--description", "before")
    assert added["selection"]["until_utc"] == "2012-01-01T00:00:00+00:00"
    mvmdb.run("selection", "add", "gaia", "--wcsname", "*fit_rel_gaia*")
    assert [row["selection"] for row in mvmdb.json("selection", "list")] == ["all", "early", "gaia"]
    assert list(standing(mvmdb, skycell)) == ["all"]
    [missing] = [
        row for row in mvmdb.json("status", skycell, "--selection", "early") if row["layer"] == LAYER
    ]
    assert (missing["status"], missing["n_exposures"]) == ("missing", 2)
    files = {}
    for name, numbers in {"all": (0, 1, 2), "early": (0, 1), "gaia": (1, 2)}.items():
        [built] = mvmdb.json("layer", "build", skycell, LAYER, "--selection", name, "--set", "sky=none")
        assert (built["outcome"], built["selection"], built["n_inputs"]) == ("published", name, len(numbers))
        files[name] = Path(built["file_path"])
        assert files[name].name == f"hst_skycell-{skycell}_wfc3_ir_f160w_coarse-{name}_drz.fits"
        # Where one exposure alone gives light the level is its own, in smaller pixels.
        levels = [2.0 ** min(numbers) * SMALLER, 2.0 ** max(numbers) * SMALLER]
        assert pixels(built["file_path"]) == pytest.approx(levels, rel=0.01)
        inputs = mvmdb.json("provenance", files[name].name)
        assert [row["exposure"] for row in inputs] == [f"ib6o23{number:02d}q" for number in numbers]
    assert all(path.exists() for path in files.values())
    shapes = {fits.getdata(path, "SCI").shape for path in files.values()}
    assert len(shapes) == 1
    assert standing(mvmdb, skycell) == {name: ("current", []) for name in files}
    header = fits.getheader(files["early"])
    assert (header["MVMSELEC"], header["MVMSRULE"]) == ("early", "until 2012-01-01T00:00:00Z")
    assert "not_selected" in str(header["HISTORY"])
    assert "MVMSRULE" not in fits.getheader(files["all"])


def test_plan_says_what_a_selection_loses(mvmdb: CommandLine, skycell: str) -> None:
    [plan] = mvmdb.json("layer", "plan", skycell, LAYER, "--selection", "early")
    assert [item["code"] for item in plan["excluded"]] == ["not_selected"]
    cost = plan["selection_cost"]
    assert (cost["n_exposures"], cost["n_exposures_lost"], cost["exptime_lost_s"]) == (2, 1, 350.0)
    assert 0.1 < cost["area_lost_fraction"] < 0.25
    words = mvmdb.run("layer", "plan", skycell, LAYER, "--selection", "early").stdout
    assert "1 of 3 exposures, 350 of 1050 s" in words
    [row] = [
        row
        for row in mvmdb.json("selection", "show", "early", "--skycell", skycell)["costs"]
        if row["layer"] == LAYER
    ]
    assert row == cost
    [listed] = [
        row for row in mvmdb.json("layer", "list", skycell, "--selection", "early") if row["layer"] == LAYER
    ]
    assert (listed["n_exposures"], listed["area_arcmin2"]) == (2, cost["area_arcmin2"])
    assert listed["product"] == plan["product"]


def test_a_change_makes_one_stale_and_leaves_the_others(mvmdb: CommandLine, skycell: str) -> None:
    change = ("selection", "change", "early", "--until", "2012-01-01T00:00:01")
    tried = mvmdb.json(*change, "--dry-run")
    assert tried["n_products_stale"] == 1
    assert standing(mvmdb, skycell)["early"] == ("current", [])
    assert mvmdb.json(*change)["products"][0]["reasons"] == ["input_added", "selection_changed"]
    assert standing(mvmdb, skycell) == {
        "all": ("current", []),
        "early": ("stale", ["input_added", "selection_changed"]),
        "gaia": ("current", []),
    }
    explained = mvmdb.json("layer", "explain", skycell, LAYER, "--selection", "early")
    [change_row] = [row for row in explained["changes"] if row["reason"] == "selection_changed"]
    assert (change_row["before"], change_row["after"]) == (
        "until=2012-01-01T00:00:00Z",
        "until=2012-01-01T00:00:01Z",
    )
    assert change_row["since"] is not None
    assert explained["n_inputs"] == 3
    built = [row for row in mvmdb.json("layer", "build", "--stale", skycell) if row["layer"] == LAYER]
    assert [(row["selection"], row["outcome"], row["n_inputs"]) for row in built] == [
        ("early", "published", 3)
    ]
    assert built[0]["reason"] == "1 input added, selection changed"
    assert standing(mvmdb, skycell)["early"] == ("current", [])


def test_pixel_names_the_products_of_every_selection(mvmdb: CommandLine, skycell: str) -> None:
    shown = mvmdb.json("pixel", "150.0", "2.0", "--layer", LAYER, "--skycell", skycell)
    assert {item["selection"] for item in shown} == {"all", "early", "gaia"}
    pictures = mvmdb.json("preview", skycell, "--selection", "gaia", "--output", mvmdb.home / "pictures")
    assert [Path(item["path"]).name for item in pictures] == [
        f"hst_skycell-{skycell}_wfc3_ir_f160w_coarse-gaia_drz.png"
    ]


def test_a_layer_without_exposures_ends_well(mvmdb: CommandLine, skycell: str) -> None:
    mvmdb.run("selection", "change", "gaia", "--exclude", "ib6o2301q", "--reason", "trail")
    mvmdb.run("selection", "change", "gaia", "--exclude", "ib6o2302q", "--reason", "trail")
    status, reasons = standing(mvmdb, skycell)["gaia"]
    assert (status, "layer_empty" in reasons, "selection_changed" in reasons) == ("stale", True, True)
    assert (
        "no exposure is left" in mvmdb.run("layer", "explain", skycell, LAYER, "--selection", "gaia").stdout
    )
    [plan] = mvmdb.json("layer", "build", skycell, LAYER, "--selection", "gaia", "--dry-run")
    assert (plan["writes"], plan["n_inputs"]) == (None, 0)
    assert plan["reason"].startswith("no exposure is left")
    file = mvmdb.home / "products" / skycell / f"hst_skycell-{skycell}_wfc3_ir_f160w_coarse-gaia_drz.fits"
    assert file.exists()
    built = [row for row in mvmdb.json("layer", "build", "--stale", skycell) if row["selection"] == "gaia"]
    assert [(row["outcome"], row["file_path"]) for row in built] == [("retired", None)]
    assert not file.exists()
    assert "gaia" not in standing(mvmdb, skycell)
    [row] = mvmdb.json("product", "history", file.name)
    assert (row["state"], row["superseded_at"] is not None) == ("retired", True)
    refused = mvmdb.run("layer", "build", skycell, LAYER, "--selection", "gaia", expect=5)
    assert "takes no exposure" in refused.stderr
    mvmdb.run("selection", "change", "gaia", "--include", "ib6o2301q")
    [built] = mvmdb.json("layer", "build", skycell, LAYER, "--selection", "gaia")
    assert built["outcome"] == "published"
    [first, second] = mvmdb.json("product", "history", file.name)
    assert (first["revision"], second["revision"], second["state"]) == (1, 2, "current")


def test_removal_retires_only_when_it_is_told_to(mvmdb: CommandLine, skycell: str) -> None:
    assert "has 1 products" in mvmdb.run("selection", "remove", "early", expect=4).stderr
    tried = mvmdb.json("selection", "remove", "early", "--force", "--dry-run")
    assert tried["retired"] == [f"{skycell} {LAYER}"]
    file = mvmdb.home / "products" / skycell / f"hst_skycell-{skycell}_wfc3_ir_f160w_coarse-early_drz.fits"
    assert file.exists()
    assert mvmdb.json("selection", "remove", "early", "--force") == tried
    assert not file.exists()
    assert list(standing(mvmdb, skycell)) == ["all", "gaia"]
    assert "stays as it is" in mvmdb.run("selection", "remove", "all", expect=2).stderr
    assert "stays as it is" in mvmdb.run("selection", "change", "all", "--min-exptime", 1, expect=2).stderr
    assert (
        "no selection 'early'"
        in mvmdb.run("layer", "build", skycell, "--selection", "early", expect=2).stderr
    )


def test_epochs_become_selections(mvmdb: CommandLine, skycell: str) -> None:
    rows = mvmdb.json("layer", "epochs", skycell, LAYER)
    assert [(row["epoch"], row["n_exposures"], row["selection"]) for row in rows] == [
        (1, 1, None),
        (2, 2, None),
    ]
    assert [row["from_utc"][:10] for row in rows] == ["2009-10-03", "2011-12-31"]
    assert [row["until_utc"][:10] for row in rows] == ["2009-10-04", "2012-01-02"]
    stored = mvmdb.json("layer", "epochs", skycell, LAYER, "--add", "epoch")
    assert [row["selection"] for row in stored] == ["epoch1", "epoch2"]
    assert mvmdb.json("layer", "epochs", skycell, LAYER, "--add", "epoch") == stored
    refused = mvmdb.run("layer", "epochs", skycell, LAYER, "--gap-days", 0.5, "--add", "epoch", expect=4)
    assert "exists with another rule" in refused.stderr
    [plan] = mvmdb.json("layer", "plan", skycell, LAYER, "--selection", "epoch2")
    assert [item["rootname"] for item in plan["inputs"]] == ["ib6o2301q", "ib6o2302q"]


def test_what_cannot_be_stored(mvmdb: CommandLine) -> None:
    assert (
        "later than --from"
        in mvmdb.run(
            "selection", "add", "never", "--from", "2012-01-01", "--until", "2012-01-01", expect=2
        ).stderr
    )
    assert "is no time" in mvmdb.run("selection", "add", "x", "--from", "yesterday", expect=2).stderr
    assert "no exposure time" in mvmdb.run("selection", "add", "x", "--min-exptime", "nan", expect=2).stderr
    assert "is empty" in mvmdb.run("selection", "add", "x", "--wcsname", "", expect=2).stderr
    assert "not the name" in mvmdb.run("selection", "add", "coarse-all", expect=2).stderr
