"""The map of a skycell: what has been observed where, through which filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mvmdb.names import LayerName, SkycellName
from mvmdb.pictures.figure import INK, add_heading, new_figure
from mvmdb.pictures.filters import FilterGroup, group_by_filter
from mvmdb.pictures.frame import (
    OTHER_GRID,
    OWN_GRID,
    add_compass,
    add_extent,
    add_skycell_axes,
    add_skycells,
    view_box,
)
from mvmdb.pictures.words import duration, number, summary
from mvmdb.records import ChipOutline, DepthMap
from mvmdb.sky.grid import PixelBox

DepthOf = Callable[[Sequence[ChipOutline]], DepthMap]

MOST_OUTLINES = 1000
"""More are no longer told apart; every so many-th exposure is drawn, evenly in time."""
_MOST_VECTORS = 500
"""More outlines than this become pixels in an SVG, which would otherwise hold megabytes of them."""
_MOST_ENTRIES = 16
_FEW = 60
_LEAST_OPACITY = 0.02
"""Less is rounded away by pictures of 256 shades."""
_COMPASS = (0.815, 0.075, 0.18, 0.2)
_PLACE = (0.075, 0.075, 0.62, 0.775)
_SIZE_IN = (12.0, 9.6)


def draw_skycell(
    skycell: SkycellName,
    outlines: Sequence[ChipOutline],
    extent: PixelBox,
    *,
    layer: LayerName | None = None,
    zoom: bool = False,
    depth_of: DepthOf,
) -> Figure:
    """Return the map of a skycell with the outlines of chips, coloured by filter.

    Parameters
    ----------
    skycell
        What is mapped.
    outlines
        The chips, in order of time; about ``MOST_OUTLINES`` are drawn at most, and the heading says so.
    extent
        The common subarray.
    layer
        Whose chips they are, for the heading; None for those of all layers.
    zoom
        Show the common subarray rather than the whole skycell.
    depth_of
        Computes the depth of chips; asked for the area of each filter when not all outlines are drawn.
    """
    every = -(-len(outlines) // MOST_OUTLINES)
    groups = group_by_filter(outlines)
    drawn = [group.sample(every) for group in groups]
    figure = new_figure(*_SIZE_IN)
    words = summary(outlines)
    if every > 1:
        outlines_drawn = number(sum(map(len, drawn)), "outline")
        words += f"; drawn: {outlines_drawn}, evenly in time, and the border of each filter"
    add_heading(figure, _PLACE[0], 0.25, f"{skycell}  {layer or ''}".strip(), words)
    view = view_box(skycell, extent, zoom=zoom)
    axes = add_skycell_axes(figure, _PLACE, skycell, view)
    colours = [group.colour for group in groups]
    _add_outlines(axes, list(zip(colours, drawn, strict=True)), max(extent.width, extent.height) / view.width)
    if every > 1:
        _add_areas(axes, groups, depth_of)
    add_skycells(axes, skycell, view)
    add_extent(axes, extent)
    _add_legend(axes, groups, extent)
    add_compass(figure, _COMPASS, skycell, view, _PLACE[2] * _SIZE_IN[0])
    return figure


def _add_outlines(
    axes: Axes, drawn: Sequence[tuple[str, Sequence[ChipOutline]]], share_of_map: float
) -> None:
    """Draw the chips of each colour: faint areas, if they are few enough to see through, and sides over all.

    Filters often share the very same outlines: the first to be drawn are wider, so that each still shows,
    as far as the share of the map that the outlines take leaves room.
    """
    n_outlines = sum(len(outlines) for _, outlines in drawn)
    for place, (colour, outlines) in enumerate(drawn):
        n, polygons = len(outlines), [outline.vertices_pix for outline in outlines]
        sides = PolyCollection(polygons, facecolors="none", zorder=3)
        sides.set_edgecolor(to_rgba(colour, min(0.9, max(_LEAST_OPACITY, 20 / n))))
        sides.set_linewidth(0.9 + 0.4 * share_of_map * (len(drawn) - 1 - place) if n_outlines < _FEW else 0.5)
        sides.set_rasterized(n_outlines > _MOST_VECTORS)
        axes.add_collection(sides, autolim=False)
        # As many on one spot as there may be, half of all, leave half of what is below.
        opacity = 1 - (1 - 0.5 / len(drawn) ** 0.5) ** (2 / (n + 1))
        if opacity > _LEAST_OPACITY:
            areas = PolyCollection(polygons, facecolors=to_rgba(colour, opacity), zorder=2)
            axes.add_collection(areas, autolim=False)


def _add_areas(axes: Axes, groups: Sequence[FilterGroup], depth_of: DepthOf) -> None:
    """Draw the border of all that each filter covers."""
    for group in groups:
        depth = depth_of(group.outlines)
        x = depth.box.x0 - 0.5 + (np.arange(depth.grid.n_x_pix) + 0.5) * depth.bin_pix
        y = depth.box.y0 - 0.5 + (np.arange(depth.grid.n_y_pix) + 0.5) * depth.bin_pix
        axes.contour(x, y, depth.n_chips, levels=[0.5], colors=[group.colour], linewidths=1.6, zorder=3.5)


def _add_legend(axes: Axes, groups: Sequence[FilterGroup], extent: PixelBox) -> None:
    """Explain colours and lines, right of the map."""
    entries: list[tuple[Artist, str]] = [(_swatch(group), _entry(group)) for group in groups[:_MOST_ENTRIES]]
    if len(groups) > _MOST_ENTRIES:
        entries.append((Line2D([], [], linestyle=""), f"and {len(groups) - _MOST_ENTRIES} filters more"))
    size = f"{extent.width:,} x {extent.height:,} fine pixels"
    entries += [
        (Line2D([], [], color=INK, linewidth=1.4, linestyle=(0, (6, 3))), f"common subarray\n{size}"),
        (Line2D([], [], color=OWN_GRID, linewidth=1.8), "this skycell"),
        (Line2D([], [], color=OWN_GRID, linewidth=0.8, linestyle="--"), "its neighbours"),
        (
            Line2D([], [], color=OTHER_GRID, linewidth=0.8, linestyle=":"),
            "those of other\nprojection cells",
        ),
    ]
    handles, labels = zip(*entries, strict=True)
    legend = axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.17, 1.005),
        frameon=False,
        fontsize=9.5 if len(entries) < 16 else 8,
        labelspacing=0.8,
        borderaxespad=0,
        labelcolor=INK,
    )
    legend.set_zorder(7)


def _swatch(group: FilterGroup) -> Patch:
    return Patch(facecolor=to_rgba(group.colour, 0.45), edgecolor=group.colour)


def _entry(group: FilterGroup) -> str:
    return f"{group.label}\n{number(group.n_exposures, 'exposure')}, {duration(group.exptime_s)}"
