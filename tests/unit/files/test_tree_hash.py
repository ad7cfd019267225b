import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from botocore.utils import calculate_tree_hash

from mvmdb.files.piece_reader import has_sha256, tree_sha256
from mvmdb.files.tree_hash import PIECE_BYTES, stream_has_sha256

SIZES = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES, 70 * PIECE_BYTES + 2880]


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for, as one from the network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 300_007))


def content_of(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_hash_of_a_file_is_the_tree_hash_of_glacier(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of(size))
    assert tree_sha256(path) == calculate_tree_hash(io.BytesIO(content_of(size)))


@pytest.mark.parametrize("size", [0, 2880, PIECE_BYTES])
def test_one_piece_has_its_plain_hash(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of(size))
    assert tree_sha256(path) == hashlib.sha256(content_of(size)).hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_file_is_known_by_the_hash_of_either_kind(tmp_path: Path, size: int) -> None:
    content, path = content_of(size), tmp_path / "file"
    path.write_bytes(content)
    for sha256 in (calculate_tree_hash(io.BytesIO(content)), hashlib.sha256(content).hexdigest()):
        assert has_sha256(path, sha256)
        assert stream_has_sha256(Trickle(content), sha256)


@pytest.mark.parametrize("place", [0, PIECE_BYTES, 3 * PIECE_BYTES - 1])
def test_one_flipped_bit_is_another_file(tmp_path: Path, place: int) -> None:
    content, path = bytearray(content_of(3 * PIECE_BYTES)), tmp_path / "file"
    known = [calculate_tree_hash(io.BytesIO(content)), hashlib.sha256(content).hexdigest()]
    content[place] ^= 1
    path.write_bytes(content)
    assert not any(has_sha256(path, sha256) for sha256 in known)
    assert not any(stream_has_sha256(Trickle(content), sha256) for sha256 in known)
