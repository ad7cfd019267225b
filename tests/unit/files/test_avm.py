"""Tags of pictures, read back by pyavm and as plain XML."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.wcs import WCS
from PIL import Image
from pyavm import AVM

from mvmdb.files.avm import Channel, PictureTags
from mvmdb.files.preview import write_colour, write_preview
from mvmdb.sky.grid import TanGrid
from tests.support.product_makers import DOCUMENT_EXTENT, make_plan

TAGS = PictureTags(
    "Hubble skycell p1889x07y19: <acs> & more",
    "NGC 104",
    (Channel("ACS/WFC", "F606W", 5921.0, 100.0, "Grayscale"),),
)
AVM_NAMES = "{http://www.communicatingastronomy.org/avm/1.0/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def science(grid: TanGrid) -> np.ndarray:
    return np.random.default_rng(1).normal(size=grid.shape).astype(np.float32)


def product_wcs(grid: TanGrid) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [grid.crval_ra_deg, grid.crval_dec_deg]
    wcs.wcs.crpix = [grid.crpix_x, grid.crpix_y]
    wcs.wcs.cd = np.diag([-grid.cd_deg, grid.cd_deg])
    return wcs


def tag(path: Path, name: str) -> list[str]:
    """Return the values of a tag from the text chunk of a PNG, without an AVM library."""
    with Image.open(path) as picture:
        packet = picture.text["XML:com.adobe.xmp"]
    start, end = packet.index("<x:xmpmeta"), packet.index("</x:xmpmeta>")
    root = ElementTree.fromstring(packet[start:end] + "</x:xmpmeta>")
    element = next(root.iter(AVM_NAMES + name))
    return [str(item.text) for item in element.iter(f"{RDF}li")] or [str(element.text)]


@pytest.mark.parametrize(("max_side_pix", "side"), [(1200, 1), (50, 2), (20, 4)])
def test_tagged_wcs_is_that_of_the_product(tmp_path: Path, max_side_pix: int, side: int) -> None:
    grid = make_plan(1).grid  # 61 x 47 pixels, so that the last blocks are cut
    path = tmp_path / "p.png"
    write_preview(path, science(grid), grid=grid, tags=TAGS, max_side_pix=max_side_pix)
    tagged = AVM.from_image(str(path)).to_wcs()
    # pixel (x, y) of the picture, from 0 at the lower left, is the middle of side x side pixels
    x, y = np.array([0.0, 5.0, 11.25]), np.array([0.0, 7.0, 2.5])
    expected = product_wcs(grid).all_pix2world((x + 0.5) * side - 0.5, (y + 0.5) * side - 0.5, 0)
    assert tagged.all_pix2world(x, y, 0) == pytest.approx(np.array(expected), abs=1e-10)
    with Image.open(path) as picture:
        assert [float(value) for value in tag(path, "Spatial.ReferenceDimension")] == list(picture.size)


def test_tags_as_plain_xml(tmp_path: Path) -> None:
    grid = make_plan(1, extent=DOCUMENT_EXTENT).grid
    small = TanGrid(grid.crval_ra_deg, grid.crval_dec_deg, grid.crpix_x, grid.crpix_y, 0.04, 60, 50)
    write_preview(tmp_path / "p.png", science(small), grid=small, tags=TAGS)
    path = tmp_path / "p.png"
    assert [float(value) for value in tag(path, "Spatial.ReferencePixel")] == [94360.0, -171093.0]
    assert [float(value) for value in tag(path, "Spatial.ReferenceValue")] == [180.0, 26.0]
    assert [float(value) * 3600 for value in tag(path, "Spatial.Scale")] == pytest.approx([-0.04, 0.04])
    assert tag(path, "Spatial.CoordinateFrame") == ["ICRS"]
    assert tag(path, "Spatial.CoordsystemProjection") == ["TAN"]
    assert [float(value) for value in tag(path, "Spatial.Rotation")] == [0.0]
    assert [float(value) for value in tag(path, "Spatial.Equinox")] == [2000.0]
    assert tag(path, "Facility") == ["Hubble"]
    assert tag(path, "Instrument") == ["ACS/WFC"]
    assert tag(path, "Spectral.Bandpass") == ["F606W"]
    assert tag(path, "Spectral.Band") == ["Optical"]
    assert tag(path, "Spectral.ColorAssignment") == ["Grayscale"]
    assert [float(value) for value in tag(path, "Spectral.CentralWavelength")] == [592.1]
    avm = AVM.from_image(str(path))
    assert (avm.Title, avm.Subject.Name, avm.Type) == (TAGS.title, ["NGC 104"], "Observation")


def test_colour_picture_bears_the_grid_of_its_finest_layer(tmp_path: Path) -> None:
    fine = make_plan(1).grid
    coarse = make_plan(1, layer="wfc3_ir_f160w_coarse").grid
    channels = tuple(
        Channel(instrument, name, wavelength, 10.0, colour)
        for instrument, name, wavelength, colour in (
            ("WFC3/IR", "F160W", 15369.0, "Red"),
            ("ACS/WFC", "F606W", 5921.0, "Green"),
            ("WFC3/UVIS", "F336W", 3355.0, "Blue"),
        )
    )
    tags = PictureTags("three", None, channels, simulated=True)
    arrays = [science(grid) for grid in (coarse, fine, fine)]
    write_colour(tmp_path / "c.png", *arrays, grids=[coarse, fine, fine], tags=tags)
    avm = AVM.from_image(str(tmp_path / "c.png"))
    assert avm.Spectral.ColorAssignment == ["Red", "Green", "Blue"]
    assert avm.Spectral.Band == ["Infrared", "Optical", "Ultraviolet"]
    assert avm.Type == "Simulation"
    found, expected = (np.array(wcs.all_pix2world(3, 4, 0)) for wcs in (avm.to_wcs(), product_wcs(fine)))
    assert found == pytest.approx(expected, abs=1e-10)


def test_without_grid_there_are_no_tags(tmp_path: Path) -> None:
    grid = make_plan(1).grid
    write_preview(tmp_path / "p.png", science(grid))
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.text == {}
