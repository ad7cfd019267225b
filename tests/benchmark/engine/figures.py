"""From what each side took to medians, ratios, steps, and tables beside the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Figures = Mapping[str, Any]
_MEDIANS = ("wall_s", "cpu_s", "peak_gib", "peak_resident_gib")


@dataclass(frozen=True)
class Target:
    """What a figure has to reach."""

    value: float
    at_least: bool
    words: str

    def is_met(self, measured: float) -> bool:
        """Tell whether a figure is good enough."""
        return measured >= self.value if self.at_least else measured <= self.value


TARGETS: Mapping[str, Target] = {
    "subarray_wall_ratio": Target(10, True, "wall, AstroDrizzle's over ours, subarray"),
    "subarray_cpu_ratio": Target(5, True, "processor time, the same"),
    "full_wall_ratio": Target(7, True, "wall, AstroDrizzle's over ours, whole skycell"),
    "full_peak_gib": Target(2, False, "own memory of ours, whole skycell, GiB"),
    "kernel_ns_per_pixel": Target(
        30, False, "kernel with mapping, onto memory in use, ns per input pixel on one core"
    ),
    "append_fraction": Target(0.12, False, "wall of appending the 16th exposure over that of all 16"),
    "ir_wall_ratio": Target(10, True, "wall, AstroDrizzle's over ours, WFC3/IR fine"),
    "ir_cpu_ratio": Target(5, True, "processor time, the same"),
    "ir_coarse_wall_ratio": Target(10, True, "wall, AstroDrizzle's over ours, WFC3/IR coarse"),
    "ir_coarse_cpu_ratio": Target(5, True, "processor time, the same"),
}
"""Ratios hold for one run on two cores."""

SIDES: Mapping[str, str] = {
    "mvmdb": "mvmdb, 2 threads",
    "mvmdb_1_thread": "mvmdb, 1 thread",
    "mvmdb_append": "mvmdb, one exposure appended to 15",
    "astrodrizzle": "AstroDrizzle",
    "astrodrizzle_without_context": "AstroDrizzle without CTX",
    "swarp": "SWarp, 2 threads, without CTX",
    "plain_drizzle": "`drizzle` with `calc_pixmap`, 2 chips of 32",
}
"""The sides as tables call them, in their order."""


def summary(rounds: Sequence[Mapping[str, Any]], n_input_pixels: int) -> dict[str, Any]:
    """Return the medians of what one side took in some rounds, and ns of processor time per input pixel.

    Parameters
    ----------
    rounds
        The costs of each; what is no cost is taken from the last.
    n_input_pixels
        Of the job, unless the costs say otherwise.
    """
    last = rounds[-1]
    found = {key: value for key, value in last.items() if key not in _MEDIANS}
    found |= {key: round(median(one[key] for one in rounds), 3) for key in _MEDIANS if key in last}
    walls_s = [one["wall_s"] for one in rounds]
    n_pixels = found.setdefault("n_input_pixels", n_input_pixels)
    steps_s: Mapping[str, float] = found.pop("steps_cpu_s", {})
    if steps_s:
        found["ns_per_pixel"] = {
            step: round(1e9 * spent_s / n_pixels, 2) for step, spent_s in steps_s.items()
        }
    return found | {
        "n_rounds": len(rounds),
        "wall_s_least": round(min(walls_s), 3),
        "wall_s_most": round(max(walls_s), 3),
        "cpu_ns_per_pixel": round(1e9 * found["cpu_s"] / n_pixels, 1),
    }


def ratios(name: str, sides: Mapping[str, Figures]) -> dict[str, float | None]:
    """Return AstroDrizzle's cost over ours, None without it, and what an appended exposure costs of all."""
    ours, single = sides["mvmdb"], sides["mvmdb_1_thread"]
    theirs = sides.get("astrodrizzle") or sides.get("astrodrizzle_without_context")
    found: dict[str, float | None] = {
        f"{name}_wall_ratio": _ratio(theirs, ours, "wall_s"),
        f"{name}_cpu_ratio": _ratio(theirs, ours, "cpu_s"),
        f"{name}_wall_ratio_1_thread": _ratio(theirs, single, "wall_s"),
        f"{name}_cpu_ratio_1_thread": _ratio(theirs, single, "cpu_s"),
        f"{name}_peak_gib": ours["peak_gib"],
    }
    if "mvmdb_append" in sides:
        found["append_fraction"] = _ratio(sides["mvmdb_append"], ours, "wall_s")
        found["append_cpu_fraction"] = _ratio(sides["mvmdb_append"], ours, "cpu_s")
    return found


def _ratio(above: Figures | None, below: Figures, key: str) -> float | None:
    return None if above is None else round(above[key] / below[key], 3)


def tables(figures: Figures, titles: Mapping[str, str]) -> str:
    """Return all figures as Markdown.

    Parameters
    ----------
    figures
        As the benchmark writes them.
    titles
        Of the cases, by their names, in their order.
    """
    cases = {name: title for name, title in titles.items() if name in figures}
    parts = [_machine(figures["machine"]), _targets_table(figures)]
    parts += [f"**{title}**\n\n{_sides_table(figures[name])}" for name, title in cases.items()]
    parts += [_steps_table(figures, cases), _pixels_table(figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(machine: Figures) -> str:
    before, after = machine["load_average"], machine.get("load_average_after", float("nan"))
    return (
        f"On {machine['date']}, {machine['cores']} cores ({machine['processor']}), "
        f"load average {before:.2f} before and {after:.2f} after the run."
    )


def _targets_table(figures: Figures) -> str:
    rows = []
    for name, target in TARGETS.items():
        measured, sign = figures.get(name), "≥" if target.at_least else "≤"
        words = "- | - | not measured" if measured is None else _judged(measured, target)
        rows.append(f"| `{name}` | {target.words} | {sign} {target.value:g} | {words} |")
    rows += [
        f"| `{name}` | | | {number(value)} | | |"
        for name, value in figures.items()
        if name not in TARGETS and isinstance(value, int | float)
    ]
    return _table(
        "| figure | what | target | measured | measured / target | |", rows, "---|---|---:|---:|---:|---"
    )


def _judged(measured: float, target: Target) -> str:
    met = "met" if target.is_met(measured) else "**not met**"
    return f"{number(measured)} | {measured / target.value:.2f} | {met}"


def _sides_table(sides: Mapping[str, Figures]) -> str:
    rows = []
    for side, words in SIDES.items():
        found = sides.get(side)
        if found is not None:
            spread = f"{number(found['wall_s_least'])} - {number(found['wall_s_most'])}"
            cells = [number(found["wall_s"]), spread if found["n_rounds"] > 1 else ""]
            cells += [
                number(found[key]) for key in ("cpu_s", "cpu_ns_per_pixel", "peak_gib", "peak_resident_gib")
            ]
            rows.append(f"| {words} | {' | '.join(cells)} |")
    head = "| | wall s | least - most | CPU s | CPU ns per input pixel | own GiB | with mapped pages |"
    return _table(head, rows, "---|---:|---|---:|---:|---:|---:")


def _steps_table(figures: Figures, cases: Mapping[str, str]) -> str:
    """Return processor time by step, one column for each case in which it was measured."""
    measured = {name: figures[name]["mvmdb_steps"] for name in cases if "mvmdb_steps" in figures[name]}
    if not measured:
        return ""
    steps = [side["ns_per_pixel"] for side in measured.values()]
    names = dict.fromkeys(step for found in steps for step in found)
    rows = {name: [found.get(name, 0.0) for found in steps] for name in names}
    rows["all"] = [sum(found.values()) for found in steps]
    rows["wall beyond that"] = [
        1e9 * (side["wall_s"] - side["cpu_s"]) / side["n_input_pixels"] for side in measured.values()
    ]
    lines = [f"| {name} | {' | '.join(map(number, cells))} |" for name, cells in rows.items()]
    columns = " | ".join(f"`{name}`" for name in measured)
    return _table(f"| ns per input pixel | {columns} |", lines, "---" + "|---:" * len(measured))


def _pixels_table(figures: Figures) -> str:
    """Return nanoseconds per input pixel on one chip."""
    found = dict(figures.get("kernel", {}))
    found |= {
        f"`reproject`, {name}": cost["cpu_ns_per_pixel"]
        for name, cost in (figures.get("reproject") or {}).items()
    }
    rows = [f"| {name} | {number(value)} |" for name, value in found.items()]
    return _table("| one chip | CPU ns per input pixel |", rows, "---|---:")


def _table(head: str, rows: Sequence[str], rule: str) -> str:
    return "\n".join([head, f"|{rule}|", *rows])


def number(value: float) -> str:
    """Return a figure with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def put_between(text: str, start: str, end: str, content: str) -> str:
    """Return a page with something between two marks, which stay.

    Raises
    ------
    ValueError
        The page lacks a mark.
    """
    if start not in text or end not in text.partition(start)[2]:
        raise ValueError(f"the page lacks the marks {start} and {end}")
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"
