import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from botocore.utils import calculate_tree_hash

from mvmdb.files.piece_file import parts_of, piece_file
from mvmdb.files.tree_hash import PIECE_BYTES
from tests.support.uncached import refuse_direct

SIZES = [4, PIECE_BYTES, 6 * PIECE_BYTES, 37 * PIECE_BYTES + 2880]


def laid_out(path: Path, size: int) -> Path:
    with path.open("xb") as file:
        file.truncate(size)
    return path


def write_in_disorder(path: Path, words: np.ndarray, *, seed: int, n_threads: int = 1) -> str:
    """Write words in stretches of any length, in any order; those of zeros are passed over."""
    random = np.random.default_rng(seed)
    cuts = np.unique([*random.integers(0, words.size + 1, 40).tolist(), 0, words.size])
    stretches = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    random.shuffle(stretches)
    with piece_file(laid_out(path, words.nbytes)) as file:

        def write(stretch: tuple[int, int]) -> None:
            for part in parts_of(4 * stretch[0], words[slice(*stretch)]):
                file.put(part, ">f4") if part.values.any() else file.pass_over(part)

        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(write, stretches))
        return file.finish(words.nbytes)


def assert_written(path: Path, words: np.ndarray, sha256: str) -> None:
    content = words.astype(">f4").tobytes()
    assert path.read_bytes() == content
    assert sha256 == calculate_tree_hash(io.BytesIO(content))


def random_words(size: int, seed: int) -> np.ndarray:
    """Return numbers with long stretches of zeros and of NaN, as layers have."""
    random = np.random.default_rng(seed)
    words = random.normal(size=size // 4).astype(np.float32)
    for value in (0, np.nan, 0):
        start, stop = np.sort(random.integers(0, words.size + 1, 2))
        words[start:stop] = value
    return words


@pytest.mark.parametrize("n_threads", [1, 4])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_bytes_and_hash(
    tmp_path: Path, size: int, seed: int, n_threads: int
) -> None:
    words = random_words(size, seed)
    sha256 = write_in_disorder(tmp_path / "file", words, seed=seed, n_threads=n_threads)
    assert_written(tmp_path / "file", words, sha256)


def test_nothing_written_is_all_zero(tmp_path: Path) -> None:
    size = 3 * PIECE_BYTES + 5
    with piece_file(laid_out(tmp_path / "file", size)) as file:
        assert file.finish(size) == calculate_tree_hash(io.BytesIO(bytes(size)))


def test_file_may_grow_behind_what_was_laid_out(tmp_path: Path) -> None:
    content = np.random.default_rng(4).integers(0, 256, 2 * PIECE_BYTES + 77, np.uint8)
    with piece_file(laid_out(tmp_path / "file", PIECE_BYTES + 1)) as file:
        for part in parts_of(0, content):
            file.put(part)
        assert file.finish(content.size) == calculate_tree_hash(io.BytesIO(content.tobytes()))
    assert (tmp_path / "file").read_bytes() == content.tobytes()


@pytest.mark.parametrize("refused_at", ["opening", "used"])
def test_file_system_without_direct_writes_gets_cached_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused_at: str
) -> None:
    refused = refuse_direct(monkeypatch, when=refused_at)
    words = random_words(SIZES[-1], 5)
    assert_written(tmp_path / "file", words, write_in_disorder(tmp_path / "file", words, seed=5))
    assert refused


def test_system_that_takes_a_part_at_a_time_gets_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, offset: plain(file, content[:65536], offset))
    words = random_words(SIZES[2], 6)
    assert_written(tmp_path / "file", words, write_in_disorder(tmp_path / "file", words, seed=6))


@pytest.mark.parametrize("n_pieces", [3, 60])
def test_failing_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_pieces: int) -> None:
    def failing(file: int, content: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", failing)
    words = np.ones(n_pieces * PIECE_BYTES // 4, np.float32)
    with pytest.raises(OSError, match="Input/output error"):
        write_in_disorder(tmp_path / "file", words, seed=7)


def test_memory_is_that_of_what_waits(tmp_path: Path) -> None:
    """Strips that end within a piece leave one behind each; the rest goes to disk."""
    size = 200 * PIECE_BYTES
    words = np.arange(size // 4, dtype=np.float32) + 1
    with piece_file(laid_out(tmp_path / "file", size)) as file:
        for part in parts_of(0, words):
            file.put(part, ">f4")
        assert len(file._spare) < 40
        file.finish(size)
