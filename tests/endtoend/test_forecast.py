"""Forecasts that learn from builds, and builds that are refused, through the command line."""

from __future__ import annotations

import pytest

from tests.support.command_line import CommandLine
from tests.support.exposures import SyntheticExposure
from tests.support.measure import file_facts

FINE, COARSE = "wfc3_ir_f160w", "wfc3_ir_f160w_coarse"


@pytest.fixture(scope="module")
def skycell(mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of one skycell that two tiny exposures reach; nothing is built."""
    folder = tmp_path_factory.mktemp("exposures")
    for number in range(2):
        exposure = SyntheticExposure(rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000)
        mvmdb.run("ingest", exposure.write(folder))
    return str(mvmdb.json("layer", "list")[0]["skycell"])


def test_refused_builds_leave_nothing(mvmdb: CommandLine, skycell: str) -> None:
    (mvmdb.home / "mvmdb.toml").write_text('max_build_memory_bytes = "10MB"\n')
    try:
        before = file_facts(mvmdb.home / "products")
        refused = mvmdb.run("layer", "build", skycell, COARSE, expect=5)
        assert "a build would take" in refused.stdout
        assert "the limit is 10 MB" in " ".join(refused.stdout.split())
        assert "MVMDB_MAX_BUILD_MEMORY_BYTES" in refused.stderr
        assert "--no-limits" in refused.stderr
        both = mvmdb.json("layer", "build", skycell, "--workers", 2, expect=5)
        assert [(row["outcome"], row["error"]) for row in both] == [("failed", "TooLargeError")] * 2
        assert mvmdb.sql("select count(*) from mvm.build") == [(0,)]
        assert file_facts(mvmdb.home / "products") == before

        [planned] = mvmdb.json("layer", "plan", skycell, COARSE)
        assert "the limit is 10 MB" in planned["refused"]
        assert "--no-limits" in mvmdb.run("layer", "plan", skycell, COARSE).stdout
        [dry] = mvmdb.json("layer", "build", skycell, COARSE, "--dry-run", "--no-limits")
        assert dry["refused"] is None
        [built] = mvmdb.json("layer", "build", skycell, COARSE, "--no-limits")
        assert built["outcome"] == "published"
        again = mvmdb.json("layer", "build", skycell, COARSE)
        assert [row["outcome"] for row in again] == ["current"]
    finally:
        (mvmdb.home / "mvmdb.toml").unlink()


def test_forecasts_learn_from_builds(mvmdb: CommandLine, skycell: str) -> None:
    """After the test above one layer has been built once."""
    [first] = mvmdb.json("layer", "plan", skycell, COARSE)
    assert (first["forecast"]["n_builds"], first["forecast"]["wall_scatter"]) == (0, None)
    assert "shipped estimate" in mvmdb.run("layer", "plan", skycell, COARSE).stdout
    for _ in range(4):
        mvmdb.run("layer", "build", skycell, COARSE, "--force")
    rows = mvmdb.sql(
        "select wall_s, cpu_s, peak_memory_bytes, output_bytes, n_input_pixels, n_output_pixels, n_threads,"
        " file_size_bytes, n_x_pix * n_y_pix from mvm.build_cost join mvm.product using (skycell, layer)"
        " where state = 'current'"
    )
    assert len(rows) == 5
    for wall_s, cpu_s, memory_bytes, output_bytes, n_input, n_output, n_threads, size_bytes, n_pix in rows:
        assert 0 < cpu_s < 60
        assert 0 < wall_s < 60
        assert 20e6 < memory_bytes < 2e9
        assert (output_bytes, n_output) == (size_bytes, n_pix)
        assert n_threads >= 1
        assert n_input > 0
    [learnt] = mvmdb.json("layer", "plan", skycell, COARSE)
    forecast = learnt["forecast"]
    assert (forecast["n_builds"], forecast["of_this_host"]) == (5, True)
    # With relative errors the fit of equal works lies between the fastest and the slowest.
    assert min(row[0] for row in rows) * 0.9 < forecast["wall_s"] < max(row[0] for row in rows) * 1.1
    assert forecast["output_bytes"] == pytest.approx(rows[0][3], rel=0.02)
    assert forecast["peak_memory_bytes"] == pytest.approx(max(row[2] for row in rows), rel=0.3)
    assert "from 5 builds here" in mvmdb.run("layer", "plan", skycell, COARSE).stdout


def test_what_it_costs_to_build_what_is_missing(mvmdb: CommandLine, skycell: str) -> None:
    """After the tests above one layer of this skycell is current and the other missing."""
    [fine, coarse] = mvmdb.json("status", skycell)
    assert (coarse["status"], coarse["build_s"], coarse["build_bytes"]) == ("current", None, None)
    explained = mvmdb.json("layer", "explain", skycell, FINE)
    assert explained["forecast"]["wall_s"] == pytest.approx(fine["build_s"], rel=0.01)
    assert "from 5 builds here" in mvmdb.run("layer", "explain", skycell, FINE).stdout
    assert "to build all of it" in mvmdb.run("status", skycell).stdout

    cells = {row["skycell"]: row for row in mvmdb.json("status", "--cost")}
    assert cells[skycell]["build_s"] == pytest.approx(fine["build_s"])
    assert cells[skycell]["build_bytes"] == fine["build_bytes"]
    for name, row in cells.items():
        layers = mvmdb.json("status", name)
        assert row["build_s"] == pytest.approx(sum(layer["build_s"] or 0 for layer in layers))
    assert "to build all of it" in mvmdb.run("status", "--cost").stdout
