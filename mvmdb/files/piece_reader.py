"""Reading a large file past the page cache, piece by piece, with the hash of what was read.

Nobody reads a product twice in a row, and what is verified should be what is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mvmdb.files.tree_hash import PIECE_BYTES, joined, leaf
from mvmdb.settings import usable_cpus

Bytes = NDArray[np.uint8]

_MOST_THREADS = 4
_PIECES_AT_ONCE = 4


class PieceReader:
    """A file that is read in any order, by any number of threads; each piece is hashed when it comes first.

    Raises
    ------
    OSError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._closing = ExitStack()
        self._cached = self._opened(path, os.O_RDONLY)
        try:
            self._direct = self._opened(path, os.O_RDONLY | getattr(os, "O_DIRECT", 0))
        except OSError:
            self._direct = self._cached
        self.size_bytes = os.fstat(self._cached).st_size
        self._leaves: dict[int, bytes] = {}

    def _opened(self, path: Path, flags: int) -> int:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        self._closing.callback(os.close, descriptor)
        return descriptor

    def __enter__(self) -> Self:
        """Give the reader."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._closing.close()

    def read(self, start: int, stop: int) -> Bytes:
        """Return some bytes."""
        first, last = start // PIECE_BYTES, -(-stop // PIECE_BYTES)
        content = self._pieces(first, last)
        for index in range(first, last):
            if index not in self._leaves:
                offset = (index - first) * PIECE_BYTES
                self._leaves[index] = leaf(content[offset : offset + PIECE_BYTES].data)
        return content[start - first * PIECE_BYTES : stop - first * PIECE_BYTES]

    def tree_sha256(self) -> str:
        """Return the tree hash of the file, after reading what has not been read."""
        n_pieces = -(-self.size_bytes // PIECE_BYTES)
        with ThreadPoolExecutor(min(usable_cpus(), _MOST_THREADS)) as pool:
            list(pool.map(self._read_run, _runs(set(range(n_pieces)) - set(self._leaves))))
        return joined(self._leaves[index] for index in range(n_pieces))

    def _read_run(self, run: tuple[int, int]) -> None:
        self.read(run[0] * PIECE_BYTES, min(run[1] * PIECE_BYTES, self.size_bytes))

    def _pieces(self, first: int, last: int) -> Bytes:
        """Return pieces, the last of the file as short as it is."""
        start, n_bytes = first * PIECE_BYTES, (last - first) * PIECE_BYTES
        content = np.frombuffer(mmap.mmap(-1, n_bytes), np.uint8)  # on a boundary of pages
        n_read = 0
        while n_read < min(n_bytes, self.size_bytes - start):
            n_new = self._read_at(start + n_read, content[n_read:])
            if n_new == 0:
                raise OSError(errno.EIO, "the file has been cut short")
            n_read += n_new
        return content[:n_read]

    def _read_at(self, start: int, content: Bytes) -> int:
        try:
            return os.preadv(self._direct, [content.data], start)
        except OSError as error:
            # an odd place after a short read, or a file system that finds out only now
            if error.errno != errno.EINVAL:
                raise
            return os.preadv(self._cached, [content.data], start)


def tree_sha256(path: Path) -> str:
    """Return the tree hash of a file.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with PieceReader(path) as file:
        return file.tree_sha256()


def has_sha256(path: Path, sha256: str) -> bool:
    """Tell whether a file has the hash that was recorded of it.

    Until tree hashes were taken, the SHA-256 of the whole was.

    Raises
    ------
    OSError
        It cannot be read.
    """
    return sha256 == tree_sha256(path) or (
        path.stat().st_size > PIECE_BYTES and sha256 == _plain_sha256(path)
    )


def _plain_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _runs(pieces: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first of some pieces that follow each other and the one after the last, a few at a time."""
    ordered = enumerate(sorted(pieces))
    groups = (
        [piece for _, piece in group] for _, group in groupby(ordered, lambda place: place[1] - place[0])
    )
    return [
        (group[first], group[first] + len(group[first : first + _PIECES_AT_ONCE]))
        for group in groups
        for first in range(0, len(group), _PIECES_AT_ONCE)
    ]
