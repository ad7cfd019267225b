import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
from botocore.utils import calculate_tree_hash

from mvmdb.files.piece_reader import PieceReader
from mvmdb.files.tree_hash import PIECE_BYTES

SIZE = 9 * PIECE_BYTES + 2880
PLACES = [(0, 1), (5, 2880), (PIECE_BYTES - 1, PIECE_BYTES + 1), (3 * PIECE_BYTES, SIZE), (SIZE - 1, SIZE)]


@pytest.fixture
def content() -> bytes:
    return np.random.default_rng(0).bytes(SIZE)


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("refused_at", ["", "opening", "reading"])
def test_bytes_and_hash_are_those_of_the_file(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, refused_at: str
) -> None:
    refused = refuse_direct(monkeypatch, refused_at)
    with PieceReader(path) as file:
        for start, stop in PLACES:
            assert file.read(start, stop).tobytes() == content[start:stop]
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))
    assert bool(refused) == bool(refused_at)


def refuse_direct(monkeypatch: pytest.MonkeyPatch, refused_at: str) -> list[object]:
    """Make a file system that knows no direct reading, and tells at once or only at the first reading."""
    direct: set[int] = set()
    refused: list[object] = []
    plain_open, plain_read = os.open, os.preadv

    def opening(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_DIRECT and refused_at == "opening":
            refused.append(path)
            raise OSError(errno.EINVAL, "Invalid argument")
        descriptor = plain_open(path, flags, *rest)
        direct.update([descriptor] if flags & os.O_DIRECT else [])
        return descriptor

    def reading(file: int, buffers: list[memoryview], offset: int) -> int:
        if file in direct and refused_at == "reading":
            refused.append(file)
            raise OSError(errno.EINVAL, "Invalid argument")
        return plain_read(file, buffers, offset)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "preadv", reading)
    return refused


def test_system_that_gives_a_part_at_a_time_is_asked_again(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, buffers, at: plain(file, [buffers[0][:99_999]], at))
    with PieceReader(path) as file:
        assert file.read(77, SIZE).tobytes() == content[77:]
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))


def test_hash_is_of_what_was_read_not_of_what_is_there_later(path: Path, content: bytes) -> None:
    with PieceReader(path) as file:
        file.read(0, 1)
        with path.open("r+b") as other:
            other.write(b"?")
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))
    with PieceReader(path) as file:
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(b"?" + content[1:]))


def test_file_that_is_cut_short_meanwhile_is_told(path: Path) -> None:
    with PieceReader(path) as file:
        os.truncate(path, PIECE_BYTES)
        with pytest.raises(OSError, match="cut short"):
            file.tree_sha256()


def test_what_is_in_the_page_cache_is_seen(path: Path, content: bytes) -> None:
    """Bytes that were just written and not yet synced."""
    with path.open("r+b", buffering=0) as other, PieceReader(path) as file:
        other.seek(5 * PIECE_BYTES + 3)
        other.write(b"new")
        assert file.read(5 * PIECE_BYTES, 5 * PIECE_BYTES + 9)[3:6].tobytes() == b"new"
