"""Builds that go on from the product in place, through the command line: the same bits as from scratch."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.io import fits

from tests.support.command_line import CommandLine
from tests.support.exposures import SyntheticExposure

LAYER = "wfc3_ir_f160w"
PLAIN = ("--set", "sky=none")


def ingest(mvmdb: CommandLine, folder: Path, number: int, **changes: object) -> None:
    """Write and ingest a tiny exposure, each an hour later than the one before and a little aside."""
    start_mjd = 55107.0 + number / 24
    primary = {"EXPSTART": start_mjd, "EXPEND": start_mjd + 0.005}
    exposure = SyntheticExposure(
        rootname=f"b6o23{number:02d}q",
        **{"ra_deg": 150 + number / 36000, "level": 1 + number, "primary": primary, **changes},
    )
    mvmdb.run("ingest", exposure.write(folder))


def arrays(path: str) -> dict[str, bytes]:
    with fits.open(path) as hdus:
        return {name: hdus[name].data.tobytes() for name in ("SCI", "WHT", "CTX", "HDRTAB")}


def statistics(path: str) -> dict[str, object]:
    header = fits.getheader(path)
    names = ("NPIXFRAC", "MEANEXPT", "MEDEXPT", "MEANNEXP", "MEDNEXP", "MEANWHT", "MEDWHT", "NDRIZIM")
    return {name: header[name] for name in names}


def build(mvmdb: CommandLine, skycell: str, *options: str) -> str:
    [result] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, *options)
    assert result["outcome"] == "published"
    return str(result["file_path"])


def road(mvmdb: CommandLine, skycell: str) -> str:
    [plan] = mvmdb.json("layer", "build", skycell, LAYER, *PLAIN, "--dry-run")
    return str(plan["road"])


@pytest.fixture(scope="module")
def skycell(mvmdb: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("first")
    for number in (0, 1, 2):
        ingest(mvmdb, folder, number)
    name = str(mvmdb.json("status")[0]["skycell"])
    assert road(mvmdb, name) == "from scratch: there is no product in place"
    build(mvmdb, name)
    return name


def test_an_appended_exposure_and_a_grown_extent(mvmdb: CommandLine, skycell: str, tmp_path: Path) -> None:
    ingest(mvmdb, tmp_path, 3)  # a little aside: the extent grows too
    assert road(mvmdb, skycell) == "on from revision 1, which holds the first 3 of 4 inputs"
    continued = build(mvmdb, skycell)
    found = arrays(continued), statistics(continued)
    from_scratch = build(mvmdb, skycell, "--full", "--force")
    assert found == (arrays(from_scratch), statistics(from_scratch))


def test_an_extent_that_another_layer_makes_grow(mvmdb: CommandLine, skycell: str, tmp_path: Path) -> None:
    before = mvmdb.json("layer", "plan", skycell, LAYER)[0]["extent"]
    ingest(mvmdb, tmp_path, 4, primary={"FILTER": "F125W"}, ra_deg=150 - 5 / 3600, dec_deg=2 + 4 / 3600)
    after = mvmdb.json("layer", "plan", skycell, LAYER)[0]["extent"]
    assert before != after
    assert "on from revision" in road(mvmdb, skycell)
    continued = build(mvmdb, skycell)
    found = arrays(continued), statistics(continued)
    from_scratch = build(mvmdb, skycell, "--full", "--force")
    assert found == (arrays(from_scratch), statistics(from_scratch))


@pytest.mark.parametrize("harm", ["a number of SCI", "a keyword of SCI", "SIMPLE"])
def test_a_product_that_has_changed_is_not_gone_on_from(
    mvmdb: CommandLine, skycell: str, tmp_path: Path, harm: str
) -> None:
    """Its size is what it was: only its hash tells, when all of it has been read."""
    former = Path(build(mvmdb, skycell, "--full", "--force"))
    number = {"a number of SCI": 10, "a keyword of SCI": 11, "SIMPLE": 12}[harm]
    ingest(mvmdb, tmp_path, number)
    assert "on from revision" in road(mvmdb, skycell)
    with fits.open(former) as hdus:
        place = {
            "a number of SCI": hdus["SCI"].fileinfo()["datLoc"] + 5,
            "a keyword of SCI": hdus["SCI"].fileinfo()["hdrLoc"] + 5 * 80 + 40,
            "SIMPLE": 0,
        }[harm]
    with former.open("r+b") as file:
        file.seek(place)
        file.write(b"?")
    built = build(mvmdb, skycell)
    found = arrays(built), statistics(built)
    from_scratch = build(mvmdb, skycell, "--full", "--force")
    assert found == (arrays(from_scratch), statistics(from_scratch))


def test_roads_that_are_closed_say_why(mvmdb: CommandLine, skycell: str, tmp_path: Path) -> None:
    [plan] = mvmdb.json("layer", "build", skycell, LAYER, "--set", "pixfrac=0.8", "--dry-run")
    assert plan["road"] == "from scratch: the product in place has other parameters"
    ingest(mvmdb, tmp_path, 5, primary={"EXPSTART": 55000.0, "EXPEND": 55000.01})  # before all others
    assert road(mvmdb, skycell) == "from scratch: its inputs are not the first of the new ones"
    assert "from scratch" in mvmdb.run("layer", "plan", skycell, LAYER).stdout
