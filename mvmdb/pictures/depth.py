"""The picture of a depth map: exposure time over a skycell or one of its layers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mvmdb.pictures.colours import COLOURS, add_colour_bar, scale_of
from mvmdb.pictures.figure import add_heading, new_figure
from mvmdb.pictures.frame import add_compass, add_extent, add_skycell_axes, add_skycells, view_box
from mvmdb.pictures.words import duration, summary
from mvmdb.records import DepthMap
from mvmdb.sky.grid import PixelBox

_SIZE_IN = (11.6, 9.6)
_PLACE = (0.078, 0.075, 0.6415, 0.775)
_BAR_PLACE = (0.85, 0.45, 0.018, 0.4)
_COMPASS = (0.845, 0.075, 0.15, 0.2)


def draw_depth(depth: DepthMap, extent: PixelBox, *, zoom: bool = False) -> Figure:
    """Return a picture of the exposure time, in the frame of the map of a skycell; empty bins stay white."""
    figure = new_figure(*_SIZE_IN)
    bin_arcsec = depth.grid.scale_arcsec
    note = f"exposure time from footprints, mean over bins of {bin_arcsec:g} x {bin_arcsec:g} arcsec"
    title = f"{depth.skycell}  {depth.layer or ''}".strip()
    add_heading(figure, _PLACE[0], 0.25, title, f"{summary(depth.outlines)}; {note}")
    view = view_box(depth.skycell, extent, zoom=zoom)
    axes = add_skycell_axes(figure, _PLACE, depth.skycell, view)
    box, bin_pix = depth.box, depth.bin_pix
    image = axes.imshow(
        np.ma.masked_less_equal(depth.exptime_s, 0.0),
        extent=(
            box.x0 - 0.5,
            box.x0 - 0.5 + bin_pix * depth.grid.n_x_pix,
            box.y0 - 0.5,
            box.y0 - 0.5 + bin_pix * depth.grid.n_y_pix,
        ),
        origin="lower",
        cmap=COLOURS,
        norm=scale_of(min(item.exptime_s for item in depth.outlines), depth.exptime_s.max()),
        interpolation="nearest",
        zorder=1,
    )
    axes.set(xlim=(view.x0 - 0.5, view.x1 - 0.5), ylim=(view.y0 - 0.5, view.y1 - 0.5))
    add_skycells(axes, depth.skycell, view)
    add_extent(axes, extent)
    add_colour_bar(figure, _BAR_PLACE, image, "exposure time", duration)
    add_compass(figure, _COMPASS, depth.skycell, view, _PLACE[2] * _SIZE_IN[0])
    return figure
