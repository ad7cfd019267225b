"""The map of the whole sky: cells where they are, seen once, coloured by what they hold."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy_healpix import HEALPix
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mvmdb.pictures.sky import draw_sky
from mvmdb.records import SkyDepth

ORDER = 4


def cell_at(ra_deg: float, dec_deg: float) -> int:
    healpix = HEALPix(2**ORDER, order="nested")
    return int(healpix.lonlat_to_healpix(ra_deg * units.deg, dec_deg * units.deg))


def depth_at(*positions: tuple[float, float], n_exposures: tuple[int, ...] | None = None) -> SkyDepth:
    counts = np.array(n_exposures or [7] * len(positions), dtype=np.int64)
    cells = np.array([cell_at(*position) for position in positions], dtype=np.int64)
    return SkyDepth(ORDER, cells, counts, 500.0 * counts[::-1])


def sky_axes(figure: Figure) -> Axes:
    return figure.axes[0]


class Paper:
    """A map of the sky as it is seen."""

    def __init__(self, figure: Figure) -> None:
        figure.set_dpi(90)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self.colours = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
        self.map_box = sky_axes(figure).get_window_extent()

    def place(self, ra_deg: float, dec_deg: float) -> tuple[int, int]:
        """Return row and column of a position, from Mollweide's equations (Snyder 1987, 31-1 to 31-3)."""
        longitude = -np.radians((ra_deg + 180) % 360 - 180)
        angle = np.radians(dec_deg)
        for _ in range(100):
            excess = 2 * angle + np.sin(2 * angle) - np.pi * np.sin(np.radians(dec_deg))
            angle -= excess / (2 + 2 * np.cos(2 * angle))
        x = self.map_box.x0 + self.map_box.width * (0.5 + longitude * np.cos(angle) / (2 * np.pi))
        y = self.map_box.y0 + self.map_box.height * (0.5 + np.sin(angle) / 2)
        return round(len(self.colours) - 1 - y), round(x)

    def colour_at(self, ra_deg: float, dec_deg: float) -> NDArray[np.int64]:
        return self.colours[self.place(ra_deg, dec_deg)]


def differ(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.abs(a - b).sum(axis=-1) > 120


@pytest.fixture(scope="module")
def empty_paper() -> Paper:
    """A map with one cell, at RA 30 and declination 30 degrees."""
    return Paper(draw_sky(depth_at((30.0, 30.0))))


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg"),
    [(90.0, 0.0), (270.0, 20.0), (45.0, -70.0), (1.0, 60.0), (200.0, -5.0), (120.0, 84.0)],
)
def test_cell_is_seen_where_it_is_and_nowhere_else(empty_paper: Paper, ra_deg: float, dec_deg: float) -> None:
    paper = Paper(draw_sky(depth_at((ra_deg, dec_deg))))
    changed = differ(paper.colours, empty_paper.colours)
    row, column = paper.place(30.0, 30.0)
    changed[row - 20 : row + 21, column - 20 : column + 21] = False
    row, column = paper.place(*_centre(cell_at(ra_deg, dec_deg)))
    assert changed[row, column]
    rows, columns = np.nonzero(changed)
    assert np.hypot(rows - row, columns - column).max() < 40


def test_right_ascension_grows_to_the_left() -> None:
    figure = draw_sky(depth_at((0.0, 0.0)))
    hours = {text.get_text(): text.get_position()[0] for text in sky_axes(figure).texts}
    assert hours["6\u2009h"] == pytest.approx(-np.pi / 2)
    assert hours["0\u2009h"] == 0
    assert hours["18\u2009h"] == pytest.approx(np.pi / 2)


def test_cell_on_the_border_is_seen_on_both_sides(empty_paper: Paper) -> None:
    """The cell at RA 12 h on the equator: half of it left, half of it right."""
    cell = next(
        number
        for number in range(12 * 4**ORDER)
        if abs(_centre(number)[0] - 180) < 0.01 and abs(_centre(number)[1]) < 5
    )
    paper = Paper(draw_sky(SkyDepth(ORDER, np.array([cell]), np.array([7]), np.array([1.0]))))
    dec_deg = _centre(cell)[1]
    for ra_deg in (178.5, 181.5):
        assert differ(paper.colour_at(ra_deg, dec_deg), empty_paper.colour_at(ra_deg, dec_deg))


def _centre(cell: int) -> tuple[float, float]:
    lon, lat = HEALPix(2**ORDER, order="nested").healpix_to_lonlat(cell)
    return float(lon.to_value(units.deg)), float(lat.to_value(units.deg))


def test_polar_cells_fill_the_cap(empty_paper: Paper) -> None:
    positions = [(ra_deg, sign * 89.0) for ra_deg in (10.0, 100.0, 190.0, 280.0) for sign in (-1, 1)]
    paper = Paper(draw_sky(depth_at(*positions)))
    for ra_deg in (3.0, 40.0, 87.0, 93.0, 267.0, 273.0, 357.0):
        for dec_deg in (-88.0, 88.0):
            assert differ(paper.colour_at(ra_deg, dec_deg), empty_paper.colour_at(ra_deg, dec_deg))


@pytest.mark.parametrize(
    ("by_exptime", "brighter", "label"),
    [(False, (60.0, 20.0), "exposures per cell"), (True, (300.0, 20.0), "exposure time per cell")],
)
def test_colours_follow_count_or_time(by_exptime: bool, brighter: tuple[float, float], label: str) -> None:
    """The cell with many exposures has little time, and the other way round."""
    positions = ((60.0, 20.0), (300.0, 20.0))
    figure = draw_sky(depth_at(*positions, n_exposures=(1000, 1)), by_exptime=by_exptime)
    paper = Paper(figure)
    light = {position: paper.colour_at(*_centre(cell_at(*position))).sum() for position in positions}
    assert max(light, key=lambda position: light[position]) == brighter
    assert label in [axes.get_xlabel() for axes in figure.axes]


def test_heading() -> None:
    depth = depth_at((60.0, 20.0), (300.0, 20.0), n_exposures=(1000, 1))
    words = [text.get_text() for text in draw_sky(depth, filter_name="f160w").texts]
    assert words == [
        "Coverage of the sky through F160W",
        "1,001 exposures, 500 ks, in 2 HEALPix cells of order 4 (220 arcmin wide)",
    ]


def test_few_cells_are_ringed() -> None:
    for positions, n_rings in (([(60.0, 20.0), (300.0, 20.0)], 2), ([(x, 0.0) for x in range(0, 360, 6)], 0)):
        axes = sky_axes(draw_sky(depth_at(*positions)))
        rings = [item for item in axes.collections if not isinstance(item, (PolyCollection, LineCollection))]
        assert sum(len(item.get_offsets()) for item in rings) == n_rings


def test_projection_cells_on_request() -> None:
    depth = depth_at((60.0, 20.0))
    for with_cells in (False, True):
        axes = sky_axes(draw_sky(depth, with_cells=with_cells))
        lines = [item for item in axes.collections if isinstance(item, LineCollection)]
        assert sum(len(item.get_segments()) for item in lines) >= 2644 * with_cells
        assert bool(lines) == with_cells


def test_galactic_plane() -> None:
    """It meets the equator at RA 102.86 and 282.86 and reaches declination 62.87 degrees (J2000)."""
    [plane] = [line for line in sky_axes(draw_sky(depth_at((0.0, 0.0)))).lines if "plane" in line.get_label()]
    longitude_deg, latitude_deg = (np.degrees(values) for values in plane.get_data())
    assert np.nanmax(latitude_deg) == pytest.approx(62.87, abs=0.01)
    crossing = latitude_deg[:-1] * latitude_deg[1:] < 0
    assert sorted((-longitude_deg[:-1][crossing] % 360).tolist()) == pytest.approx([102.86, 282.86], abs=0.4)
    assert not np.any(np.abs(np.diff(longitude_deg)) > 180)
