"""How long questions take, as a client on the same machine sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

Question = TypeVar("Question")
WARM_UP = 5
"""Questions asked before the clock runs: psycopg prepares a statement at its fifth."""


@dataclass(frozen=True)
class Latency:
    """Median and 99th percentile of one kind of question, milliseconds."""

    p50_ms: float
    p99_ms: float
    n: int


def latency(ask: Callable[[Question], object], questions: Iterable[Question]) -> Latency:
    """Ask one question after the other and return how long the answers took; the first ones do not count."""
    every = list(questions)
    times_ms = [1000 * seconds(ask, question) for question in every][min(WARM_UP, len(every) // 2) :]
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99])
    return Latency(round(float(p50_ms), 3), round(float(p99_ms), 3), len(times_ms))


def seconds(ask: Callable[[Question], object], question: Question) -> float:
    """Return how long one answer took."""
    start_s = time.perf_counter()
    ask(question)
    return time.perf_counter() - start_s


def cpu_seconds(server_pid: int) -> float:
    """Return the processor time of this process and, on Linux, of a server process of this machine.

    On a machine that others use as well it tells more than the clock.
    """
    status = Path(f"/proc/{server_pid}/stat")
    ticks = status.read_text().rpartition(")")[2].split()[11:13] if status.exists() else []
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
