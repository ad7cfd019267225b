"""Maps from the database to the file, by function and by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from mocpy import MOC
from shapely import Polygon, points
from sqlalchemy import Connection, Engine
from typer.testing import CliRunner

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.errors import EmptyLayerError, OutputFileError, TooLargeError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.maps import draw_sky_map, draw_skycell_map, make_depth_map, make_moc
from mvmdb_cli.app import app
from tests.support.facts import make_facts, ring_of_pixels, rootname
from tests.support.vectors import sky_of_skycell_pixels

EXAMPLE = SkycellName.parse("p1889x07y19")
LAYER = LayerName.parse("acs_wfc_f606w")
# Outer edges lie half a pixel outside of whole pixels.
INFRARED = [(1000, 2000, 3000, 4000), (2000, 2500, 4000, 4500), (21000, 21000, 23000, 23000)]
OPTICAL = [(500, 3000, 2500, 5000)]


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Connection to a database with three infrared exposures and one of two equal chips in the optical."""
    return fill(connection)


def fill(connection: Connection) -> Connection:
    for number, corners in enumerate(INFRARED):
        ring = ring_of_pixels("p1889x07y19", corners)
        register_exposure(connection, make_facts(rootname(number), [ring], exptime_s=100.0 * (number + 1)))
    optical = {"instrument": "acs", "detector": "wfc", "filter": "f606w", "exptime_s": 5000.0}
    rings = [ring_of_pixels("p1889x07y19", corners) for corners in OPTICAL]
    register_exposure(connection, make_facts(rootname(9, "acs"), rings, **optical))
    return connection


def covered_parts(first: int, end: int) -> np.ndarray:
    """Return which part of each bin of 25 pixels a row of whole pixels covers, within the skycell."""
    bins = [np.arange(25 * n, min(25 * n + 25, 21954)) for n in range(879)]
    return np.array([np.mean((pixels >= first) & (pixels < end)) for pixels in bins])


def test_depth_of_a_skycell(filled: Connection, tmp_path: Path) -> None:
    """Every bin against the count of its pixels; the footprint in the corner is cut by the skycell."""
    made = make_depth_map(filled, EXAMPLE, tmp_path / "d.fits", bin_pix=25)
    assert (made.n_exposures, made.n_chips, made.n_x_bins, made.n_y_bins) == (4, 4, 879, 879)
    areas = [np.outer(covered_parts(y0, y1), covered_parts(x0, x1)) for x0, y0, x1, y1 in INFRARED + OPTICAL]
    expected = {"NCHIPS": np.sum(areas, axis=0), "EXPTIME": np.tensordot([100, 200, 300, 5000], areas, 1)}
    for name, values in expected.items():
        np.testing.assert_allclose(fits.getdata(tmp_path / "d.fits", name), values, rtol=1e-5, atol=1e-5)
    assert made.max_exptime_s == pytest.approx(5300, rel=1e-6)


def test_depth_of_a_layer_zoomed(filled: Connection, tmp_path: Path) -> None:
    """The map covers the common subarray, which all layers share, and its WCS says where it is."""
    layer = LayerName.parse("wfc3_ir_f160w_coarse")
    made = make_depth_map(filled, EXAMPLE, tmp_path / "d.fits", layer=layer, bin_pix=64, zoom=True)
    assert (made.box.x0, made.box.y0, made.box.x1, made.box.y1) == (448, 1984, 21954, 21954)
    with fits.open(tmp_path / "d.fits") as hdus:
        header, depth = hdus["EXPTIME"].header, hdus["EXPTIME"].data
        assert hdus[0].header["LAYER"] == "wfc3_ir_f160w_coarse"
        assert hdus["EXPOSURES"].data["EXPOSURE"].tolist() == [rootname(n) for n in range(3)]
    samples = {(2500.0, 3500.0): 300, (1200.0, 2200.0): 100, (3700.0, 4300.0): 200, (700.0, 3500.0): 0}
    for pixel, expected_s in samples.items():
        sky = sky_of_skycell_pixels("p1889x07y19", *pixel)
        column, row = WCS(header).world_to_array_index_values(*sky)[::-1]
        assert depth[row, column] == expected_s


def test_too_many_bins(filled: Connection, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="21954 x 21954 bins") as caught:
        make_depth_map(filled, EXAMPLE, tmp_path / "d.fits", bin_pix=1)
    assert caught.value.hint is not None
    assert list(tmp_path.iterdir()) == []


def test_map_of_a_skycell(filled: Connection, tmp_path: Path) -> None:
    drawn = draw_skycell_map(filled, EXAMPLE, tmp_path / "m.svg", layer=None)
    assert (tmp_path / "m.svg").read_bytes().startswith(b"<?xml")
    assert [(item.filter, item.n_exposures, item.exptime_s) for item in drawn.filters] == [
        ("f606w", 1, 5000.0),
        ("f160w", 3, 600.0),
    ]
    assert (drawn.extent.x0, drawn.extent.y0, drawn.extent.x1, drawn.extent.y1) == (500, 2000, 21954, 21954)
    assert (drawn.n_exposures, drawn.n_chips, drawn.layer) == (4, 4, None)
    of_layer = draw_skycell_map(filled, EXAMPLE, tmp_path / "l.png", layer=LAYER, zoom=True)
    assert (of_layer.n_exposures, of_layer.extent, of_layer.layer) == (1, drawn.extent, "acs_wfc_f606w")


def test_map_of_the_sky(filled: Connection, tmp_path: Path) -> None:
    drawn = draw_sky_map(filled, tmp_path / "s.png", filter_name="F160W", by_exptime=True)
    assert (drawn.n_exposures, drawn.exptime_s, drawn.filter) == (3, 600.0, "F160W")
    assert (tmp_path / "s.png").stat().st_size > 10_000
    with pytest.raises(EmptyLayerError, match="no exposure through F999W"):
        draw_sky_map(filled, tmp_path / "none.png", filter_name="F999W")


@pytest.mark.parametrize(
    ("selection", "boxes"),
    [
        ({}, INFRARED + OPTICAL),
        ({"filter_name": "F160W"}, INFRARED),
        ({"layer": LAYER}, OPTICAL),
        ({"skycell": EXAMPLE}, [*INFRARED[:2], (21000, 21000, 21954, 21954), *OPTICAL]),
        ({"skycell": EXAMPLE, "filter_name": "f160w"}, [*INFRARED[:2], (21000, 21000, 21954, 21954)]),
    ],
)
def test_moc_of_a_selection(
    filled: Connection, tmp_path: Path, selection: dict[str, Any], boxes: list[tuple[int, int, int, int]]
) -> None:
    """Positions in a footprint are in the MOC; positions more than two cells away from all are not."""
    made = make_moc(filled, tmp_path / "m.fits", healpix_order=16, **selection)
    assert made.n_polygons == len(boxes)
    moc = MOC.from_fits(str(tmp_path / "m.fits"))
    size_pix = np.repeat([[5500.0], [24000.0]], 1500, axis=0)
    samples = np.random.default_rng(31).uniform(0, size_pix, (3000, 2))
    ra_deg, dec_deg = sky_of_skycell_pixels("p1889x07y19", *samples.T)
    found = moc.contains_lonlat(ra_deg * units.deg, dec_deg * units.deg)
    shapes = [Polygon([(a, b), (c, b), (c, d), (a, d)]) for a, b, c, d in boxes]
    distance_pix = np.min([shape.distance(points(samples)) for shape in shapes], axis=0)
    assert (distance_pix == 0).sum() > 60
    assert np.all(found[distance_pix == 0])
    assert not np.any(found[distance_pix > 2 * 3.2 / 0.04])  # a cell is 3.2 arcsec wide
    assert made.area_deg2 == pytest.approx(moc.sky_fraction * 41252.96, rel=1e-6)


def test_refusals(filled: Connection, tmp_path: Path) -> None:
    for path in (tmp_path / "x.gif", tmp_path / "no" / "x.png"):
        for draw in (draw_skycell_map, make_depth_map):
            with pytest.raises(OutputFileError):
                draw(filled, EXAMPLE, path, **({"bin_pix": 25} if draw is make_depth_map else {}))
        for make in (draw_sky_map, make_moc):
            with pytest.raises(OutputFileError):
                make(filled, path, **({"healpix_order": 5} if make is make_moc else {}))
    unknown = LayerName.parse("acs_wfc_f850lp")
    with pytest.raises(UnknownObjectError):
        draw_skycell_map(filled, EXAMPLE, tmp_path / "x.png", layer=unknown)
    with pytest.raises(EmptyLayerError):
        make_moc(filled, tmp_path / "x.fits", layer=unknown, healpix_order=5)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def command(database: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command on a database of its own, in a folder of its own."""
    with transaction(engine) as connection:
        fill(connection)
    monkeypatch.setenv("MVMDB_DATABASE_URL", database)
    monkeypatch.setenv("MVMDB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_commands(command: Any, tmp_path: Path) -> None:
    assert command("map", "skycell", "p1889x07y19") == "p1889x07y19_map.png: 4 exposures\n"
    assert command("map", "sky", "--cells") == "sky.png: 4 exposures in 1 cells\n"
    depth = command("map", "depth", "skycell-p1889x07y19", "--layer", "ACS_WFC_F606W", "--bin", "100")
    assert depth == "p1889x07y19_depth.fits: 1 exposures, 220 x 220 bins, at most 5000 s\n"
    assert command("moc", "--order", "10").startswith("coverage.moc.fits: 4 chips, 0.0")
    names = ["coverage.moc.fits", "p1889x07y19_depth.fits", "p1889x07y19_map.png", "sky.png"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == names


def test_commands_in_json(command: Any) -> None:
    drawn = json.loads(command("map", "skycell", "p1889x07y19", "--zoom", "--output", "a.svg", "--json"))
    assert (drawn["file"], drawn["n_exposures"], len(drawn["filters"])) == ("a.svg", 4, 2)
    sky = json.loads(command("map", "sky", "--filter", "f606w", "--colour", "depth", "--json"))
    assert (sky["n_exposures"], sky["exptime_s"]) == (1, 5000.0)
    depth = json.loads(command("map", "depth", "p1889x07y19", "--output", "d.png", "--json"))
    assert (depth["bin_pix"], depth["n_chips"]) == (25, 4)
    moc = json.loads(command("moc", "p1889x07y19", "--output", "m.json", "--order", "12", "--json"))
    assert (moc["skycell"], moc["layer"], moc["n_polygons"]) == ("p1889x07y19", None, 4)
    rows = json.loads(command("exposure", "overlaps", "p1889x07y19", "--json"))
    assert [(row["exposure"], row["other"], round(row["area_pix"])) for row in rows] == [
        ("itst0000q", "itst0001q", 1000 * 1500),
        ("itst0000q", "jtst0009q", 1500 * 1000),
        ("itst0001q", "jtst0009q", 500 * 1500),
    ]
