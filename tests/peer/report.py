"""The results of the peer check as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.peer.check import Outcome

HEADINGS = (
    "case",
    "pixels",
    "one only",
    "sigma",
    "dSCI median",
    "99.99%/sigma",
    "max/sigma",
    "dWHT median",
    "99.99%",
    "max",
    "CTX differs",
    "of good weight",
    "SCI at WHT=0",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table: differences at exact mapping, one row per case."""
    rows = [HEADINGS, ("---", *("---:" for _ in HEADINGS[1:])), *(_row(outcome) for outcome in outcomes)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(outcome: Outcome) -> tuple[str, ...]:
    found = outcome.difference
    return (
        outcome.name,
        f"{found.n_covered:,}",
        str(found.covered_by_one_only),
        f"{found.sigma:.2g}",
        f"{found.sci_median:.1e}",
        f"{found.sci_p9999_over_sigma:.1e}",
        f"{found.sci_max_over_sigma:.1e}",
        f"{found.wht_median_relative:.1e}",
        f"{found.wht_p9999_relative:.1e}",
        f"{found.wht_max_relative:.1e}",
        str(found.ctx_differs),
        str(found.ctx_differs_heavy),
        f"{found.peer_sci_without_weight:,}",
    )


def interpolated_table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table: the same differences where our mapping is interpolated as by default."""
    headings = ("case", "dSCI 99.99%/sigma", "max/sigma", "dWHT 99.99%", "max", "CTX differs")
    rows: list[tuple[str, ...]] = [headings, ("---", *("---:" for _ in headings[1:]))]
    for outcome in outcomes:
        found = outcome.default_mapping
        if found is not None:
            values = (found.sci_p9999_over_sigma, found.sci_max_over_sigma)
            weights = (found.wht_p9999_relative, found.wht_max_relative)
            numbers = [f"{value:.1e}" for value in (*values, *weights)]
            rows.append((outcome.name, *numbers, str(found.ctx_differs)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def level_lines(outcome: Outcome) -> Iterator[str]:
    """Yield the sky levels side by side, and what mvmdb says about its own."""
    for level in outcome.levels:
        ours = "-" if level.ours is None else f"{level.ours:.5g}"
        yield f"  {level.rootname} chip {level.chip}: AstroDrizzle {level.peer:.5g}, mvmdb {ours}"
    if outcome.levels:
        yield f"  sky of mvmdb: {outcome.sky_matched}"
