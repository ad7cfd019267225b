"""The frame of a map of a skycell: fine pixels below and left, sky above and right, grid, compass, scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke

from mvmdb.names import SkycellName
from mvmdb.pictures.figure import INK
from mvmdb.sky.grid import PixelBox, TanGrid, skycell_grid
from mvmdb.sky.neighbours import SkycellOutline, skycells_around
from mvmdb.sky.sphere import Floats

Place = tuple[float, float, float, float]
"""Left, bottom, width and height as fractions of a figure."""

OWN_GRID = "#3d3d4e"
OTHER_GRID = "#8c6bb1"
_MARGIN = 0.1
_LEAST_SEEN = 0.03
_NAME_SIZE = (0.115, 0.024)
"""Width and height of a name as fractions of a map."""
_SCALES_ARCSEC = (1, 2, 5, 10, 20, 30, 60, 120, 180, 300)
_HALO = [withStroke(linewidth=2.5, foreground="white", alpha=0.85)]
_NORTH_STEP_DEG = 1e-4


def view_box(skycell: SkycellName, extent: PixelBox, *, zoom: bool) -> PixelBox:
    """Return the square that a map shows: the skycell or, zoomed, its subarray; and some sky around."""
    shown = extent if zoom else skycell_grid(skycell).box
    half = int((0.5 + _MARGIN) * max(shown.width, shown.height)) + 1
    x, y = (shown.x0 + shown.x1) // 2, (shown.y0 + shown.y1) // 2
    return PixelBox(x - half, y - half, x + half, y + half)


def add_skycell_axes(figure: Figure, place: Place, skycell: SkycellName, view: PixelBox) -> Axes:
    """Return axes in fine pixels of a skycell, framed with right ascension and declination."""
    axes = figure.add_axes(place)
    axes.set_xlabel("x / fine pixels of the skycell (0.04 arcsec)", color=INK)
    axes.set_ylabel("y / fine pixels of the skycell", color=INK)
    sky_axes = _add_sky_axes(figure, place, skycell_grid(skycell))
    for each in (axes, sky_axes):
        each.set_xlim(view.x0 - 0.5, view.x1 - 0.5)
        each.set_ylim(view.y0 - 0.5, view.y1 - 0.5)
    return axes


def _add_sky_axes(figure: Figure, place: Place, grid: TanGrid) -> WCSAxes:
    """Lay axes over others that show the same pixels as positions on the sky."""
    axes = WCSAxes(figure, place, wcs=_wcs(grid))
    axes.patch.set_visible(False)
    axes.set_zorder(5)
    figure.add_axes(axes)
    near_pole = abs(grid.crval_dec_deg) > 80
    for coordinate, sides, name in (
        (axes.coords[0], "tr" if near_pole else "t", "right ascension (ICRS)"),
        (axes.coords[1], "r", "declination (ICRS)"),
    ):
        coordinate.set_ticks_position(sides)
        coordinate.set_ticklabel_position(sides)
        coordinate.set_axislabel_position(sides[0])
        coordinate.set_axislabel(name, color=INK)
        coordinate.set_ticklabel(exclude_overlapping=True)
        coordinate.grid(color="#9aa5b1", linestyle=":", linewidth=0.7)
    return axes


def _wcs(grid: TanGrid) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [grid.crval_ra_deg, grid.crval_dec_deg]
    wcs.wcs.crpix = [grid.crpix_x, grid.crpix_y]
    wcs.wcs.cdelt = [-grid.cd_deg, grid.cd_deg]
    wcs.wcs.radesys = "ICRS"
    return wcs


def add_skycells(axes: Axes, skycell: SkycellName, view: PixelBox) -> None:
    """Draw a skycell, its neighbours, and the skycells of other projection cells, each with its name."""
    taken: list[Floats] = []
    outlines = skycells_around(skycell, view)
    # Neighbours first: the names of the others make way for theirs.
    for outline in sorted(outlines, key=lambda item: item.skycell.projection_cell != skycell.projection_cell):
        is_neighbour = outline.skycell.projection_cell == skycell.projection_cell
        colour, style = (OWN_GRID, "--") if is_neighbour else (OTHER_GRID, ":")
        patch = Polygon(outline.corners_pix, fill=False, edgecolor=colour, linewidth=0.8, linestyle=style)
        patch.set_zorder(1.5)
        low, high = _seen(outline, view)
        if outline.skycell == skycell:
            patch.set(linewidth=1.8, linestyle="-", zorder=4)
        elif min(high - low) > _LEAST_SEEN and is_neighbour:
            taken.append(_name_in_the_middle(axes, str(outline.skycell), low, high))
        elif min(high - low) > _LEAST_SEEN:
            taken.append(_name_in_the_corner(axes, str(outline.skycell), low, high, taken))
        axes.add_patch(patch)


def _seen(outline: SkycellOutline, view: PixelBox) -> tuple[Floats, Floats]:
    """Return the lower left and the upper right of what is seen of a skycell, as fractions of the map."""
    origin = np.array([view.x0, view.y0])
    seen = np.clip((outline.corners_pix - origin) / view.width, 0.0, 1.0)
    return seen.min(axis=0), seen.max(axis=0)


def _name_in_the_middle(axes: Axes, name: str, low: Floats, high: Floats) -> Floats:
    """Write a name along the longer side, in two lines where both are short; return its upper left corner."""
    width, height = high - low
    is_corner = max(width, height) < 2 * _NAME_SIZE[0]
    words = f"{name[:5]}\n{name[5:]}" if is_corner else name
    rotation = 90 if height > width and not is_corner else 0
    place: Floats = (low + high) / 2
    _write(axes, words, place, colour=OWN_GRID, ha="center", va="center", rotation=rotation)
    return place + np.array([-0.5, 0.5]) * _NAME_SIZE


def _name_in_the_corner(axes: Axes, name: str, low: Floats, high: Floats, taken: Sequence[Floats]) -> Floats:
    """Write a name into the upper left corner, below any name already there; return its place."""
    place = np.array([low[0] + 0.012, high[1] - 0.012])
    while any(np.all(np.abs(place - other) < _NAME_SIZE) for other in taken):
        place = place - (0, _NAME_SIZE[1])
    _write(axes, name, place, colour=OTHER_GRID, ha="left", va="top")
    return place


def _write(axes: Axes, words: str, place: Floats, *, colour: str, **alignment: Any) -> None:
    x, y = place.tolist()
    axes.text(
        x,
        y,
        words,
        transform=axes.transAxes,
        fontsize=7.5,
        color=colour,
        path_effects=_HALO,
        zorder=4.5,
        clip_on=True,
        **alignment,
    )


def add_extent(axes: Axes, extent: PixelBox) -> None:
    """Draw the common subarray."""
    corner = (extent.x0 - 0.5, extent.y0 - 0.5)
    box = Rectangle(corner, extent.width, extent.height, fill=False, edgecolor=INK, linewidth=1.4, zorder=4)
    box.set_linestyle((0, (6, 3)))
    axes.add_patch(box)


def add_compass(
    figure: Figure, place: Place, skycell: SkycellName, view: PixelBox, map_width_in: float
) -> None:
    """Draw beside a map a bar of a round length, and arrows to the north and east at the map's centre.

    Where the map holds a pole, its arrows would hold nowhere else, so there are none.
    """
    axes = figure.add_axes(place)
    width_in, height_in = figure.get_size_inches() * place[2:]
    axes.set(xlim=(0, width_in), ylim=(0, height_in))
    axes.axis("off")
    grid = skycell_grid(skycell)
    scale_arcsec, words = _scale(0.2 * view.width * grid.scale_arcsec)
    length_in = scale_arcsec / grid.scale_arcsec / view.width * map_width_in
    axes.plot([0, length_in], [0.1, 0.1], color=INK, linewidth=2.5, solid_capstyle="butt")
    axes.text(length_in / 2, 0.17, words, fontsize=9.5, color=INK, ha="center", va="bottom")
    if not _holds_pole(grid, view):
        _add_arrows(axes, _north(grid, view), np.array([0.75, 0.7]))


def _scale(longest_arcsec: float) -> tuple[float, str]:
    """Return the longest round length up to a limit, and its name."""
    scale = max((scale for scale in _SCALES_ARCSEC if scale <= longest_arcsec), default=_SCALES_ARCSEC[0])
    return scale, f"{scale} arcsec" if scale < 60 else f"{scale // 60} arcmin"


def _holds_pole(grid: TanGrid, view: PixelBox) -> bool:
    x_pix, y_pix = grid.sky_to_pixel(0.0, np.copysign(90.0, grid.crval_dec_deg))
    return bool(view.x0 <= x_pix < view.x1 and view.y0 <= y_pix < view.y1)


def _north(grid: TanGrid, view: PixelBox) -> Floats:
    """Return the unit vector to the north at the centre of a box of pixels."""
    centre = np.array([(view.x0 + view.x1) / 2, (view.y0 + view.y1) / 2])
    ra_deg, dec_deg = (float(value) for value in grid.pixel_to_sky(*centre))
    toward_equator = -_NORTH_STEP_DEG if dec_deg > 0 else _NORTH_STEP_DEG
    step = np.array(grid.sky_to_pixel(ra_deg, dec_deg + toward_equator)) - centre
    north: Floats = step / np.hypot(*step) * np.sign(toward_equator)
    return north


def _add_arrows(axes: Axes, north: Floats, foot: Floats) -> None:
    east = np.array([-north[1], north[0]])
    for letter, direction in (("N", north), ("E", east)):
        style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", tuple(foot + 0.5 * direction), tuple(foot), arrowprops=style)
        x, y = (foot + 0.63 * direction).tolist()
        axes.text(x, y, letter, fontsize=10, color=INK, ha="center", va="center")
