"""Processor time of a build, step by step: the functions of the library, each with a clock around it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

from mvmdb.files import extension_headers, piece_file, pixel_file, uncached
from mvmdb.mosaic import chips, compiled_engine, engine, statistics
from mvmdb.pipeline import draw, prepare

STEPS: Mapping[str, tuple[tuple[object, str], ...]] = {
    "opening inputs": ((draw, "open_inputs"), (prepare, "open_exposure")),
    "hashing": ((hashlib, "sha256"), (hashlib, "file_digest"), (piece_file, "leaf")),
    "finding where chips fall": ((chips, "find_reach"), (chips, "place_nodes")),
    "reading where the kernel does not": ((compiled_engine, "read_part"),),
    "reading, mapping and kernel": ((compiled_engine, "drizzle_onto"),),
    "blanking and statistics": (
        (engine, "count_rows"),
        (engine, "summarise"),
        (statistics, "_count_again"),
        (draw, "_footprint_statistics"),
    ),
    "checksums": ((pixel_file, "word_sum"),),
    "writing": ((pixel_file.PixelFile, "write"), (uncached.UncachedFile, "write")),
    "outline for S_REGION": ((extension_headers, "sky_outline"),),
    "syncing": ((os, "fsync"),),
    "headers": ((draw, "finish_product"),),
}
"""The functions of a step, by the modules that call them, or the classes that they belong to.

What one of them calls of another counts for the latter.
"""


@contextmanager
def timed_steps() -> Iterator[Counter[str]]:
    """Give the processor seconds of each step within the block, of all threads."""
    clock = _Clock()
    with ExitStack() as patches:
        for step, functions in STEPS.items():
            for module, name in functions:
                timed = clock.timing(step, getattr(module, name))
                patches.enter_context(mock.patch.object(module, name, timed))
        yield clock.seconds


class _Clock:
    """Processor seconds by step; the time of a call within a call counts once, for the inner one."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = threading.local()
        self._lock = threading.Lock()

    def timing(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and is timed."""

        @wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            outer_s, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            start_s = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                took_s = time.thread_time() - start_s
                with self._lock:
                    self.seconds[step] += took_s - self._inner.seconds
                self._inner.seconds = outer_s + took_s

        return timed
