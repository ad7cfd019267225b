"""The map of the whole sky: how much has been observed where."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from mvmdb.pictures.colours import COLOURS, add_colour_bar, scale_of
from mvmdb.pictures.figure import FAINT_INK, INK, add_heading, new_figure
from mvmdb.pictures.words import duration, number
from mvmdb.records import SkyDepth
from mvmdb.sky.grid import projection_cell_grid
from mvmdb.sky.sphere import Floats
from mvmdb.sky.tessellation import projection_cells

_SIZE_IN = (12.5, 7.7)
_PLACE = (0.055, 0.14, 0.89, 0.72)
_BAR_PLACE = (0.3, 0.075, 0.4, 0.018)
_POINTS_PER_SIDE = 4
_FEW_CELLS = 40
_MOST_VECTORS = 5000
_SKY = "#f4f5f9"
_GALAXY = "#2a9d8f"


def draw_sky(
    depth: SkyDepth, *, by_exptime: bool = False, filter_name: str | None = None, with_cells: bool = False
) -> Figure:
    """Return a map of the whole sky in Mollweide's projection, right ascension growing to the left.

    Parameters
    ----------
    depth
        What has been observed; cells without exposures are left out.
    by_exptime
        Colour cells by exposure time rather than by number of exposures.
    filter_name
        The filter that was counted, for the heading; None for all.
    with_cells
        Also draw the borders of the 2,644 projection cells.

    Notes
    -----
    Areas are true. Right ascension 0 h is in the middle.
    """
    figure = new_figure(*_SIZE_IN)
    through = f" through {filter_name.upper()}" if filter_name else ""
    add_heading(figure, _PLACE[0], 0.25, f"Coverage of the sky{through}", _summary(depth))
    axes = figure.add_axes(_PLACE, projection="mollweide")
    _dress(axes)
    if with_cells:
        borders = _projected(axes, [_cell_border(cell.projection_cell) for cell in projection_cells()])
        lines = LineCollection(borders, colors="#b9bdcb", linewidths=0.35, zorder=1, transform=_plane(axes))
        axes.add_collection(lines, autolim=False)
    _add_galaxy(axes)
    cells = _add_cells(axes, depth, by_exptime=by_exptime)
    label = "exposure time per cell" if by_exptime else "exposures per cell"
    add_colour_bar(figure, _BAR_PLACE, cells, label, duration if by_exptime else "{:,.0f}".format)
    return figure


def _summary(depth: SkyDepth) -> str:
    n_exposures, n_cells = int(depth.n_exposures.sum()), len(depth.cell)
    size_arcmin = 60 * np.degrees(np.sqrt(np.pi / 3)) / 2**depth.healpix_order
    cells = (
        f"{number(n_cells, 'HEALPix cell')} of order {depth.healpix_order} ({size_arcmin:.0f} arcmin wide)"
    )
    return f"{number(n_exposures, 'exposure')}, {duration(float(depth.exptime_s.sum()))}, in {cells}"


def _dress(axes: Axes) -> None:
    """Draw the grid and write the coordinates."""
    axes.set_facecolor(_SKY)
    axes.spines["geo"].set_color(FAINT_INK)
    axes.grid(color="#d5d8e2", linewidth=0.6)
    axes.set_axisbelow(True)
    parallels_deg = range(-75, 76, 15)
    names = [f"{degrees:+d}°".replace("-", "\u2212") if degrees else "0°" for degrees in parallels_deg]
    axes.set_yticks(np.radians(parallels_deg), names, color=FAINT_INK, fontsize=9)
    meridians_deg = range(-150, 151, 30)
    axes.set_xticks(np.radians(meridians_deg), [""] * len(meridians_deg))
    # Ticks would disappear below the cells.
    halo = [withStroke(linewidth=3, foreground=_SKY)]
    for degrees in meridians_deg:
        hour = axes.text(np.radians(degrees), 0, f"{-degrees % 360 // 15}\u2009h", fontsize=9, color=INK)
        hour.set(ha="center", va="center", path_effects=halo, zorder=4)


def _map_longitude(ra_deg: Floats) -> Floats:
    """Return where a right ascension lies on the map, radians between -pi and pi."""
    longitude: Floats = np.radians((180.0 - ra_deg) % 360.0 - 180.0)
    return longitude


def _add_galaxy(axes: Axes) -> None:
    """Draw the galactic plane and mark its centre."""
    longitude = np.linspace(0, 360, 721) * units.deg
    plane = SkyCoord(l=longitude, b=0 * longitude, frame="galactic").icrs
    [line, *_] = axes.plot(*_unbroken(_map_longitude(plane.ra.deg), np.radians(plane.dec.deg)))
    line.set(color=_GALAXY, linewidth=1.1, zorder=2.5, label="galactic plane")
    [centre, *_] = axes.plot(_map_longitude(plane.ra.deg[:1]), np.radians(plane.dec.deg[:1]))
    centre.set(color=_GALAXY, marker="x", linestyle="", markersize=7, zorder=2.5, label="galactic centre")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, -0.1), frameon=False, fontsize=9, labelcolor=INK)


def _unbroken(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Return a line with a gap where it leaves the map on one side and comes back on the other."""
    breaks = np.flatnonzero(np.abs(np.diff(longitude)) > np.pi) + 1
    return np.insert(longitude, breaks, np.nan), np.insert(latitude, breaks, np.nan)


def _add_cells(axes: Axes, depth: SkyDepth, *, by_exptime: bool) -> PolyCollection:
    """Colour the cells that hold exposures; ring them where they are so few that one might miss them."""
    values = depth.exptime_s if by_exptime else depth.n_exposures.astype(float)
    polygons, index = _cell_polygons(depth)
    scale = scale_of(values.min(initial=np.inf), values.max(initial=1.0))
    cells = PolyCollection(_projected(axes, polygons), cmap=COLOURS, norm=scale, transform=_plane(axes))
    cells.set(array=values[index], edgecolor="face", linewidth=0.3, zorder=2)
    cells.set_rasterized(len(polygons) > _MOST_VECTORS)
    axes.add_collection(cells, autolim=False)
    if 0 < len(values) <= _FEW_CELLS:
        x, y = np.transpose([polygon.mean(axis=0) for polygon in polygons])
        axes.scatter(x, y, s=130, facecolors="none", edgecolors=INK, linewidths=0.8, zorder=3)
    return cells


# The type of axes with a projection of the sky has no stubs.
def _plane(axes: Any) -> Any:
    """Return the way from the plane of a map's projection to the screen."""
    return axes.transAffine + axes.transAxes


def _projected(axes: Any, polygons: list[Floats]) -> list[Floats]:
    """Return polygons on the plane of a map's projection: all at once, where matplotlib takes one by one."""
    if not polygons:
        return []
    points = axes.transProjection.transform(np.concatenate(polygons))
    return np.split(points, np.cumsum([len(polygon) for polygon in polygons])[:-1])


def _cell_polygons(depth: SkyDepth) -> tuple[list[Floats], list[int]]:
    """Return polygons on the map, twice for cells on its border, and the index of the cell of each."""
    healpix = HEALPix(2**depth.healpix_order, order="nested")
    centre_ra_deg = healpix.healpix_to_lonlat(depth.cell)[0].to_value(units.deg)[:, np.newaxis]
    ra, dec = healpix.boundaries_lonlat(depth.cell, _POINTS_PER_SIDE)
    # Vertices stay near their centre, if need be beyond the border of the map, where the axes cut them.
    east_deg = (ra.to_value(units.deg) - centre_ra_deg + 180.0) % 360.0 - 180.0
    longitude = _map_longitude(centre_ra_deg) - np.radians(east_deg)
    polygons, index = [], []
    for turn in (0.0, -2 * np.pi, 2 * np.pi):
        seen = np.flatnonzero(np.any(np.abs(longitude + turn) <= np.pi, axis=1))
        polygons += list(np.stack([longitude[seen] + turn, dec.to_value(units.rad)[seen]], axis=-1))
        index += seen.tolist()
    return polygons, index


def _cell_border(projection_cell: int) -> Floats:
    """Return the border of a projection cell on the map, with gaps where it leaves it."""
    grid = projection_cell_grid(projection_cell)
    along, end = np.linspace(-0.5, grid.n_x_pix - 0.5, 9), np.full(9, grid.n_x_pix - 0.5)
    start = np.full(9, -0.5)
    x_pix = np.concatenate([along, end, along[::-1], start])
    y_pix = np.concatenate([start, along, end, along[::-1]])
    ra_deg, dec_deg = grid.pixel_to_sky(x_pix, y_pix)
    return np.stack(_unbroken(_map_longitude(ra_deg), np.radians(dec_deg)), axis=-1)
