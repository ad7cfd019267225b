"""Depth maps as FITS, read back as any other program would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS

from mvmdb.files.depth import write_depth
from mvmdb.names import LayerName
from mvmdb.records import DepthMap
from mvmdb.sky.grid import PixelBox
from tests.support.outlines import depth_of_nothing, square
from tests.support.vectors import angle_deg, sky_of_skycell_pixels, unit_vectors

BOX = PixelBox(100, 2500, 3300, 21954)


def example() -> DepthMap:
    exptime_s = np.random.default_rng(6).uniform(0, 5000, (195, 32))
    outlines = (
        square((0, 0, 900, 900), "jtst0000q", instrument="acs", detector="wfc", filter="f606w"),
        square((0, 0, 900, 900), "jtst0000q", instrument="acs", detector="wfc", filter="f606w", chip=2),
        square((0, 0, 900, 900), "itst0001q", exptime_s=250.5, start_mjd=56000.25),
    )
    return depth_of_nothing(box=BOX, exptime_s=exptime_s, n_chips=exptime_s / 1000, outlines=outlines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_depth(tmp_path / "depth.fits", example(), origin="mvmdb 0.1")
    return tmp_path / "depth.fits"


def test_images(path: Path) -> None:
    with fits.open(path, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "EXPTIME", "NCHIPS", "EXPOSURES"]
        for name, expected in (("EXPTIME", example().exptime_s), ("NCHIPS", example().n_chips)):
            np.testing.assert_array_equal(hdus[name].data, expected.astype(np.float32))
        assert units.Unit(hdus["EXPTIME"].header["BUNIT"]) == units.s
        assert units.Unit(hdus["NCHIPS"].header["BUNIT"]) == units.dimensionless_unscaled
        assert all(hdu.verify_checksum() == 1 and hdu.verify_datasum() == 1 for hdu in hdus)
        hdus.verify("exception")


@pytest.mark.parametrize("name", ["EXPTIME", "NCHIPS"])
def test_wcs_puts_bins_where_their_pixels_are(path: Path, name: str) -> None:
    header = fits.getheader(path, name)
    x_bin, y_bin = np.array([0.0, 13.0, 31.0]), np.array([0.0, 100.0, 194.0])
    found = WCS(header).pixel_to_world_values(x_bin, y_bin)
    x_pix, y_pix = BOX.x0 + 100 * x_bin + 49.5, BOX.y0 + 100 * y_bin + 49.5
    expected = sky_of_skycell_pixels("p1889x07y19", x_pix, y_pix)
    assert np.all(angle_deg(unit_vectors(*found), unit_vectors(*expected)) * 3600 < 1e-6)
    # IRAF: pixel here = LTM x pixel of the skycell + LTV, both counted from 1.
    np.testing.assert_allclose(header["LTM1_1"] * (x_pix + 1) + header["LTV1"], x_bin + 1, atol=1e-9)
    np.testing.assert_allclose(header["LTM2_2"] * (y_pix + 1) + header["LTV2"], y_bin + 1, atol=1e-9)


def test_header_says_what_was_counted(path: Path) -> None:
    header = fits.getheader(path)
    expected = {
        "ORIGIN": "mvmdb 0.1",
        "SKYCELL": "p1889x07y19",
        "LAYER": "wfc3_ir_f160w",
        "BINPIX": 100,
        "SAMPLING": "AREA",
        "NEXP": 2,
        "NCHIPS": 3,
        "TEXPTIME": 1250.5,
        "MAXDEPTH": example().exptime_s.max(),
    }
    assert {keyword: header[keyword] for keyword in expected} == expected
    assert header["HISTORY"][0].startswith("Made from the footprints")
    assert len(header["HISTORY"]) == 4


def test_table_of_exposures(path: Path) -> None:
    table = fits.getdata(path, "EXPOSURES")
    assert [tuple(row) for row in table] == [
        ("jtst0000q", "ACS", "WFC", "F606W", 1000.0, 55000.0, 2),
        ("itst0001q", "WFC3", "IR", "F160W", 250.5, 56000.25, 1),
    ]
    assert table.columns["EXPTIME"].unit == "s"


def test_a_map_of_everything_says_so(tmp_path: Path) -> None:
    write_depth(tmp_path / "all.fits", depth_of_nothing(layer=None), origin="mvmdb 0.1")
    assert fits.getheader(tmp_path / "all.fits")["LAYER"] == "ALL"
    assert LayerName.parse("wfc3_ir_f160w") == depth_of_nothing().layer
