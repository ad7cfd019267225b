"""A trailed exposure in a layer of real ones: found by what its streaks have in common; the history of it."""

from __future__ import annotations

import gzip
import io
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from tests.support.command_line import CommandLine
from tests.support.shared_data import shared_data

SKYCELL, LAYER = "p0726x10y04", "wfc3_ir_f140w_coarse"
NAMES = ("ib6o23rtq", "ib6o23rwq", "ib6o23rzq", "ib6o23s2q")
TRAILED = "ib6o23rzq"
STREAK_E_PER_S = 8
PRODUCT = f"hst_skycell-{SKYCELL}_{LAYER}-all_drz.fits"


def trail(path: Path) -> None:
    """Draw bright streaks across an exposure, as a telescope does that lost its guide stars."""
    with fits.open(io.BytesIO(gzip.decompress(path.read_bytes()))) as hdus:
        for row in range(10, 1014, 100):
            hdus["SCI"].data[row : row + 3] += 50
        buffer = io.BytesIO()
        hdus.writeto(buffer)
    path.write_bytes(gzip.compress(buffer.getvalue(), 1))


@pytest.fixture(scope="module")
def built(mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, datetime]:
    """Build the layer with a sound exposure, then again with its trailed content; a moment between."""
    folder = tmp_path_factory.mktemp("exposures")
    for name in NAMES:
        shutil.copy(shared_data(f"exposures/wfc3_ir_goodss/{name}_flt.fits.gz"), folder)
    mvmdb.run("ingest", folder)
    mvmdb.run("layer", "build", SKYCELL, LAYER)
    shutil.copy(mvmdb.home / "products" / SKYCELL / PRODUCT, mvmdb.home / "before.fits")
    time.sleep(1.1)  # a moment is given in whole seconds
    between = datetime.now(UTC)
    trail(folder / f"{TRAILED}_flt.fits.gz")
    mvmdb.run("ingest", folder)
    mvmdb.run("layer", "build", SKYCELL, LAYER)
    return mvmdb, between


def exposures_at(mvmdb: CommandLine, wcs: WCS, x: int, y: int) -> dict[str, dict[str, Any]]:
    ra_deg, dec_deg = wcs.all_pix2world(x, y, 0)
    position = (f"{ra_deg:.8f}", f"{dec_deg:.8f}")
    [shown] = mvmdb.json("pixel", *position, "--layer", LAYER, "--skycell", SKYCELL)
    assert (shown["x_pix"], shown["y_pix"]) == (x, y)
    return {item["exposure"]: item for item in shown["inputs"]}


def layer_status(mvmdb: CommandLine) -> tuple[str, list[str]]:
    [row] = [row for row in mvmdb.json("status", SKYCELL) if row["layer"] == LAYER]
    return row["status"], row["reasons"]


def common_pixels(
    trailed: fits.HDUList, without: fits.HDUList
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]]:
    """Return the pixels of both on the smaller subarray, and where that begins in the larger one."""
    x0, y0 = (round(trailed["SCI"].header[key] - without["SCI"].header[key]) for key in ("CRPIX1", "CRPIX2"))
    after = without["SCI"].data
    before = trailed["SCI"].data[y0:, x0:][: after.shape[0], : after.shape[1]]
    assert (min(x0, y0) >= 0, before.shape) == (True, after.shape)
    return before, after, (x0, y0)


def lit_by_trailed(hdus: fits.HDUList) -> NDArray[np.bool_]:
    """Return where the context image has the bit of the trailed exposure."""
    [index] = np.flatnonzero(np.char.strip(hdus["HDRTAB"].data["ROOTNAME"]) == TRAILED)
    lit: NDArray[np.bool_] = (hdus["CTX"].data >> index) & 1 == 1
    return lit


def test_the_streaks_have_one_exposure_in_common(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, _ = built
    with fits.open(mvmdb.home / "products" / SKYCELL / PRODUCT) as hdus:
        science, weight, wcs = hdus["SCI"].data, hdus["WHT"].data, WCS(hdus["SCI"].header)
    streaks = np.nan_to_num(science) > STREAK_E_PER_S
    deep = weight > 0.6 * weight.max()
    random = np.random.default_rng(2)
    # Anywhere on the streaks; then where fewer exposures overlap, towards the rim of the field.
    places = [
        place for part in (streaks & deep, streaks & ~deep) for place in random.choice(np.argwhere(part), 5)
    ]
    suspects = [exposures_at(mvmdb, wcs, int(x), int(y)) for y, x in places]
    assert len(set.intersection(*(set(found) for found in suspects[:5]))) > 1
    common = set.intersection(*(set(found) for found in suspects))
    assert common == {TRAILED}
    culprit = suspects[0][TRAILED]
    assert (culprit["exposure_revision"], culprit["wcsname"]) == (2, "IDC_w3m18525i")


def test_the_history_tells_both_products(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, between = built
    first, second = mvmdb.json("product", "history", PRODUCT)
    assert [(row["revision"], row["state"]) for row in (first, second)] == [(1, "superseded"), (2, "current")]
    assert first["superseded_at"] == second["published_at"]
    before = (mvmdb.home / "before.fits").stat().st_size
    assert (first["file_size_bytes"], fits.getval(mvmdb.home / "before.fits", "MVMBUILD")) == (
        before,
        first["build_id"],
    )
    moment = f"{between:%Y-%m-%dT%H:%M:%S}"
    [then] = mvmdb.json("product", "list", SKYCELL, "--at", moment)
    assert (then["revision"], then["build_id"]) == (1, first["build_id"])
    assert mvmdb.json("product", "list", SKYCELL, "--at", "2009-10-03") == []
    [now] = mvmdb.json("product", "list", "--at", "2100-01-01")
    assert now["build_id"] == second["build_id"]


def test_contributions_and_builds_of_both(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, _ = built
    rows = mvmdb.json("exposure", "contributions", TRAILED)
    assert [(row["revision"], row["exposure_revision"], row["state"]) for row in rows] == [
        (1, 1, "superseded"),
        (2, 2, "current"),
    ]
    assert rows[0]["n_pixels"] == rows[1]["n_pixels"]
    builds = mvmdb.json("build", "list", "--outcome", "published", "--skycell", SKYCELL)
    assert [row["build_id"] for row in builds] == [row["build_id"] for row in rows][::-1]
    assert all(row["duration_s"] > 0 for row in builds)
    drizzle = builds[0]["versions"]["drizzle"]
    assert mvmdb.json("build", "list", "--software", f"drizzle={drizzle}") == builds
    assert mvmdb.json("build", "list", "--software", "drizzle=0.0.1") == []
    assert mvmdb.json("build", "list", "--host", builds[0]["host"]) == builds
    assert "names no version" in mvmdb.run("build", "list", "--software", "drizzle", expect=2).stderr


def test_diff_shows_the_streaks_gone(built: tuple[CommandLine, datetime]) -> None:
    """With the trailed exposure withdrawn, the next revision is darker on the streaks by what they added."""
    mvmdb, _ = built
    mvmdb.run("product", "pin", PRODUCT, 1, "--by", "ada")
    assert layer_status(mvmdb) == ("current", [])
    mvmdb.run("exposure", "withdraw", TRAILED, "--reason", "trailed")
    # Nothing else reaches as far as it did: the subarray shrinks.
    assert layer_status(mvmdb) == ("stale", ["extent_changed", "input_removed"])
    mvmdb.run("layer", "build", "--stale", SKYCELL)
    assert layer_status(mvmdb) == ("current", [])
    picture = mvmdb.home / "diff.png"
    found = mvmdb.json("product", "diff", PRODUCT, "--picture", picture)
    assert (found["a"]["revision"], found["b"]["revision"]) == (2, 3)
    assert [(item["change"], item["exposure"]) for item in found["inputs"]] == [("removed", TRAILED)]
    history = mvmdb.json("product", "history", PRODUCT)
    assert [row["n_exposures"] for row in history] == [4, 4, 3]
    with fits.open(history[1]["file_path"]) as trailed, fits.open(history[2]["file_path"]) as without:
        before, after, (x0, y0) = common_pixels(trailed, without)
        is_trailed = lit_by_trailed(trailed)[y0:, x0:][: after.shape[0], : after.shape[1]]
        wcs = WCS(without["SCI"].header)
    assert found["pixels"]["n_pixels_common"] == after.size
    science = found["pixels"]["science"]
    assert science["percentile_1"] < -8
    assert abs(science["median"]) < 0.05
    assert found["pixels"]["noise"]["percentile_1"] < -20
    assert picture.read_bytes()[:4] == b"\x89PNG"
    streaks = is_trailed & (before > STREAK_E_PER_S) & np.isfinite(after)
    assert streaks.sum() > 10_000
    # What stays as bright is stars, which are few.
    assert np.mean(after[streaks] < STREAK_E_PER_S) > 0.99
    y, x = np.argwhere(streaks)[streaks.sum() // 2]
    assert TRAILED not in exposures_at(mvmdb, wcs, int(x), int(y))
    told = mvmdb.run("product", "diff", f"{PRODUCT}@1", f"{PRODUCT}@3").stdout
    assert ("removed" in told, TRAILED in told, "in units of noise" in told) == (True, True, True)


def test_files_are_verified_and_the_catalogue_made_again(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, _ = built
    assert "0 findings" in mvmdb.run("verify").stdout
    product = mvmdb.home / "products" / SKYCELL / PRODUCT
    content = product.read_bytes()
    product.write_bytes(content[:9000] + bytes([content[9000] ^ 16]) + content[9001:])
    report = mvmdb.json("verify", SKYCELL, "--repair", expect=6)
    assert [(item["problem"], item["outcome"]) for item in report["findings"]] == [("damaged", "recorded")]
    [row] = [row for row in mvmdb.json("status", SKYCELL) if row["layer"] == LAYER]
    assert row["reasons"] == ["product_damaged"]
    product.write_bytes(content)
    assert mvmdb.json("verify", "--repair")["n_unrepaired"] == 0

    def told() -> list[tuple[Any, ...]]:
        names = ("revision", "state", "file_path", "file_sha256", "build_id", "n_inputs", "recipe_sha256")
        return [tuple(row[name] for name in names) for row in mvmdb.json("product", "history", PRODUCT)]

    before = told()
    mvmdb.sql("with gone as (delete from mvm.product returning 1) select count(*) from gone")
    mvmdb.sql("with gone as (delete from mvm.build returning 1) select count(*) from gone")
    assert mvmdb.json("catalog", "rebuild", mvmdb.home / "products", "--dry-run")["restored"]
    report = mvmdb.json("catalog", "rebuild", mvmdb.home / "products")
    assert [row["revision"] for row in report["restored"] if row["product"] == PRODUCT] == [1, 2, 3]
    assert told() == before
    [row] = [row for row in mvmdb.json("status", SKYCELL) if row["layer"] == LAYER]
    assert row["status"] == "current"
    mvmdb.run("product", "pin", PRODUCT, 1, "--by", "ada")  # files know of no pins


def test_rules_of_retention(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, _ = built
    assert "0 files" in mvmdb.run("product", "prune").stdout
    mvmdb.run("retention", "set", "--newest", 0, "--skycell", SKYCELL)
    assert [row["skycell"] for row in mvmdb.json("retention", "list")] == ["*", SKYCELL]
    would = mvmdb.json("product", "prune", "--dry-run")
    done = mvmdb.json("product", "prune")
    assert (done["n_files"], done["freed_bytes"]) == (1, would["freed_bytes"])
    states = [row["file_state"] for row in mvmdb.json("product", "history", PRODUCT)]
    assert states == ["in_place", "pruned", "in_place"]
    mvmdb.run("product", "unpin", PRODUCT, 1)
    mvmdb.run("retention", "remove", "--skycell", SKYCELL)
    assert [row["skycell"] for row in mvmdb.json("retention", "list")] == ["*"]


def test_restored_it_is_as_before(built: tuple[CommandLine, datetime]) -> None:
    """A withdrawal can be undone: the next revision is made of what the trailed one was made of."""
    mvmdb, _ = built
    mvmdb.run("exposure", "restore", TRAILED)
    assert layer_status(mvmdb) == ("stale", ["extent_changed", "input_added"])
    mvmdb.run("layer", "build", "--stale", SKYCELL)
    _, trailed, without, again = mvmdb.json("product", "history", PRODUCT)
    assert again["recipe_sha256"] == trailed["recipe_sha256"] != without["recipe_sha256"]
    assert again["n_exposures"] == 4
    contributions = [
        row for row in mvmdb.json("exposure", "contributions", TRAILED) if row["product"] == PRODUCT
    ]
    assert [row["revision"] for row in contributions] == [1, 2, 4]
    assert contributions[2]["n_pixels"] == contributions[1]["n_pixels"]
    [kept] = mvmdb.json("exposure", "withdrawals")
    assert (kept["rootname"], kept["reason"], kept["restored_at"] is None) == (TRAILED, "trailed", False)
