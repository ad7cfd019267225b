"""A file that is written once, piece by piece, past the page cache, and hashed meanwhile.

A product is synced to disk before it is published, so every byte of it goes there anyway. Pages of the cache
would only be filled on the way; where spare memory is handed back to the host of a virtual machine, that took
a fifth of a build.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mvmdb.files.tree_hash import PIECE_BYTES, joined, leaf
from mvmdb.files.uncached import Bytes, UncachedFile, open_uncached, room

_WRITERS = 2
_MOST_WAITING = 16
"""Pieces that wait for the disk; who comes with another one waits too."""


class Part(NamedTuple):
    """What falls in one piece of something that is written."""

    piece: int
    """Number of the piece."""
    offset: int
    """Byte of the piece at which it begins."""
    values: NDArray[Any]


def parts_of(start: int, values: NDArray[Any]) -> Iterator[Part]:
    """Yield the parts of contiguous numbers that begin at a byte of a file, piece by piece."""
    flat, size = values.reshape(-1), values.itemsize
    first, end = start, start + values.nbytes
    while first < end:
        index, offset = divmod(first, PIECE_BYTES)
        last = min((index + 1) * PIECE_BYTES, end)
        yield Part(index, offset, flat[(first - start) // size : (last - start) // size])
        first = last


@contextmanager
def piece_file(path: Path) -> Iterator[PieceFile]:
    """Give a file to write, with room for what will be written; what still waits at the end is dropped."""
    with open_uncached(path, os.O_RDWR) as file:
        writers = ThreadPoolExecutor(_WRITERS)
        try:
            yield PieceFile(file, writers)
        finally:
            writers.shutdown(cancel_futures=True)


class PieceFile:
    """A file with room for what will be written to it, all 0 so far; each byte is given once, in any order.

    Threads may write at the same time. What is known of a piece waits in memory for the rest of it: of each
    stretch that is written that is the first and the last piece. Where the file system does not let writes
    pass by its cache, they go through it.
    """

    def __init__(self, file: UncachedFile, writers: ThreadPoolExecutor) -> None:
        self._file = file
        self._writers = writers
        self._waiting: deque[Future[None]] = deque()
        self._spare: list[Bytes] = []
        self._begun: dict[int, Bytes] = {}
        self._n_known: dict[int, int] = {}
        self._leaves: dict[int, bytes] = {}
        self._uniform: dict[int, bytes] = {}
        self._lock = Lock()

    def put(self, part: Part, dtype: str = "u1") -> None:
        """Take a part of what is written, to stand in the file as numbers of a type of the same size.

        Raises
        ------
        OSError
            The disk fails, now or at an earlier piece.
        """
        n_bytes, end = part.values.nbytes, part.offset + part.values.nbytes
        with self._lock:
            if part.piece not in self._begun:
                self._begun[part.piece] = self._empty(cleared=n_bytes < PIECE_BYTES)
            content = self._begun[part.piece]
        np.copyto(content[part.offset : end].view(dtype), part.values)
        self._count(part.piece, n_bytes)

    def pass_over(self, part: Part) -> None:
        """Take a part of zeros."""
        self._count(part.piece, part.values.nbytes)

    def flush(self) -> None:
        """Make all that is known readable in the file."""
        with self._lock:
            begun = [(index, content.copy()) for index, content in self._begun.items()]
        size_bytes = os.fstat(self._file.cached).st_size
        for index, content in begun:
            start = index * PIECE_BYTES
            self._file.write(start, content[: size_bytes - start])
        self._wait()

    def finish(self, size_bytes: int) -> str:
        """Write what is left, sync the file, and return its tree hash.

        Parameters
        ----------
        size_bytes
            Of the whole file.
        """
        for index in sorted(self._begun):
            self._hand_on(index, self._begun.pop(index)[: size_bytes - index * PIECE_BYTES])
        self._wait()
        os.fsync(self._file.cached)
        nothing = leaf(bytes(PIECE_BYTES))
        n_whole, n_last_bytes = divmod(size_bytes, PIECE_BYTES)
        leaves = [self._leaves.get(index, nothing) for index in range(n_whole)]
        if n_last_bytes:
            leaves.append(self._leaves.get(n_whole, leaf(bytes(n_last_bytes))))
        return joined(leaves)

    def _wait(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def _empty(self, *, cleared: bool) -> Bytes:
        """Return room for a piece, on a boundary of pages."""
        try:
            content = self._spare.pop()
        except IndexError:
            content = room(PIECE_BYTES)
        if cleared:
            content.fill(0)
        return content

    def _count(self, index: int, n_bytes: int) -> None:
        """Count what is known of a piece; who completes it, hands it on."""
        with self._lock:
            n_known = self._n_known.pop(index, 0) + n_bytes
            if n_known < PIECE_BYTES:
                self._n_known[index] = n_known
                return
            content = self._begun.pop(index, None)
        if content is not None:
            self._hand_on(index, content)

    def _hand_on(self, index: int, content: Bytes) -> None:
        """Hash a piece, and have it written behind those that wait for the disk."""
        self._leaves[index] = self._leaf(content)
        with self._lock:
            self._waiting.append(self._writers.submit(self._store, index, content))
            first = self._waiting.popleft() if len(self._waiting) > _MOST_WAITING else None
        if first is not None:
            first.result()

    def _leaf(self, content: Bytes) -> bytes:
        """Return the hash of a piece; many are of one number, as where nothing was observed."""
        if len(content) < PIECE_BYTES:
            return leaf(content.data)
        words = content.view(np.uint32)
        word = int(words[0])
        if words[-1] != word or not np.all(words == word):
            return leaf(content.data)
        if word not in self._uniform:
            self._uniform[word] = leaf(content.data)
        return self._uniform[word]

    def _store(self, index: int, content: Bytes) -> None:
        self._file.write(index * PIECE_BYTES, content)
        if len(content) == PIECE_BYTES:
            self._spare.append(content)
