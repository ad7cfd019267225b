"""Files read and written past the page cache, where the file system lets one."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class UncachedFile:
    """An open file; what goes past the cache begins at multiples of pages, in the file and in memory."""

    direct: int
    """Descriptor that goes past the cache, or through it where the file system refused at once."""
    cached: int
    """Descriptor that goes through the cache."""

    def read(self, start: int, content: Bytes) -> int:
        """Fill room with the bytes from a place on; return how many there were, 0 at the end."""
        return self._through_either(lambda file: os.preadv(file, [content.data], start))

    def write(self, start: int, content: Bytes) -> None:
        """Write all of something, of which the system may take only a part at a time."""
        while len(content):
            n_written = self._through_either(lambda file: os.pwrite(file, content.data, start))  # noqa: B023
            content, start = content[n_written:], start + n_written

    def _through_either(self, act: Callable[[int], int]) -> int:
        """Do something past the cache, and through it if that is refused.

        At an odd place, or of an odd length, as at the end of a file; some file systems refuse everything,
        and only now.
        """
        try:
            return act(self.direct)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return act(self.cached)


@contextmanager
def open_uncached(path: Path, flags: int) -> Iterator[UncachedFile]:
    """Open a file, with ``os.O_RDONLY`` or ``os.O_RDWR``.

    Raises
    ------
    OSError
        It cannot be opened.
    """
    with ExitStack() as opened:

        def descriptor(flags: int) -> int:
            found = os.open(path, flags | os.O_CLOEXEC)
            opened.callback(os.close, found)
            return found

        cached = descriptor(flags)
        try:
            direct = descriptor(flags | getattr(os, "O_DIRECT", 0))
        except OSError:
            direct = cached
        yield UncachedFile(direct, cached)


def room(n_bytes: int) -> Bytes:
    """Return memory on a boundary of pages, with anything in it."""
    memory = np.empty(n_bytes + mmap.PAGESIZE, np.uint8)
    start = -memory.ctypes.data % mmap.PAGESIZE
    return memory[start : start + n_bytes]
