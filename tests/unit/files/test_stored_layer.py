import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from mvmdb.files.piece_reader import tree_sha256
from mvmdb.files.product import publish
from mvmdb.files.stored_layer import stored_layer
from mvmdb.sky.grid import PixelBox
from tests.support.layers import stage_product
from tests.support.product_makers import make_chip_headers, make_image, make_plan, make_stamp


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    plan = make_plan(40)
    staged = stage_product(tmp_path, plan, make_image(plan), make_chip_headers(plan), make_stamp())
    monkeypatch.setattr("mvmdb.files.piece_reader.PIECE_BYTES", 4096)  # many pieces
    return Path(publish(staged).path)


def hashes(path: Path) -> list[str]:
    return [tree_sha256(path), hashlib.sha256(path.read_bytes()).hexdigest()]


@pytest.mark.parametrize("box", [PixelBox(0, 0, 61, 47), PixelBox(7, 20, 50, 31)])
def test_boxes_and_hashes_are_those_of_the_file(path: Path, box: PixelBox) -> None:
    image = make_image(make_plan(40))
    with stored_layer(path) as layer:
        arrays = layer.read(box)
        np.testing.assert_array_equal(arrays.science, image.science[box.slices])
        np.testing.assert_array_equal(arrays.weight, image.weight[box.slices])
        np.testing.assert_array_equal(arrays.context, image.context[:, *box.slices])
        assert [layer.has_sha256(sha256) for sha256 in (*hashes(path), "0" * 64)] == [True, True, False]


def test_what_was_read_counts_not_what_the_file_is_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit that flips on its way, and not on the disk."""
    plain = os.preadv

    def flipping(file: int, buffers: list[memoryview], start: int) -> int:
        n_read = plain(file, buffers, start)
        buffers[0][100] ^= 1
        return n_read

    with stored_layer(path) as layer:
        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", flipping)
            layer.read(PixelBox(0, 0, 61, 47))
        assert not any(layer.has_sha256(sha256) for sha256 in hashes(path))
