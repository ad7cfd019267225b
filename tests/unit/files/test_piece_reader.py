import io
import os
from pathlib import Path

import numpy as np
import pytest
from botocore.utils import calculate_tree_hash

from mvmdb.files.piece_reader import piece_reader
from mvmdb.files.tree_hash import PIECE_BYTES
from tests.support.uncached import refuse_direct

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


@pytest.mark.parametrize("refused_at", ["", "opening", "used"])
def test_bytes_and_hash_are_those_of_the_file(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, refused_at: str
) -> None:
    refused = refuse_direct(monkeypatch, when=refused_at)
    with piece_reader(path) as file:
        for start, stop in PLACES:
            assert file.read(start, stop).tobytes() == content[start:stop]
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))
    assert bool(refused) == bool(refused_at)


def test_system_that_gives_a_part_at_a_time_is_asked_again(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, buffers, at: plain(file, [buffers[0][:99_999]], at))
    with piece_reader(path) as file:
        assert file.read(77, SIZE).tobytes() == content[77:]
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))


def test_hash_is_of_what_was_read_not_of_what_is_there_later(path: Path, content: bytes) -> None:
    with piece_reader(path) as file:
        file.read(0, 1)
        with path.open("r+b") as other:
            other.write(b"?")
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(content))
    with piece_reader(path) as file:
        assert file.tree_sha256() == calculate_tree_hash(io.BytesIO(b"?" + content[1:]))


def test_file_that_is_cut_short_meanwhile_is_told(path: Path) -> None:
    with piece_reader(path) as file:
        os.truncate(path, PIECE_BYTES)
        with pytest.raises(OSError, match="cut short"):
            file.tree_sha256()


def test_what_is_in_the_page_cache_is_seen(path: Path, content: bytes) -> None:
    """Bytes that were just written and not yet synced."""
    with path.open("r+b", buffering=0) as other, piece_reader(path) as file:
        other.seek(5 * PIECE_BYTES + 3)
        other.write(b"new")
        assert file.read(5 * PIECE_BYTES, 5 * PIECE_BYTES + 9)[3:6].tobytes() == b"new"
