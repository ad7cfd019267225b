"""Layers by mvmdb beside AstroDrizzle and others: ``make bench-engine`` writes engine.json."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmark.engine.cases import CASES, TITLES, EngineCase, n_input_pixels
from tests.benchmark.engine.costs import Cost
from tests.benchmark.engine.figures import TARGETS, put_between, ratios, summary, tables
from tests.benchmark.engine.picture import draw
from tests.benchmark.engine.sides import find_peer_python, reproject_costs, sides_of
from tests.benchmark.kernel import (
    drizzle_compiled,
    drizzle_package,
    make_case,
    map_chip,
    measure,
    new_target,
)

logger = logging.getLogger("benchmark")
PAGE = Path("docs/benchmarks-engine.md")
PICTURE = Path("docs/images/benchmark-engine.png")
_KERNEL_IN_USE = "mvmdb, mapping and kernel, onto memory in use"
MARKS = ("<!-- figures -->", "<!-- end of figures -->")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its figures and write them; or show those of a former run."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.table is not None:
        sys.stdout.write(tables(json.loads(options.table.read_text()), TITLES))
    elif options.publish is not None:
        publish(json.loads(options.publish.read_text()))
    else:
        figures = run(options)
        if options.cases:
            draw(figures, options.output.with_suffix(".png"))
        sys.stdout.write(tables(figures, TITLES))


def publish(figures: dict[str, Any]) -> None:
    """Put figures into the page of the documentation, and its picture beside it."""
    PAGE.write_text(put_between(PAGE.read_text(), *MARKS, tables(figures, TITLES)))
    draw(figures, PICTURE)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; what has been measured survives an interruption."""
    machine = {
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "load_average": os.getloadavg()[0],
    }
    figures: dict[str, Any] = {"machine": machine} | dict.fromkeys(TARGETS)
    for part in _parts(options):
        figures |= part
        machine["load_average_after"] = os.getloadavg()[0]
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    return figures


def _processor() -> str:
    """Return what this processor is called."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.engine", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/bench/engine"), help="20 GB of room")
    parser.add_argument("--output", type=Path, default=Path("build/bench/engine.json"))
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, help="how often sides take turns (default: full 1, others 3)")
    parser.add_argument("--table", type=Path, metavar="JSON", help="only print the tables of a former run")
    parser.add_argument("--publish", type=Path, metavar="JSON", help="only put a former run into the docs")
    return parser


def _parts(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of one part after the other."""
    python = find_peer_python()
    kernel = _kernel()
    yield {"kernel": kernel, "kernel_ns_per_pixel": kernel[_KERNEL_IN_USE]}
    for case in (CASES[name] for name in options.cases):
        exposures = options.directory / ("ir" if case.name.startswith("ir") else "acs")
        n_pixels = n_input_pixels(case.plan_of(exposures))
        n_rounds = options.rounds or case.n_rounds
        sides: dict[str, Any] = {}
        for name, costs in _rounds(case, exposures, options.directory, python, n_rounds):
            sides[name] = summary(costs, n_pixels)
            yield {case.name: sides}
        yield ratios(case.name, sides)
        if case.has_all_sides and python is not None:
            logger.info("reproject, one chip")
            yield {"reproject": reproject_costs(python, case, exposures, options.directory / "reproject")}


def _rounds(
    case: EngineCase, exposures: Path, directory: Path, python: Path | None, n_rounds: int
) -> Iterator[tuple[str, list[Cost]]]:
    """Yield a side and what it took in each round so far, whenever it is done; sides take turns."""
    sides = list(sides_of(case, exposures, directory, python))
    costs: dict[str, list[Cost]] = defaultdict(list)
    for round_ in range(n_rounds):
        for side in sides:
            if side.n_rounds is None or round_ < side.n_rounds:
                cost = side.run()
                costs[side.name].append(cost)
                seconds = (cost["wall_s"], cost["cpu_s"])
                words = "%s, round %d, %s: %.1f s wall, %.1f s CPU"
                logger.info(words, case.name, round_ + 1, side.name, *seconds)
                yield side.name, costs[side.name]


def _kernel() -> dict[str, float]:
    """Return the least processor time of some rounds on one chip, ns per input pixel."""
    case = make_case(20.0)
    in_use = new_target(case)
    actions = {
        _KERNEL_IN_USE: lambda: drizzle_compiled(case, "square", 1.0, target=in_use),
        "the same, onto new memory": lambda: drizzle_compiled(case, "square", 1.0),
        "the same, onto memory in use, every position evaluated": lambda: drizzle_compiled(
            case, "square", 1.0, target=in_use, max_error_pix=0.0
        ),
        "mvmdb, every position evaluated, and no more": lambda: map_chip(case),
        "`drizzle`, kernel alone": lambda: drizzle_package(case, "square", 1.0),
    }
    times_ns = measure(list(actions.values()), case.rate.size, 5)
    return {name: round(time_ns, 1) for name, time_ns in zip(actions, times_ns, strict=True)}


if __name__ == "__main__":
    main()
