"""Rounds of killing: a worker is started, struck at an instant, and what it left is checked and completed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from mvmdb.catalog.engine import connect
from mvmdb.pipeline.build import BuildOrder, carry_out
from mvmdb.pipeline.ingest import ingest_files
from tests.kill.site import (
    LAYER,
    LEASE_S,
    PATIENCE_S,
    Site,
    check_after_kill,
    check_complete,
    check_ingest,
    phase_of,
)

AIMS = ("any time", "computing", "file written", "rows staged", "renamed", "any time")
"""When a builder is struck: at any time of its life, or just when its traces are those of a phase."""

_KINDS = ("build", "ingest", "build", "pause", "build", "server", "build", "pause")

_STEP_S = 0.0004
"""How long a builder runs between two looks at its traces."""

_EVERY_NTH_IS_A_PROGRAM = 12
"""So many kills strike a real ``mvmdb``, which takes seconds to start, the others a process that is warm."""


class Worker(Protocol):
    """A process that can be struck."""

    @property
    def pid(self) -> int | None: ...


@dataclass
class Tally:
    """What has been done."""

    kills: Counter[str] = field(default_factory=Counter)
    """Number of strikes by kind."""
    phases: Counter[str] = field(default_factory=Counter)
    """How far the builders were that were struck."""


@dataclass
class Killer:
    """Strikes workers at one site."""

    site: Site
    random: np.random.Generator
    tally: Tally = field(default_factory=Tally)
    durations_s: dict[str, float] = field(default_factory=dict)

    def build_round(self, number: int) -> None:
        """SIGKILL a builder; then the layer is built."""
        with self._builder(number) as worker:
            self._await_aim(worker, AIMS[number % len(AIMS)], "build", number)
            _strike(worker, signal.SIGKILL)
        self._count("build", number)
        self.tally.phases[f"killed: {phase_of(self.site)}"] += 1
        check_after_kill(self.site)
        self._complete(number)

    def ingest_round(self, number: int) -> None:
        """SIGKILL an ingest; then it is done again."""
        files = self.site.newcomers()
        with self._ingester(number, files) as worker:
            self._await_aim(worker, "any time", "ingest", number)
            _strike(worker, signal.SIGKILL)
        self._count("ingest", number)
        check_ingest(self.site, files, is_complete=False)
        _ingest(self.site.url, files)
        check_ingest(self.site, files, is_complete=True)

    def server_round(self, number: int) -> None:
        """Stop PostgreSQL at once under a builder or an ingest, start it again, and complete the work."""
        files = self.site.newcomers()
        kind = "ingest" if number % 3 == 2 else "build"
        started = self._ingester(1, files) if kind == "ingest" else self._builder(1)
        with started as worker:
            self._await_aim(worker, "any time" if kind == "ingest" else AIMS[number % len(AIMS)], kind, 1)
            self.site.stop_server()
            _strike(worker, signal.SIGCONT)
            _await_end(worker)
            self.site.start_server()
        if kind == "build":
            self.tally.phases[f"server stopped: {phase_of(self.site)}"] += 1
        self.tally.kills[f"server under {kind}"] += 1
        check_after_kill(self.site)
        check_ingest(self.site, files, is_complete=False)
        self._complete(number)
        _ingest(self.site.url, files)
        check_ingest(self.site, files, is_complete=True)

    def pause_round(self, number: int) -> None:
        """SIGSTOP a builder for longer than its lease, build, let it go on: it changes nothing any more."""
        with self._builder(1) as worker:
            self._await_aim(worker, AIMS[number % len(AIMS)], "build", 1)
            _strike(worker, signal.SIGSTOP)
            time.sleep(1.2 * LEASE_S)
            phase = phase_of(self.site)
            self.tally.phases[f"paused: {phase}"] += 1
            self.site.build(force=True)
            before = self._in_force()
            _strike(worker, signal.SIGCONT)
            _await_end(worker)
        self.tally.kills["pause"] += 1
        # One that had not taken its lease yet takes it now, and builds as it should.
        assert self._in_force() == before or phase == "before or after"
        self._complete(number)

    def _in_force(self) -> list[tuple[object, ...]]:
        return self.site.rows("select product_id, file_sha256 from mvm.product where state = 'current'")

    def _complete(self, number: int) -> None:
        self.site.build(force=bool(number % 2))
        check_complete(self.site)

    def _count(self, kind: str, number: int) -> None:
        program = "program" if number % _EVERY_NTH_IS_A_PROGRAM == 0 else "worker"
        self.tally.kills[f"{kind} ({program})"] += 1

    def _await_aim(self, worker: Worker, aim: str, kind: str, number: int) -> None:
        """Wait until the moment that is aimed at, or until the worker has ended."""
        if aim == "any time":
            name = f"{kind} {number % _EVERY_NTH_IS_A_PROGRAM == 0}"
            if name not in self.durations_s:
                self.durations_s[name] = self._duration_s(kind, number)
            time.sleep(self.random.uniform(0, 1.05) * self.durations_s[name])
            return
        self._step_to(worker, aim)

    def _step_to(self, worker: Worker, phase: str) -> None:
        """Let the builder run in small steps until its traces are those of a phase, or it has ended.

        Between steps it stands still (SIGSTOP), so that phases of less than a millisecond are met.
        """
        assert worker.pid is not None
        while _is_alive(worker) and not self.site.rows("select 1 from mvm.build where outcome = 'running'"):
            time.sleep(0.001)
        while _is_alive(worker):
            _strike(worker, signal.SIGSTOP)
            if phase_of(self.site) == phase:
                return
            _strike(worker, signal.SIGCONT)
            time.sleep(self.random.uniform(0, 2) * _STEP_S)

    def _duration_s(self, kind: str, number: int) -> float:
        """Return how long such a worker lives when nobody strikes it."""
        files = self.site.newcomers()
        for _ in range(2):  # the first one warms up
            start_s = time.monotonic()
            started = self._ingester(number, files) if kind == "ingest" else self._builder(number)
            with started as worker:
                _await_end(worker)
        return time.monotonic() - start_s

    @contextmanager
    def _builder(self, number: int) -> Iterator[Worker]:
        site = self.site
        if number % _EVERY_NTH_IS_A_PROGRAM == 0:
            with _program(site, "layer", "build", site.skycell, LAYER, "--force") as worker:
                yield worker
            return
        order = BuildOrder(site.url, site.products_dir, site.skycell, LAYER, force=True, lease_s=LEASE_S)
        with _forked(carry_out, order) as worker:
            yield worker

    @contextmanager
    def _ingester(self, number: int, files: Sequence[Path]) -> Iterator[Worker]:
        if number % _EVERY_NTH_IS_A_PROGRAM == 0:
            with _program(self.site, "ingest", *files) as worker:
                yield worker
            return
        with _forked(_ingest, self.site.url, files) as worker:
            yield worker


def _ingest(url: str, files: Sequence[Path]) -> None:
    engine = connect(url)
    try:
        for result in ingest_files(engine, files):
            assert result.error is None
    finally:
        engine.dispose()


@contextmanager
def _forked(work: Callable[..., object], *arguments: object) -> Iterator[Worker]:
    """Give a process that has its imports behind it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.kill.rounds"])
    process = context.Process(target=_quiet, args=(work, *arguments))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _quiet(work: Callable[..., object], *arguments: object) -> None:
    """Work without a traceback on the terminal: that the server goes away is the purpose."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    work(*arguments)


@contextmanager
def _program(site: Site, *arguments: object) -> Iterator[Worker]:
    """Give a real ``mvmdb``."""
    path = os.pathsep.join(str(Path(__file__).parents[2] / name) for name in ("", "cli"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MVMDB_")}
    settings = {"MVMDB_HOME": str(site.home), "MVMDB_LEASE_S": str(LEASE_S), "MVMDB_WORKERS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mvmdb_cli.app", *map(str, arguments)],
        env={**kept, **settings, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _is_alive(worker: Worker) -> bool:
    return worker.poll() is None if isinstance(worker, subprocess.Popen) else worker.is_alive()  # type: ignore[attr-defined]


def _strike(worker: Worker, with_signal: signal.Signals) -> None:
    assert worker.pid is not None
    if _is_alive(worker):
        os.kill(worker.pid, with_signal)
    if with_signal == signal.SIGKILL:
        _await_end(worker)


def _await_end(worker: Worker) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while _is_alive(worker):
        assert time.monotonic() < deadline_s, "the worker does not end"
        time.sleep(0.005)


def kill_many(site: Site, n_kills: int, seed: int) -> Tally:
    """Strike so often, all kinds in turn; return what was done."""
    killer = Killer(site, np.random.default_rng(seed))
    rounds: Counter[str] = Counter()
    for number in range(n_kills):
        kind = _KINDS[number % len(_KINDS)]
        getattr(killer, f"{kind}_round")(rounds[kind])
        rounds[kind] += 1
    return killer.tally
