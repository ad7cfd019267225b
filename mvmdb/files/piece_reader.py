"""Reading a large file past the page cache, piece by piece, with the hash of what was read.

Nobody reads a product twice in a row, and what is verified should be what is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from mvmdb.files.tree_hash import PIECE_BYTES, joined, leaf
from mvmdb.files.uncached import Bytes, UncachedFile, open_uncached, room
from mvmdb.settings import usable_cpus

_MOST_THREADS = 4
_PIECES_AT_ONCE = 4


@contextmanager
def piece_reader(path: Path) -> Iterator[PieceReader]:
    """Give a file to read.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with open_uncached(path, os.O_RDONLY) as file:
        yield PieceReader(file)


class PieceReader:
    """A file that is read in any order, by any number of threads; each piece is hashed the first time."""

    def __init__(self, file: UncachedFile) -> None:
        self._file = file
        self._size_bytes = os.fstat(file.cached).st_size
        self._leaves: dict[int, bytes] = {}

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
        n_pieces = -(-self._size_bytes // PIECE_BYTES)
        with ThreadPoolExecutor(min(usable_cpus(), _MOST_THREADS)) as pool:
            list(pool.map(self._read_run, _runs(set(range(n_pieces)) - set(self._leaves))))
        return joined(self._leaves[index] for index in range(n_pieces))

    def _read_run(self, run: tuple[int, int]) -> None:
        self.read(run[0] * PIECE_BYTES, min(run[1] * PIECE_BYTES, self._size_bytes))

    def _pieces(self, first: int, last: int) -> Bytes:
        """Return pieces, the last of the file as short as it is."""
        start, n_bytes = first * PIECE_BYTES, (last - first) * PIECE_BYTES
        content = room(n_bytes)
        n_read = 0
        while n_read < min(n_bytes, self._size_bytes - start):
            n_new = self._file.read(start + n_read, content[n_read:])
            if n_new == 0:
                raise OSError(errno.EIO, "the file has been cut short")
            n_read += n_new
        return content[:n_read]


def tree_sha256(path: Path) -> str:
    """Return the tree hash of a file.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with piece_reader(path) as file:
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
