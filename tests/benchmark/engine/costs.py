"""What a piece of work costs: seconds, processor seconds, and the most memory at a time."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Cost = dict[str, float]
"""``wall_s``, ``cpu_s``, ``peak_gib`` (own memory), ``peak_resident_gib`` (with mapped pages of files)."""
_SAMPLE_S = 0.05
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
    cost |= peak.gib()


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
        **peak.gib(),
    }


@dataclass
class Peak:
    """The most memory that a process had so far."""

    own_bytes: int = 0
    """Anonymous: what it holds beside pages of files."""
    resident_bytes: int = 0

    def look(self, status: Path) -> None:
        """Take what ``/proc/PID/status`` says now; nothing if the process has ended."""
        fields = _fields_bytes(status)
        self.own_bytes = max(self.own_bytes, fields.get("RssAnon", 0))
        self.resident_bytes = max(self.resident_bytes, fields.get("VmRSS", 0))

    def gib(self) -> Cost:
        """Return it as parts of a cost."""
        return {
            "peak_gib": round(self.own_bytes / _GIB, 3),
            "peak_resident_gib": round(self.resident_bytes / _GIB, 3),
        }


@contextmanager
def peak_memory(pid: int) -> Iterator[Peak]:
    """Give the peak of a process, kept up to date within the block."""
    stop, peak, status = threading.Event(), Peak(), Path(f"/proc/{pid}/status")

    def watch() -> None:
        while not stop.is_set():
            peak.look(status)
            stop.wait(_SAMPLE_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def available_bytes() -> int:
    """Return how much memory this machine has to spare."""
    return _fields_bytes(Path("/proc/meminfo"))["MemAvailable"]


def _fields_bytes(path: Path) -> dict[str, int]:
    """Return the fields that the kernel gives in kB; none where the process has ended."""
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    words = (line.replace(":", " ").split() for line in lines if line.endswith(" kB"))
    return {name: int(value) * 1024 for name, value, _ in words}
