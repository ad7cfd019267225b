"""Layers by mvmdb beside AstroDrizzle and plain ``drizzle``: ``make bench-engine`` writes engine.json."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmark.engine.cases import CASES
from tests.benchmark.engine.picture import draw
from tests.benchmark.kernel import drizzle_compiled, drizzle_package, make_case, measure
from tests.peer.environment import peer_python
from tests.peer.sides import Peer

logger = logging.getLogger("benchmark")
Cost = dict[str, float]
_STEP_PIX = 10
"""Distance of the nodes of AstroDrizzle's mapping that its own pipeline uses."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its figures and write them."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    figures: dict[str, Any] = {"machine": {"cores": os.cpu_count(), "load_average": os.getloadavg()[0]}}
    for part in _run(options):
        figures |= part
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    figures["machine"]["load_average_after"] = os.getloadavg()[0]
    options.output.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    draw(figures, options.output.with_suffix(".png"))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.engine", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/bench/engine"), help="20 GB of room")
    parser.add_argument("--output", type=Path, default=Path("build/bench/engine.json"))
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    return parser


def _run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of one case after the other; sides take turns."""
    peer = Peer(peer_python(Path("build/peer/venv").absolute()), stepsize=_STEP_PIX)
    yield {"kernel": _kernel(), "kernel_ns_per_pixel": _kernel()["ours"]}
    for name in options.cases:
        exposures = options.directory / ("ir" if name.startswith("ir") else "acs")
        CASES[name].make_exposures(exposures)
        logger.info("%s: mvmdb", name)
        sides = {
            "mvmdb": _ours("build", name, exposures, options.directory),
            "mvmdb_1_thread": _ours("build", name, exposures, options.directory, n_threads=1),
        }
        if name == "subarray":
            sides |= {"mvmdb_append": _ours("append", name, exposures, options.directory)}
            sides |= {"plain_drizzle": _ours("plain", name, exposures, options.directory)}
        logger.info("%s: AstroDrizzle", name)
        sides |= {"astrodrizzle": _theirs(peer, name, exposures, options.directory)}
        yield {name: sides} | _ratios(name, sides)


def _kernel() -> dict[str, float]:
    """Return the least processor time of some rounds, ns per input pixel: our kernel and ``drizzle``."""
    case = make_case(20.0)
    actions = [
        lambda: drizzle_compiled(case, "square", 1.0),
        lambda: drizzle_package(case, "square", 1.0),
    ]
    ours, package = measure(actions, case.rate.size, 5)
    return {"ours": round(ours, 1), "drizzle": round(package, 1)}


def _ours(job: str, name: str, exposures: Path, directory: Path, *, n_threads: int | None = None) -> Cost:
    work = directory / "ours"
    shutil.rmtree(work, ignore_errors=True)
    threads = [] if n_threads is None else ["--threads", str(n_threads)]
    command = [sys.executable, "-m", "tests.benchmark.engine.jobs", job, name, str(exposures), str(work)]
    answer = subprocess.run([*command, *threads], check=True, capture_output=True, text=True).stdout
    shutil.rmtree(work, ignore_errors=True)
    return dict(json.loads(answer.splitlines()[-1]))


def _theirs(peer: Peer, name: str, exposures: Path, directory: Path) -> Cost:
    """Return what AstroDrizzle took, imports not counted."""
    case, work = CASES[name], directory / "theirs"
    peer.prepare(case.plan(case.make_exposures(exposures)), work, sky_match=False)
    start_s = time.perf_counter()
    peer.run(work)
    whole_s = time.perf_counter() - start_s
    cost: Cost = json.loads((work / "cost.json").read_text())
    shutil.rmtree(work, ignore_errors=True)
    return cost | {"whole_process_s": round(whole_s, 1)}


def _ratios(name: str, sides: Mapping[str, Cost]) -> dict[str, float]:
    """Return AstroDrizzle's cost over ours, and what an appended exposure costs of the whole."""
    ours, single, theirs = sides["mvmdb"], sides["mvmdb_1_thread"], sides["astrodrizzle"]
    ratios = {
        f"{name}_wall_ratio": theirs["wall_s"] / ours["wall_s"],
        f"{name}_cpu_ratio": theirs["cpu_s"] / single["cpu_s"],
        f"{name}_peak_gib": ours["peak_gib"],
    }
    if "mvmdb_append" in sides:
        ratios["append_fraction"] = sides["mvmdb_append"]["wall_s"] / ours["wall_s"]
        ratios["append_cpu_fraction"] = sides["mvmdb_append"]["cpu_s"] / ours["cpu_s"]
    return {key: round(value, 3) for key, value in ratios.items()}


if __name__ == "__main__":
    main()
