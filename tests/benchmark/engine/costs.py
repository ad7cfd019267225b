"""What a piece of work costs: seconds, processor seconds, and the most memory at a time."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Cost = dict[str, float]
"""``wall_s``, ``cpu_s``, ``peak_gib`` (own memory), ``peak_resident_gib`` (with mapped pages of files)."""
_SAMPLE_S = 0.01
_GIB = 2**30


class FailedError(RuntimeError):
    """A program ended with an error; the message holds the end of what it said."""


@contextmanager
def measured() -> Iterator[Cost]:
    """Give what the block costs, in this process."""
    cost: Cost = {}
    with peak_memory(os.getpid()) as peak:
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        yield cost
        cost["wall_s"] = round(time.perf_counter() - start_s, 3)
        cost["cpu_s"] = round(time.process_time() - start_cpu_s, 3)
    resident_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost |= {"peak_gib": round(peak[0] / _GIB, 3), "peak_resident_gib": round(resident_kib / 2**20, 3)}


def run_measured(command: Sequence[str], directory: Path) -> Cost:
    """Run a program in a directory and return what it cost, start and imports included.

    Raises
    ------
    FailedError
        It failed.
    """
    log = directory / "output.txt"
    start_s = time.perf_counter()
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=directory, stdout=said, stderr=subprocess.STDOUT)
        with peak_memory(process.pid) as peak:
            _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-3000:]}")
    return {
        "wall_s": round(wall_s, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_gib": round(peak[0] / _GIB, 3),
        "peak_resident_gib": round(used.ru_maxrss / 2**20, 3),
    }


@contextmanager
def peak_memory(pid: int) -> Iterator[list[int]]:
    """Give a list whose only element is the most memory of its own that a process had so far, bytes."""
    stop, peak = threading.Event(), [own_bytes(pid)]

    def watch() -> None:
        while not stop.wait(_SAMPLE_S):
            peak[0] = max(peak[0], own_bytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def own_bytes(pid: int) -> int:
    """Return the anonymous memory of a process: what it holds beside pages of files; 0 if it has ended."""
    return _field_bytes(Path(f"/proc/{pid}/status"), "RssAnon:")


def available_bytes() -> int:
    """Return how much memory this machine has to spare."""
    return _field_bytes(Path("/proc/meminfo"), "MemAvailable:")


def _field_bytes(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
