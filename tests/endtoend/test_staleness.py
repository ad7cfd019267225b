"""From ingest to stale and back through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.exposures import SyntheticExposure

LAYERS = ("wfc3_ir_f160w", "wfc3_ir_f160w_coarse")


def ingest(mvmdb: CommandLine, folder: Path, number: int, **changes: object) -> str:
    """Write and ingest a tiny exposure; return its root name."""
    folder.mkdir(exist_ok=True)
    exposure = SyntheticExposure(rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, **changes)
    [result] = mvmdb.json("ingest", exposure.write(folder))
    return str(result["exposure"])


@pytest.fixture(scope="module")
def skycell(mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of one skycell that the exposures reach; nothing is built."""
    folder = tmp_path_factory.mktemp("first")
    ingest(mvmdb, folder, 0)
    ingest(mvmdb, folder, 1)
    rows = mvmdb.json("status")
    assert {(row["n_layers"], row["n_missing"], len(row["reasons"])) for row in rows} == {(2, 2, 0)}
    return str(rows[0]["skycell"])


def test_stale_and_back(mvmdb: CommandLine, skycell: str, tmp_path: Path) -> None:
    def standing() -> list[tuple[str, list[str]]]:
        rows = mvmdb.json("status", skycell)
        assert [row["layer"] for row in rows] == list(LAYERS)
        return [(row["status"], row["reasons"]) for row in rows]

    assert len(mvmdb.json("layer", "build", "--stale", skycell, "--dry-run")) == 2
    mvmdb.run("layer", "build", skycell, LAYERS[0], "--set", "sky=none")
    [built] = mvmdb.json("layer", "build", "--stale", skycell)
    assert (built["layer"], built["outcome"]) == (LAYERS[1], "published")
    assert standing() == [("current", []), ("current", [])]
    assert mvmdb.json("layer", "build", "--stale", skycell) == []

    revised = ingest(mvmdb, tmp_path / "again", 1, level=9)
    assert standing() == [("stale", ["input_revised"])] * 2
    explained = mvmdb.json("layer", "explain", skycell, LAYERS[0])
    assert (explained["n_inputs"], explained["parameter_overrides"]) == (2, {"sky": "none"})
    [change] = explained["changes"]
    assert (change["reason"], change["exposure"], change["chip"]) == ("input_revised", revised, 1)
    words = mvmdb.run("layer", "explain", skycell, LAYERS[0]).stdout
    assert "2 inputs" in words
    assert revised in words

    built = mvmdb.json("layer", "build", "--stale", skycell)
    assert [(row["layer"], row["reason"]) for row in built] == [
        (layer, "1 input revised") for layer in LAYERS
    ]
    assert standing() == [("current", []), ("current", [])]
    [row] = [row for row in mvmdb.json("product", "list", skycell) if row["layer"] == LAYERS[0]]
    assert (row["parameter_set"], row["parameter_overrides"]) == ("mvmdb", {"sky": "none"})

    damaged = Path(row["file_path"])
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert standing()[0] == ("current", [])
    mvmdb.run("status", "--check")
    assert standing()[0] == ("stale", ["product_damaged"])
    [row] = [row for row in mvmdb.json("status") if row["skycell"] == skycell]
    assert (row["n_stale"], row["n_current"], row["reasons"]) == (1, 1, ["product_damaged"])
    damaged.unlink()
    [built] = mvmdb.json("layer", "build", "--stale", skycell)
    assert (built["outcome"], built["reason"]) == ("published", f"its file is gone: {damaged}")
    assert standing() == [("current", []), ("current", [])]
    assert all(item["skycell"] != skycell for item in mvmdb.json("layer", "build", "--stale"))
    assert {item["n_current"] for item in mvmdb.json("status")} == {len(LAYERS)}
    assert mvmdb.json("layer", "build", "--stale") == []


def test_withdraw_build_restore_build(mvmdb: CommandLine, skycell: str) -> None:
    """After the test above everything is current."""
    name = "ib6o2301q"
    reason = ("--reason", "trailed", "--by", "somebody")
    planned = mvmdb.json("exposure", "withdraw", name, *reason, "--dry-run")
    assert mvmdb.json("exposure", "withdrawals") == []
    [share] = mvmdb.sql(
        "select sum(n_pixels_contributed)::int from mvm.product_provenance where exposure = %s", name
    )
    assert planned["n_pixels_contributed"] == share[0] > 0
    report = mvmdb.json("exposure", "withdraw", name, *reason)
    assert report["effects"] == planned["effects"]
    here = [effect for effect in report["effects"] if effect["skycell"] == skycell]
    assert [(e["layer"], e["status"], e["exptime_s"]) for e in here] == [(n, "stale", 350.0) for n in LAYERS]
    assert report["n_products_stale"] == len(report["effects"])

    built = mvmdb.json("layer", "build", "--stale", skycell)
    assert [(row["n_inputs"], row["n_excluded"]) for row in built] == [(1, 1)] * 2
    inputs = mvmdb.json("provenance", Path(built[0]["file_path"]).name)
    assert [row["exposure"] for row in inputs] == ["ib6o2300q"]
    assert "is restored" in mvmdb.run("exposure", "restore", name).stdout
    [row] = [row for row in mvmdb.json("status") if row["skycell"] == skycell]
    assert (row["n_stale"], "input_added" in row["reasons"]) == (2, True)
    [row] = mvmdb.json("exposure", "withdrawals", name)
    assert (row["reason"], row["withdrawn_by"], row["restored_at"] is None) == ("trailed", "somebody", False)


def test_what_cannot_be_asked(mvmdb: CommandLine, skycell: str) -> None:
    assert "name a skycell" in mvmdb.run("layer", "build", expect=2).stderr
    assert "--stale goes without" in mvmdb.run("layer", "build", "--stale", "--force", expect=2).stderr
    assert LAYERS[1] in mvmdb.run("layer", "explain", skycell, "acs_wfc_f606w", expect=2).stderr
