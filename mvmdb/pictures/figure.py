"""Figures: made without pyplot, so that nothing is shared between them, and turned into bytes."""

from __future__ import annotations

import io

import matplotlib
from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
INK = "#1a1a2e"
FAINT_INK = "#6b6b7b"
_DPI = 140
# The same data give the same bytes: no date, no version, no random identifiers.
_METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": "mvmdb"},
}


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty white figure, size in inches."""
    return Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white")


def picture_bytes(figure: Figure, suffix: str) -> bytes:
    """Return a figure as PNG or SVG, ``suffix`` being one of ``SUFFIXES``."""
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "mvmdb"}):
        figure.savefig(stream, format=suffix.removeprefix("."), metadata=_METADATA[suffix])
    return stream.getvalue()


def add_heading(figure: Figure, x: float, top_in: float, title: str, subtitle: str) -> None:
    """Write a title and a line below it; ``x`` is a fraction of the width, the top in inches from above."""
    height_in = float(figure.get_size_inches()[1])
    figure.text(x, 1 - top_in / height_in, title, fontsize=17, fontweight="bold", color=INK, va="top")
    figure.text(x, 1 - (top_in + 0.34) / height_in, subtitle, fontsize=10, color=FAINT_INK, va="top")
