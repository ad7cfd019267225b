"""The figures of a run beside their targets, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TARGETS: dict[str, float] = {
    "skycell_at_p50_ms": 1,
    "skycell_at_p99_ms": 5,
    "members_p50_ms": 1,
    "members_p99_ms": 5,
    "insert_p50_ms": 2,
    "coverage_p50_ms": 1,
    "extent_typical_ms": 1,
    "extent_deepest_ms": 50,
    "all_memberships_s": 15,
    "load_s": 180,
    "database_gb": 2,
    "membership_missed": 0,
    "membership_extra": 0,
    "extents_wrong": 0,
}
"""What a million exposures may take at most, on two cores."""

Figures = Mapping[str, Any]


def table(figures: Figures) -> str:
    """Return the figures as a Markdown table, those with a target first."""
    return "\n".join(
        ["| figure | measured | target | measured / target |", "|---|---|---|---|", *_rows(figures)]
    )


def _rows(figures: Figures) -> Iterator[str]:
    for name, target in TARGETS.items():
        if name in figures:
            ratio = f"{figures[name] / target:.2f}" if target else "-"
            yield f"| {name} | {_number(figures[name])} | {_number(target)} | {ratio} |"
    for name, value in figures.items():
        if name not in TARGETS and isinstance(value, int | float):
            yield f"| {name} | {_number(value)} | | |"


def peers_table(ours: Figures, peers: Figures) -> str:
    """Return what the others take, and how many times ours that is, as a Markdown table."""
    columns = ["mvmdb", *peers]
    every = {"mvmdb": ours, **peers}
    names = list(dict.fromkeys(name for figures in every.values() for name in figures))
    lines = [f"| figure | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = (_beside(every[column].get(name), ours.get(name), name) for column in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _beside(value: object, ours: object, name: str) -> str:
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    is_time = name.endswith(("_s", "_ms"))
    if is_time and isinstance(ours, int | float) and ours > 0 and value is not ours:
        return f"{_number(value)} (x {value / ours:.1f})"
    return _number(value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def write(figures: Figures, path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
