"""What the work of this process takes: time, processor time, own memory at its peak."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mvmdb.records import BuildUsage

_STATUS_FILE = Path("/proc/self/status")
_INTERVAL_S = 0.02


def own_memory_bytes() -> int | None:
    """Return the anonymous memory of this process; None where the system does not tell.

    Mapped files are not in it (the VmHWM of the same place counts their pages): they are given back when
    others want the memory.
    """
    try:
        lines = _STATUS_FILE.read_text().splitlines()
    except OSError:  # not Linux
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)


@contextmanager
def metered() -> Iterator[Callable[[], BuildUsage]]:
    """Give a function that tells what this process has used since the block was entered.

    The processor time is that of all threads, also of those that do other work beside.
    """
    wall_s, cpu_s = time.monotonic(), time.process_time()
    with _peak_memory() as peak_bytes:
        yield lambda: BuildUsage(time.monotonic() - wall_s, time.process_time() - cpu_s, peak_bytes())


@contextmanager
def _peak_memory() -> Iterator[Callable[[], int | None]]:
    """Give a function that tells the largest memory seen since; a thread looks every 20 ms."""
    seen = [own_memory_bytes() or 0]
    over = threading.Event()

    def look() -> int | None:
        now = own_memory_bytes()
        seen[0] = max(seen[0], now or 0)
        return seen[0] if now is not None else None

    def watch() -> None:
        while not over.wait(_INTERVAL_S):
            look()

    watcher = threading.Thread(target=watch, name="memory meter", daemon=True)
    watcher.start()
    try:
        yield look
    finally:
        over.set()
        watcher.join()
