"""Maps of skycells: what is drawn lies where it is, in its colour, and the words are true."""

from __future__ import annotations

import io
import subprocess
import sys
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from mvmdb.names import SkycellName
from mvmdb.pictures.depth import draw_depth
from mvmdb.pictures.figure import picture_bytes
from mvmdb.pictures.filters import group_by_filter
from mvmdb.pictures.frame import view_box
from mvmdb.pictures.skycell import MOST_OUTLINES, draw_skycell
from mvmdb.records import ChipOutline
from mvmdb.sky.grid import PixelBox
from tests.support.outlines import depth_of_nothing, square
from tests.support.vectors import angle_deg, sky_of_skycell_pixels, unit_vectors

EXAMPLE = SkycellName.parse("p1889x07y19")
EXTENT = PixelBox(2000, 3000, 12000, 9000)
OUTLINES = [
    square((2000, 3000, 6000, 9000), "jtst0000q", instrument="acs", detector="wfc", filter="f435w"),
    square((8000, 3000, 12000, 9000), "itst0001q", filter="f160w"),
]
AREA_OF_ALL = partial(depth_of_nothing, "p1889x07y19", 1000)


def draw(
    outlines: list[ChipOutline] = OUTLINES, *, zoom: bool = False, skycell: str = "p1889x07y19"
) -> Figure:
    return draw_skycell(
        SkycellName.parse(skycell),
        outlines,
        EXTENT,
        zoom=zoom,
        depth_of=lambda _: AREA_OF_ALL(n_chips=np.eye(22)),
    )


def map_axes(figure: Figure) -> Axes:
    """Return the axes in fine pixels: those with a label that says so."""
    return next(axes for axes in figure.axes if "fine pixels" in axes.get_xlabel())


def words_of(figure: Figure) -> str:
    drawn = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        drawn += [text.get_text() for text in axes.texts]
        drawn += [text.get_text() for text in axes.get_legend().texts] if axes.get_legend() else []
    return "\n".join(drawn)


class Paper:
    """A map of a skycell as it is seen."""

    def __init__(self, figure: Figure) -> None:
        figure.set_dpi(70)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self.colours = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
        self.from_pixels = map_axes(figure).transData

    def colour_at(self, x_pix: float, y_pix: float) -> NDArray[np.int64]:
        """Return the colour that is seen at fine pixels of the skycell."""
        column, row = self.from_pixels.transform((x_pix, y_pix))
        return self.colours[round(len(self.colours) - 1 - row), round(column)]


def hue(colour: NDArray[np.int64] | tuple[float, float, float]) -> NDArray[np.float64]:
    """Return what a colour takes away from white, as a direction."""
    missing = np.max(colour) - np.asarray(colour, dtype=float)
    direction: NDArray[np.float64] = missing / np.linalg.norm(missing)
    return direction


def test_footprints_are_seen_where_they_are_in_the_colour_of_their_filter() -> None:
    paper = Paper(draw())
    blue, red = group_by_filter(OUTLINES)
    assert (blue.filter, red.filter) == ("f435w", "f160w")
    for group, x_pix in ((blue, 4111), (red, 10111)):
        seen = paper.colour_at(x_pix, 6111)
        np.testing.assert_allclose(hue(seen), hue(to_rgb(group.colour)), atol=0.12)
    assert np.all(paper.colour_at(7111, 6111) == 255)
    assert np.all(paper.colour_at(4111, 12111) == 255)


def test_outlines_are_drawn_as_given() -> None:
    [*areas] = [item for item in map_axes(draw()).collections if isinstance(item, PolyCollection)]
    drawn = [path.vertices[:4] for item in areas for path in item.get_paths()]
    for outline in OUTLINES:
        assert sum(np.array_equal(vertices, outline.vertices_pix) for vertices in drawn) == 2


def test_x_grows_to_the_right_and_the_frame_shows_the_same_sky() -> None:
    """x to the right is west; the axes with sky coordinates lie exactly over those with pixels."""
    figure = draw()
    axes = map_axes(figure)
    [sky_axes] = [item for item in figure.axes if isinstance(item, WCSAxes)]
    assert axes.get_xlim()[0] < axes.get_xlim()[1]
    assert (axes.get_xlim(), axes.get_ylim()) == (sky_axes.get_xlim(), sky_axes.get_ylim())
    assert np.allclose(axes.get_position().bounds, sky_axes.get_position().bounds)
    x_pix, y_pix = np.array([0.0, 10_000.0, 21_953.0]), np.array([21_953.0, 0.0, 5000.0])
    found = sky_axes.wcs.pixel_to_world_values(x_pix, y_pix)
    expected = sky_of_skycell_pixels("p1889x07y19", x_pix, y_pix)
    assert np.all(angle_deg(unit_vectors(*found), unit_vectors(*expected)) * 3600 < 1e-6)


def test_common_subarray() -> None:
    [box] = [patch for patch in map_axes(draw()).patches if isinstance(patch, Rectangle)]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (1999.5, 2999.5, 10000, 6000)


def test_words() -> None:
    words = words_of(draw())
    assert "p1889x07y19\n2 exposures, 2 chips, 2000 s, 2009-06-18" in words
    assert "ACS/WFC F435W\n1 exposure, 1000 s" in words
    assert "common subarray\n10,000 x 6,000 fine pixels" in words
    for neighbour in ("p1889x07y20", "p1889x07y18", "p1889x06y19", "p1889x08y19", "p1889\nx08y20"):
        assert neighbour in words
    assert "p1889x05y19" not in words


def test_layer_in_the_heading() -> None:
    layer = depth_of_nothing().layer
    figure = draw_skycell(EXAMPLE, OUTLINES[1:], EXTENT, layer=layer, depth_of=lambda _: AREA_OF_ALL())
    assert "p1889x07y19  wfc3_ir_f160w\n1 exposure" in words_of(figure)


def test_zoom_shows_the_subarray() -> None:
    axes = map_axes(draw(zoom=True))
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert 0 < left < 2000
    assert 12000 < right < 14000
    assert right - left == top - bottom
    assert "p1889x07y20" not in words_of(draw(zoom=True))


@pytest.mark.parametrize(("skycell", "north"), [("p1889x07y19", (0, 1)), ("p2643x11y13", (0, -1))])
def test_arrows_point_north_and_east(skycell: str, north: tuple[int, int]) -> None:
    """Above the north pole of its own cell, north is down."""
    figure = draw(skycell=skycell)
    compass = figure.axes[-1]
    places = {text.get_text(): np.array(text.get_position()) for text in compass.texts}
    foot = np.array([0.75, 0.7])
    np.testing.assert_allclose((places["N"] - foot) / 0.63, north, atol=0.05)
    east = np.array([-north[1], north[0]])
    np.testing.assert_allclose((places["E"] - foot) / 0.63, east, atol=0.05)


def test_no_arrows_around_a_pole() -> None:
    texts = [text.get_text() for text in draw(skycell="p2643x11y11").axes[-1].texts]
    assert "arcmin" in texts[0]
    assert not {"N", "E"} & set(texts)


def test_scale_bar_is_as_long_as_it_says() -> None:
    for zoom in (False, True):
        figure = draw(zoom=zoom)
        compass = figure.axes[-1]
        [bar] = [line for line in compass.lines if len(line.get_xdata()) == 2]
        ends = compass.transData.transform(np.stack([bar.get_xdata(), bar.get_ydata()], axis=1))
        on_map = map_axes(figure).transData.inverted().transform(ends)
        length_arcsec = (on_map[1, 0] - on_map[0, 0]) * 0.04
        number, unit = next(text.get_text() for text in compass.texts if "arc" in text.get_text()).split()
        assert length_arcsec == pytest.approx(float(number) * {"arcsec": 1, "arcmin": 60}[unit], rel=1e-6)


def crowd(n: int) -> list[ChipOutline]:
    random = np.random.default_rng(11)
    filters = ("f435w", "f606w", "f814w")
    return [
        square(
            (x, y, x + 4000, y + 2000),
            f"j{number // 2:07d}q",
            chip=1 + number % 2,
            filter=filters[number // 2 % 3],
            start_mjd=55000.0 + number // 2,
        )
        for number, (x, y) in enumerate(random.uniform(2000, 8000, (n, 2)).tolist())
    ]


def test_a_crowd_is_thinned_and_the_heading_says_so() -> None:
    outlines = crowd(3 * MOST_OUTLINES)
    figure = draw(outlines)
    sides = [item for item in map_axes(figure).collections if isinstance(item, PolyCollection)]
    n_drawn = sum(len(item.get_paths()) for item in sides)
    assert 0.9 * MOST_OUTLINES < n_drawn <= 1.1 * MOST_OUTLINES
    assert all(item.get_rasterized() for item in sides)
    assert f"drawn: {n_drawn:,} outlines, evenly in time, and the border of each filter" in words_of(figure)
    drawn_borders = [item for item in map_axes(figure).collections if not isinstance(item, PolyCollection)]
    assert len(drawn_borders) == 3
    assert len(picture_bytes(figure, ".svg")) < 2_000_000


def test_few_outlines_are_all_drawn() -> None:
    figure = draw(crowd(MOST_OUTLINES))
    sides = [item for item in map_axes(figure).collections if item.get_zorder() == 3]
    assert sum(len(item.get_paths()) for item in sides) == MOST_OUTLINES
    assert "drawn" not in words_of(figure)


def test_many_filters_do_not_overflow_the_legend() -> None:
    outlines = [square((0, 0, 100, 100), f"jtst{i:04d}q", filter=f"f{200 + i}w") for i in range(30)]
    legend = map_axes(draw(outlines)).get_legend()
    assert legend is not None
    assert len(legend.texts) == 21
    assert "and 14 filters more" in words_of(draw(outlines))


def test_view_is_square_around_what_is_shown() -> None:
    for zoom, shown in ((False, PixelBox(0, 0, 21954, 21954)), (True, EXTENT)):
        view = view_box(EXAMPLE, EXTENT, zoom=zoom)
        assert view.width == view.height
        assert view.intersection(shown) == shown


def test_depth_is_seen_where_it_is() -> None:
    """A bin that sticks out of the skycell, one in its middle, and one that nothing covers."""
    exptime_s = np.zeros((22, 22))
    exptime_s[21, 21] = 5000.0
    exptime_s[10, 3] = 100.0
    depth = depth_of_nothing(
        bin_pix=1000, exptime_s=exptime_s, outlines=(square((0, 0, 1, 1), exptime_s=100.0),)
    )
    figure = draw_depth(depth, EXTENT)
    paper = Paper(figure)
    bright, dark = paper.colour_at(21_700, 21_800), paper.colour_at(3499.5, 10_499.5)
    assert bright.sum() > dark.sum()
    assert bright[0] > bright[2]
    assert dark[2] > dark[0]
    assert np.all(paper.colour_at(10_499.5, 3300) == 255)
    assert "p1889x07y19  wfc3_ir_f160w" in words_of(figure)
    assert "mean over bins of 40 x 40 arcsec" in words_of(figure)


def test_formats_and_the_same_bytes_for_the_same_data() -> None:
    png, svg = (picture_bytes(draw(), suffix) for suffix in (".png", ".svg"))
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 1000
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert (png, svg) == (picture_bytes(draw(), ".png"), picture_bytes(draw(), ".svg"))


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_no_state_of_pyplot_is_touched() -> None:
    code = "import sys, mvmdb.pictures.skycell, mvmdb.pictures.sky; print('matplotlib.pyplot' in sys.modules)"
    assert run(code) == "False"


@pytest.mark.parametrize("package", ["matplotlib", "astropy_healpix"])
def test_without_what_draws(package: str) -> None:
    code = (
        "import importlib.util as util\n"
        f"find, util.find_spec = util.find_spec, lambda name: None if name == {package!r} else find(name)\n"
        "from mvmdb.errors import MissingPackageError\n"
        "try:\n    import mvmdb.pictures\n"
        "except MissingPackageError as error:\n    print(error, '|', error.hint)"
    )
    name = package.replace("_", "-")
    assert run(code) == f"this needs {name} | install it with: pip install 'mvmdb[maps]'"
