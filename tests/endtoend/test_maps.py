"""Maps, depth maps and MOCs from the command line, opened with the programs that read such files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from mocpy import MOC
from PIL import Image

from tests.support.command_line import CommandLine

SKYCELL = "p1889x07y19"


@pytest.fixture(scope="module")
def field(mvmdb: CommandLine) -> CommandLine:
    """The exposures of the small demo."""
    mvmdb.run("demo", "--small")
    return mvmdb


@pytest.mark.parametrize(
    "command", [("skycell", SKYCELL), ("skycell", SKYCELL, "--zoom"), ("sky",), ("depth", SKYCELL)]
)
def test_pictures(field: CommandLine, command: tuple[str, ...]) -> None:
    for ending in ("png", "svg"):
        path = field.home / f"map.{ending}"
        shown = field.json("map", *command, "--output", path)
        assert Path(shown["file"]) == path
        assert shown["n_exposures"] > 0
    with Image.open(field.home / "map.png") as picture:
        assert len(picture.convert("RGB").getcolors(2**24)) > 10
    assert b"<svg" in (field.home / "map.svg").read_bytes()[:2000]


def test_depth_map_has_the_exposure_time_of_the_coverage(field: CommandLine) -> None:
    """In the deepest bin whose neighbours are as deep: what `mvmdb coverage` sums up there."""
    path = field.home / "depth.fits"
    field.run("map", "depth", SKYCELL, "--output", path)
    with fits.open(path) as hdus:
        image = next(hdu for hdu in hdus if hdu.data is not None)
        depth, wcs = image.data, WCS(image.header)
        depth = depth if depth.ndim == 2 else depth[0]
    windows = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(depth), (5, 5))
    even = (np.ptp(windows, axis=(2, 3)) < 1e-3) & (windows.min(axis=(2, 3)) > 0)
    y, x = np.argwhere(even)[np.argmax(windows[even][:, 2, 2])] + 2
    ra_deg, dec_deg = wcs.celestial.pixel_to_world_values(x, y)
    rows = field.json("coverage", float(ra_deg), float(dec_deg))
    assert depth[y, x] == pytest.approx(sum(row["exptime_s"] for row in rows), rel=1e-3)


def test_moc_holds_what_is_covered(field: CommandLine) -> None:
    path = field.home / "all.fits"
    field.run("moc", "--output", path)
    moc = MOC.from_fits(path)
    from astropy import units

    centre = field.sql("select 181.11864, 27.95375")[0]
    assert moc.contains_lonlat(*(np.array([float(axis)]) * units.deg for axis in centre)).all()
    assert not moc.contains_lonlat(np.array([10.0]) * units.deg, np.array([10.0]) * units.deg).any()
