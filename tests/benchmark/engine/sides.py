"""The sides of the benchmark: each does one job and tells what it took, or is not there."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmark.engine.cases import N_THREADS, EngineCase
from tests.benchmark.engine.costs import Cost, available_bytes, run_measured
from tests.benchmark.engine.figures import summary
from tests.benchmark.engine.swarp import find_swarp, swarp_layer
from tests.peer.environment import peer_python
from tests.peer.sides import Peer, grid_header

logger = logging.getLogger("benchmark")
_STEP_PIX = 10
"""Distance of the nodes of AstroDrizzle's mapping that its own pipeline uses."""
_FULL_CONTEXT_BYTES = 8 << 30
"""AstroDrizzle takes 6.3 GiB for a whole skycell with CTX."""
_REPROJECT_SCRIPT = Path(__file__).with_name("run_reproject.py")


@dataclass(frozen=True)
class Side:
    """One way to do the job of a case."""

    name: str
    run: Callable[[], Cost]
    n_rounds: int | None = None
    """At most so many; as many as there are by default."""


def find_peer_python() -> Path | None:
    """Return the interpreter of the peers' environment, made if it has to be; None where it cannot be."""
    try:
        return peer_python(Path("build/peer/venv").absolute())
    except (subprocess.CalledProcessError, OSError) as error:
        logger.warning("without AstroDrizzle and reproject, which cannot be installed: %s", error)
        return None


def sides_of(case: EngineCase, exposures: Path, directory: Path, python: Path | None) -> Iterator[Side]:
    """Yield the sides of a case that are there, in the order in which they take turns."""
    single = "--threads=1"
    yield Side("mvmdb", lambda: _ours("build", case, exposures, directory))
    yield Side("mvmdb_1_thread", lambda: _ours("build", case, exposures, directory, single))
    yield Side("mvmdb_steps", lambda: _ours("steps", case, exposures, directory, single), 1)
    if case.has_all_sides:
        yield Side("mvmdb_append", lambda: _ours("append", case, exposures, directory))
    if python is not None:
        with_context = case.name != "full" or available_bytes() > _FULL_CONTEXT_BYTES
        yield _astrodrizzle(Peer(python, _STEP_PIX, with_context), case, exposures, directory)
    if case.has_all_sides:
        yield from _sides_measured_once(case, exposures, directory, python)


def _sides_measured_once(
    case: EngineCase, exposures: Path, directory: Path, python: Path | None
) -> Iterator[Side]:
    if python is not None:
        peer = Peer(python, _STEP_PIX, context=False)
        yield _astrodrizzle(peer, case, exposures, directory, n_rounds=1)
    yield Side("plain_drizzle", lambda: _ours("plain", case, exposures, directory), 1)
    swarp = find_swarp()
    if swarp is None:
        logger.warning("without SWarp: apt-get install swarp")
    else:
        work = directory / "swarp"
        yield Side("swarp", lambda: _removing(work, swarp_layer(swarp, case.plan_of(exposures), work)), 1)


def _ours(job: str, case: EngineCase, exposures: Path, directory: Path, *options: str) -> Cost:
    work = directory / "ours"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-m", "tests.benchmark.engine.jobs", job, case.name, str(exposures), str(work)]
    os.sync()  # what others wrote is not to be written on our time
    threads = options or (f"--threads={N_THREADS}",)
    answer = subprocess.run([*command, *threads], check=True, stdout=subprocess.PIPE, text=True).stdout
    return _removing(work, dict(json.loads(answer.splitlines()[-1])))


def _astrodrizzle(
    peer: Peer, case: EngineCase, exposures: Path, directory: Path, n_rounds: int | None = None
) -> Side:
    name = "astrodrizzle" if peer.context else "astrodrizzle_without_context"
    return Side(name, lambda: _astrodrizzle_cost(peer, case, exposures, directory / "theirs"), n_rounds)


def _astrodrizzle_cost(peer: Peer, case: EngineCase, exposures: Path, work: Path) -> Cost:
    """Return what AstroDrizzle took, imports and the copies that it works on not counted."""
    peer.prepare(case.plan_of(exposures), work, sky_match=False)
    os.sync()
    whole = run_measured(peer.command, work)
    own = json.loads((work / "cost.json").read_text())
    return _removing(work, whole | own | {"whole_process_s": whole["wall_s"]})


def reproject_costs(python: Path, case: EngineCase, exposures: Path, work: Path) -> dict[str, Any]:
    """Return what each method of ``reproject`` takes for the first chip of a case."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    plan = case.plan_of(exposures)
    item = plan.inputs[0]
    grid_header(plan.grid).totextfile(work / "grid.txt")
    chip = [item.file_path, str(item.hdu_index), "grid.txt", "costs.json"]
    run_measured([str(python), "-P", str(_REPROJECT_SCRIPT), *chip], work)
    costs: Mapping[str, Cost] = json.loads((work / "costs.json").read_text())
    found = {name: summary([cost], 0) for name, cost in costs.items()}
    shutil.rmtree(work)
    return found


def _removing(work: Path, cost: Cost) -> Cost:
    """Return the cost and remove the work place."""
    shutil.rmtree(work, ignore_errors=True)
    return cost
