"""Masks of single bits against those of whole bytes."""

import numpy as np
import pytest

from mvmdb.sky.bit_mask import BitMask


@pytest.mark.parametrize("seed", range(30))
def test_every_part_is_that_of_the_array(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.random(rng.integers(1, 40, 2)) < 0.4
    mask = BitMask.of(array)
    assert mask.shape == array.shape
    for _ in range(20):
        (y0, y1), (x0, x1) = (sorted(rng.integers(0, n + 1, 2).tolist()) for n in array.shape)
        found = mask[y0:y1, x0:x1]
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, array[y0:y1, x0:x1])


def test_weights_of_any_byte_order_are_set_where_they_are_not_zero() -> None:
    weight = np.zeros((3000, 1001), dtype=">f4")  # more rows than are packed at a time
    weight[5:2900, 17] = 1e-30
    weight[7, 1000] = 4000
    np.testing.assert_array_equal(BitMask.of(weight)[0:3000, 0:1001], weight > 0)


def test_a_part_that_is_the_same_everywhere_is_known_to_be() -> None:
    array = np.zeros((30, 64), dtype=bool)
    array[10:20, 16:48] = True
    mask = BitMask.of(array)
    assert mask.same_everywhere(np.s_[0:10, 3:50]) is False
    assert mask.same_everywhere(np.s_[10:20, 17:45]) is True
    assert mask.same_everywhere(np.s_[9:20, 17:45]) is None
    assert mask.same_everywhere(np.s_[10:20, 15:45]) is None
    assert BitMask.empty((4, 5)).same_everywhere(np.s_[0:4, 0:5]) is False
