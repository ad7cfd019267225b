"""Bit planes: every bit, the sign bit included, means its input."""

from __future__ import annotations

import numpy as np
import pytest

from mvmdb.errors import ContextOverflowError, GridMismatchError
from mvmdb.mosaic.context import (
    count_inputs,
    count_pixels,
    decode_context,
    exposure_time,
    n_context_planes,
    require_same_grid,
    set_bit,
)

N_INPUTS = 70
SHAPE = (9, 13)
RNG = np.random.default_rng(20)
CONTRIBUTED = RNG.random((N_INPUTS, *SHAPE)) < RNG.random(SHAPE)
EXPTIMES_S = RNG.uniform(10, 1500, N_INPUTS)


@pytest.fixture(name="context")
def context_of_seventy() -> np.ndarray:
    """Seventy inputs in three planes, by arithmetic on Python integers."""
    planes = np.zeros((3, *SHAPE), dtype=np.int32)
    for plane in range(3):
        for y, x in np.ndindex(SHAPE):
            bits = CONTRIBUTED[32 * plane : 32 * plane + 32, y, x]
            number = sum(1 << k for k, bit in enumerate(bits) if bit)
            planes[plane, y, x] = number - (1 << 32) if number >= 1 << 31 else number
    return planes


@pytest.mark.parametrize(("n_inputs", "expected"), [(0, 1), (1, 1), (32, 1), (33, 2), (64, 2), (70, 3)])
def test_planes_hold_32_inputs_each(n_inputs: int, expected: int) -> None:
    assert n_context_planes(n_inputs) == expected


def test_set_bits_make_the_planes(context: np.ndarray) -> None:
    made = np.zeros((3, *SHAPE), dtype=np.int32)
    for index in range(N_INPUTS):
        set_bit(made, index, CONTRIBUTED[index])
    np.testing.assert_array_equal(made, context)
    assert (made[0] < 0).any()


def test_set_bit_writes_through_a_view() -> None:
    context = np.zeros((2, 4, 5), dtype=np.int32)
    set_bit(context[:, 1:3, 2:4], 63, np.array([[True, False], [False, True]]))
    expected = np.zeros((2, 4, 5), dtype=np.int32)
    expected[1, 1, 2] = expected[1, 2, 3] = -(2**31)
    np.testing.assert_array_equal(context, expected)


@pytest.mark.parametrize("dtype", ["=i4", ">i4"])
def test_decoding_gives_exactly_the_inputs(context: np.ndarray, dtype: str) -> None:
    context = context.astype(dtype)
    for y, x in np.ndindex(SHAPE):
        assert decode_context(context, x, y) == tuple(np.flatnonzero(CONTRIBUTED[:, y, x]).tolist())


@pytest.mark.parametrize(("x_pix", "y_pix"), [(-1, 0), (0, -1), (13, 0), (0, 9)])
def test_decoding_refuses_pixels_off_the_image(context: np.ndarray, x_pix: int, y_pix: int) -> None:
    with pytest.raises(ValueError, match="13 x 9 pixels"):
        decode_context(context, x_pix, y_pix)


@pytest.mark.parametrize("dtype", ["=i4", ">i4"])
def test_counts_and_sums_over_inputs(context: np.ndarray, dtype: str) -> None:
    context = context.astype(dtype)
    np.testing.assert_array_equal(count_inputs(context), CONTRIBUTED.sum(axis=0))
    np.testing.assert_array_equal(count_pixels(context, N_INPUTS), CONTRIBUTED.sum(axis=(1, 2)))
    expected_s = np.tensordot(EXPTIMES_S, CONTRIBUTED, axes=1)
    time_s = exposure_time(context, EXPTIMES_S)
    assert time_s.dtype == np.float32
    np.testing.assert_allclose(time_s, expected_s, rtol=1e-7)


def test_counts_over_several_blocks_of_rows() -> None:
    """An image too large for one block, with another number of pixels in every row."""
    n_rows, n_columns = 700, 500
    contributed = np.arange(n_columns) < np.arange(n_rows)[:, None]
    context = np.zeros((1, n_rows, n_columns), dtype=np.int32)
    set_bit(context, 31, contributed)
    assert count_pixels(context, 32)[31] == sum(min(row, n_columns) for row in range(n_rows))
    np.testing.assert_array_equal(exposure_time(context, np.arange(32)), 31.0 * contributed)


def test_planes_can_overflow(context: np.ndarray) -> None:
    with pytest.raises(ContextOverflowError, match="97 inputs need 4 context planes; there are 3"):
        set_bit(context, 96, np.ones(SHAPE, dtype=bool))
    with pytest.raises(ContextOverflowError):
        exposure_time(context, np.ones(97))
    with pytest.raises(ContextOverflowError):
        count_pixels(context, 97)


@pytest.mark.parametrize("shape", [(9, 13), (3, 9, 12), (1, 3, 9, 13)])
def test_context_must_share_the_grid_of_the_weight(shape: tuple[int, ...]) -> None:
    with pytest.raises(GridMismatchError, match=r"\(9, 13\)"):
        require_same_grid(np.zeros(shape, dtype=np.int32), np.zeros(SHAPE, dtype=np.float32))
