"""Colours of numbers: dark for little, bright for much."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator

from mvmdb.pictures.figure import INK

COLOURS = LinearSegmentedColormap.from_list("depth", colormaps["plasma"](np.linspace(0, 0.93, 256)))
"""None of them is as bright as paper, so that little is not taken for nothing."""
_ALIKE = 12.0
"""Greatest ratio of numbers that a scale from zero shows well."""


def scale_of(least: float, greatest: float) -> Normalize:
    """Return a scale for positive numbers: from 0 where they are alike, logarithmic where they are not."""
    return LogNorm(least, greatest) if greatest > _ALIKE * least else Normalize(0.0, greatest)


def add_colour_bar(
    figure: Figure,
    place: tuple[float, float, float, float],
    coloured: ScalarMappable,
    label: str,
    words: Callable[[float], str],
) -> None:
    """Explain colours on a bar, upright or lying as its place is.

    Parameters
    ----------
    figure, place
        Where: left, bottom, width and height as fractions of the figure.
    coloured
        What is coloured, on a scale by ``scale_of``.
    label, words
        What the numbers are, and how each is written.
    """
    bar = figure.colorbar(
        coloured,
        cax=figure.add_axes(place),
        orientation="vertical" if place[3] > place[2] else "horizontal",
        ticks=_ticks(coloured.norm),
        format=FuncFormatter(lambda value, _: words(value)),
    )
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label, color=INK)


def _ticks(scale: object) -> Locator:
    if not isinstance(scale, LogNorm):
        return MaxNLocator(5, integer=True)
    decades = math.log10((scale.vmax or 1.0) / (scale.vmin or 1.0))
    return LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,))
