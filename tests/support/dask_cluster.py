"""A Dask scheduler and workers as programs of their own, as on a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def dask_cluster(folder: Path, environment: Mapping[str, str], n_workers: int) -> Iterator[str]:
    """Give the address of a scheduler; its workers run in folders of their own."""
    contact = folder / "scheduler.json"
    join = ["--scheduler-file", contact, "--nthreads", 1, "--memory-limit", 0, "--no-dashboard", "--no-nanny"]
    with ExitStack() as stack:
        _start(
            stack, environment, "dask_scheduler", "--port", 0, "--no-dashboard", "--scheduler-file", contact
        )
        for number in range(n_workers):
            place = ["--name", f"worker{number}", "--local-directory", folder / f"worker{number}"]
            _start(stack, environment, "dask_worker", *join, *place)
        deadline_s = time.monotonic() + 60
        while not contact.exists() or not contact.read_text():
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        yield str(json.loads(contact.read_text())["address"])


def _start(stack: ExitStack, environment: Mapping[str, str], program: str, *options: object) -> None:
    command = [sys.executable, "-m", f"distributed.cli.{program}", *map(str, options)]
    process = stack.enter_context(
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )
    stack.callback(process.terminate)
