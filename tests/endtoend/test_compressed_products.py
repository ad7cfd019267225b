"""Compressed products through the command line: whatever reads a product reads them, and finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from tests.support.command_line import CommandLine, command_line
from tests.support.exposures import SyntheticExposure

LAYER = "wfc3_ir_f160w"
PLAIN = ("--set", "sky=none")
POSITION = ("150.0", "2.0")


def ingest(mvmdb: CommandLine, folder: Path, number: int) -> None:
    """Write and ingest a tiny exposure, each an hour later than the one before and a little aside."""
    start_mjd = 55107.0 + number / 24
    exposure = SyntheticExposure(
        rootname=f"b6o23{number:02d}q",
        ra_deg=150 + number / 36000,
        level=1 + number,
        primary={"EXPSTART": start_mjd, "EXPEND": start_mjd + 0.005},
    )
    mvmdb.run("ingest", exposure.write(folder))


def build(mvmdb: CommandLine, skycell: str, *options: str) -> dict[str, Any]:
    [result] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, *options)
    return dict(result)


def is_compressed(path: str) -> bool:
    with fits.open(path, disable_image_compression=True) as hdus:
        kinds = {hdus[name].header.get("ZCMPTYPE") for name in ("SCI", "WHT", "CTX")}
    assert len(kinds) == 1
    return kinds == {"GZIP_2"}


def arrays(path: str) -> dict[str, bytes]:
    with fits.open(path) as hdus:
        return {name: hdus[name].data.tobytes() for name in ("SCI", "WHT", "CTX", "HDRTAB")}


def pixel(mvmdb: CommandLine) -> list[dict[str, Any]]:
    own = ("build_id", "revision")
    found = mvmdb.json("pixel", *POSITION, "--box", "5")
    return [{name: value for name, value in one.items() if name not in own} for one in found]


@pytest.fixture(scope="module")
def mvmdb_twice() -> Iterator[CommandLine]:
    """Another home, whose catalogue knows nothing."""
    with command_line() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exposures")


def test_the_whole_road(mvmdb: CommandLine, mvmdb_twice: CommandLine, folder: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        ingest(mvmdb, folder, number)
    skycell = str(mvmdb.json("status")[0]["skycell"])
    plain = build(mvmdb, skycell)["file_path"]
    assert not is_compressed(plain)
    before, pixel_before, n_bytes = arrays(plain), pixel(mvmdb), Path(plain).stat().st_size

    # a product that is current stays as it is, compressed or not
    assert build(mvmdb, skycell, "--compress")["outcome"] == "current"
    assert not is_compressed(plain)
    compressed = build(mvmdb, skycell, "--compress", "--force")["file_path"]
    assert compressed == plain
    assert is_compressed(compressed)
    assert arrays(compressed) == before
    assert Path(compressed).stat().st_size < n_bytes / 4
    assert build(mvmdb, skycell)["outcome"] == "current"

    assert pixel(mvmdb) == pixel_before
    difference = mvmdb.json(
        "product", "diff", Path(compressed).name, "--picture", tmp_path / "difference.png"
    )
    assert difference["same_recipe"]
    assert difference["pixels"]["n_differing"] == 0
    assert difference["pixels"]["n_observed_both"] > 0
    assert (tmp_path / "difference.png").stat().st_size > 0
    assert mvmdb.json("preview", skycell, "--output", tmp_path)
    assert mvmdb.json("verify")["findings"] == []

    # a further exposure goes on from the compressed product, to the bits of a build from scratch
    ingest(mvmdb, folder, 2)
    [plan] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, "--dry-run")
    assert "on from revision 2" in plan["road"]
    mvmdb.settings["MVMDB_COMPRESS"] = "true"  # type: ignore[index]
    continued = build(mvmdb, skycell)["file_path"]
    assert is_compressed(continued)
    found = arrays(continued)
    from_scratch = build(mvmdb, skycell, "--no-compress", "--full", "--force")["file_path"]
    assert not is_compressed(from_scratch)
    assert arrays(from_scratch) == found

    # a catalogue that knows the exposures only takes all revisions in
    build(mvmdb, skycell, "--force")
    mvmdb_twice.run("ingest", folder)
    report = mvmdb_twice.json("catalog", "rebuild", mvmdb.home / "products")
    states = [(item["revision"], item["state"]) for item in report["restored"]]
    kept = [
        item
        for item in mvmdb.json("product", "history", Path(plain).name)
        if item["file_state"] == "in_place"
    ]
    assert len(states) == len(kept) > 1
    assert states[-1] == (5, "current")
    assert pixel(mvmdb_twice) == pixel(mvmdb)


def test_damage_of_a_compressed_product_is_found(mvmdb: CommandLine) -> None:
    [product] = mvmdb.json("product", "list")
    path = Path(product["file_path"])
    sound = path.read_bytes()
    path.write_bytes(sound[:-4000] + bytes([sound[-4000] ^ 1]) + sound[-3999:])
    [finding] = mvmdb.json("verify", expect=6)["findings"]
    assert finding["problem"] == "damaged"
