"""The figures as a picture: seconds of each side, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.benchmark.engine.cases import CASES

_TITLES = {
    "subarray": "16 ACS/WFC exposures,\n10840 x 11672 pixels",
    "full": "the same, whole skycell\n21954 x 21954",
    "ir": "64 WFC3/IR exposures,\nfine",
    "ir_coarse": "64 WFC3/IR exposures,\ncoarse",
}
_SIDES = {"astrodrizzle": "AstroDrizzle", "mvmdb_1_thread": "mvmdb, 1 thread", "mvmdb": "mvmdb, 2 threads"}


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw wall time of each side as bars, one panel for each case that was run."""
    mpl.use("Agg")
    names = [name for name in CASES if name in figures]
    figure = Figure(figsize=(2.9 * max(1, len(names)), 3.2), layout="constrained")
    axes = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=False):
        walls = [figures[name][side]["wall_s"] for side in _SIDES]
        bars = axis.bar(list(_SIDES.values()), walls, color=["#999999", "#5b8db8", "#1f5f99"])
        axis.bar_label(bars, fmt="%.1f s", fontsize=8)
        axis.set_title(_TITLES[name], fontsize=9)
        axis.set_ylabel("seconds")
        axis.tick_params(axis="x", labelrotation=30, labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
