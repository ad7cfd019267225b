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

from tests.support.command_line import CommandLine
from tests.support.shared_data import shared_data

SKYCELL, LAYER = "p0726x10y04", "wfc3_ir_f140w_coarse"
NAMES = ("ib6o23rtq", "ib6o23rwq", "ib6o23rzq", "ib6o23s2q")
TRAILED = "ib6o23rzq"
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


def test_the_streaks_have_one_exposure_in_common(built: tuple[CommandLine, datetime]) -> None:
    mvmdb, _ = built
    with fits.open(mvmdb.home / "products" / SKYCELL / PRODUCT) as hdus:
        science, weight, wcs = hdus["SCI"].data, hdus["WHT"].data, WCS(hdus["SCI"].header)
    streaks = np.nan_to_num(science) > 8
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
