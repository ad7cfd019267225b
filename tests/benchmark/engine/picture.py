"""The figures as a picture: seconds and memory of each side, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.benchmark.engine.cases import CASES

_TITLES = {
    "subarray": "16 ACS/WFC exposures,\n10840 x 11672 pixels",
    "full": "the same, whole skycell,\n21954 x 21954 pixels",
    "ir": "64 WFC3/IR exposures,\nfine pixels",
    "ir_coarse": "64 WFC3/IR exposures,\ncoarse pixels",
}
_SIDES = {
    "mvmdb": ("mvmdb, 2 threads", "#1f5f99"),
    "mvmdb_1_thread": ("mvmdb, 1 thread", "#5b8db8"),
    "astrodrizzle": ("AstroDrizzle", "#b0703c"),
    "astrodrizzle_without_context": ("AstroDrizzle, no CTX", "#cfa27c"),
    "swarp": ("SWarp, 2 threads,\nno CTX", "#999999"),
}
_ROWS = (("wall_s", "wall time, s", "%.1f"), ("peak_gib", "own memory, GiB", "%.2f"))
_ROOM = 1.28
"""Of the longest bar, for its number."""


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw wall time and peak memory of each side as bars, one column for each case that was run."""
    names = [name for name in CASES if name in figures]
    shown = [side for side in _SIDES if any(side in figures[name] for name in names)]
    figure = Figure(figsize=(2.0 + 2.5 * len(names), 1.4 + 0.56 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(wspace=0.05, hspace=0.04)
    axes = figure.subplots(2, len(names), squeeze=False, sharey=True)
    for column, name in enumerate(names):
        axes[0, column].set_title(_TITLES[name], fontsize=9)
        for row, (key, words, form) in enumerate(_ROWS):
            _bars(axes[row, column], figures[name], shown, key, form)
            axes[row, column].set_xlabel(words, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, sides: Mapping[str, Any], shown: Sequence[str], key: str, form: str) -> None:
    """Draw one bar for each side that took part, the first on top."""
    places = {side: place for place, side in enumerate(reversed(shown)) if side in sides}
    values = [sides[side][key] for side in places]
    bars = axes.barh(list(places.values()), values, height=0.72, color=[_SIDES[side][1] for side in places])
    axes.bar_label(bars, fmt=form, fontsize=8, padding=3)
    for place in set(range(len(shown))) - set(places.values()):
        axes.text(0.02 * max(values), place, "not measured", fontsize=7, color="#aaaaaa", va="center")
    axes.set_xlim(0, _ROOM * max(values))
    axes.set_yticks(range(len(shown)), [_SIDES[side][0] for side in reversed(shown)], fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
