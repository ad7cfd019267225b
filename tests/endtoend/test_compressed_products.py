"""Compressed products through the command line: whatever reads a product reads them, and finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    """Return the bits in the byte order of FITS, in which astropy gives plain images only."""
    with fits.open(path) as hdus:
        images = {name: hdus[name].data for name in ("SCI", "WHT", "CTX")}
        bits = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in images.items()}
        return {name: array.tobytes() for name, array in {**bits, "HDRTAB": hdus["HDRTAB"].data}.items()}


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
    continued = build(replace(mvmdb, settings={"MVMDB_COMPRESS": "true"}), skycell)["file_path"]
    assert is_compressed(continued)
    found = arrays(continued)

    # a catalogue that knows the exposures only takes it in; former revisions have been pruned
    mvmdb_twice.run("ingest", folder)
    report = mvmdb_twice.json("catalog", "rebuild", mvmdb.home / "products", expect=6)
    assert (3, "current") in [(item["revision"], item["state"]) for item in report["restored"]]
    assert pixel(mvmdb_twice) == pixel(mvmdb)

    sound = Path(continued).read_bytes()
    Path(continued).write_bytes(sound[:-4000] + bytes([sound[-4000] ^ 1]) + sound[-3999:])
    [finding] = mvmdb.json("verify", expect=6)["findings"]
    assert finding["problem"] == "damaged"
    Path(continued).write_bytes(sound)

    from_scratch = build(mvmdb, skycell, "--full", "--force")["file_path"]
    assert not is_compressed(from_scratch)
    assert arrays(from_scratch) == found

    # forecasts are those of plain files
    costs = mvmdb.sql("select output_bytes is null from mvm.build_cost order by finished_at")
    assert [is_null for (is_null,) in costs] == [False, True, True, False]
