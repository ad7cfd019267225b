"""The statistics of a layer against sums and sorts over the whole arrays."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvmdb.errors import ContextOverflowError, EmptyLayerError, GridMismatchError
from mvmdb.mosaic.context import byte_times_s
from mvmdb.mosaic.statistics import compute_statistics, input_statistics
from mvmdb.mosaic.tally import Tally, count_rows


def random_layer(seed: int, shape: tuple[int, int], n_inputs: int) -> tuple[np.ndarray, ...]:
    """Return contributions ``(n_inputs, ny, nx)``, exposure times, weight and context."""
    rng = np.random.default_rng(seed)
    contributed = rng.random((n_inputs, *shape)) < rng.choice([0.0, 0.1, 0.7], size=shape)
    contributed[0, 0, 0] = True
    exptimes_s = rng.choice([350.0, 1200.5, 499.986], n_inputs)
    area = rng.uniform(1e-6, 1, contributed.shape)
    weight = (contributed * area * exptimes_s[:, None, None]).sum(axis=0).astype(np.float32)
    planes = np.zeros((-(-n_inputs // 32), *shape), dtype=np.uint32)
    for index in range(n_inputs):
        planes[index // 32] += contributed[index].astype(np.uint32) * np.uint32(2 ** (index % 32))
    return contributed, exptimes_s, weight, planes.view(np.int32)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    n_inputs=st.integers(1, 70),
)
@settings(max_examples=60, deadline=None)
def test_statistics_are_those_of_the_whole_arrays(seed: int, shape: tuple[int, int], n_inputs: int) -> None:
    contributed, exptimes_s, weight, context = random_layer(seed, shape, n_inputs)
    statistics = compute_statistics(weight, context, exptimes_s, skycell_n_pixels=1000)
    observed = weight > 0
    time_s = np.tensordot(exptimes_s, contributed, axes=1)[observed]
    number = contributed.sum(axis=0)[observed]
    assert statistics.n_pixels_observed == observed.sum()
    assert statistics.coverage_fraction == observed.sum() / 1000
    assert statistics.mean_exptime_s == pytest.approx(time_s.mean(), rel=1e-6)
    assert statistics.median_exptime_s == pytest.approx(np.median(time_s), rel=1e-6)
    assert statistics.mean_n_exposures == pytest.approx(number.mean(), rel=1e-12)
    assert statistics.median_n_exposures == np.median(number)
    assert statistics.mean_weight == pytest.approx(weight[observed].mean(dtype=float), rel=1e-12)
    assert statistics.median_weight == np.median(weight[observed].astype(float))


def test_statistics_over_many_blocks_and_byte_orders() -> None:
    _, exptimes_s, weight, context = random_layer(3, (300, 1000), 3)
    statistics = compute_statistics(weight, context, exptimes_s, 10**6)
    assert statistics.n_pixels_observed == np.count_nonzero(weight)
    assert statistics.median_weight == np.median(weight[weight > 0].astype(float))
    swapped = compute_statistics(weight.astype(">f4"), context.astype(">i4"), exptimes_s, 10**6)
    assert swapped == statistics


@pytest.mark.parametrize(
    ("weights", "median"),
    [
        ([1.0], 1.0),
        ([1.0, 2.0], 1.5),
        # The two middle values differ in the upper half of their bits, or in the lower half only.
        ([1e-30, 1e-3, 1e3, 1e30], 500.0005),
        ([5.0, 5.0, 5.0000005, 5.0000005], 5.00000024),
        ([0.0, 7.0, 0.0, 3.0, 4.0], 4.0),
    ],
)
def test_median_takes_the_mean_of_the_middle_values(weights: list[float], median: float) -> None:
    weight = np.array([weights], dtype=np.float32)
    context = (weight > 0).astype(np.int32)[None]
    statistics = compute_statistics(weight, context, [10.0], 100)
    assert statistics.median_weight == pytest.approx(median, rel=1e-7)
    assert statistics.median_exptime_s == statistics.mean_exptime_s == 10


def test_statistics_need_little_memory() -> None:
    weight = np.ones((2000, 2000), dtype=np.float32)
    context = np.ones((1, 2000, 2000), dtype=np.int32)
    tracemalloc.start()
    try:
        compute_statistics(weight, context, [100.0], 10**9)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < weight.nbytes / 2


def test_an_empty_layer_has_no_statistics() -> None:
    with pytest.raises(EmptyLayerError, match="positive weight"):
        compute_statistics(np.zeros((3, 3), np.float32), np.zeros((1, 3, 3), np.int32), [1.0], 9)


def test_arrays_must_belong_together() -> None:
    weight, context = np.ones((3, 3), np.float32), np.ones((1, 3, 3), np.int32)
    with pytest.raises(GridMismatchError, match=r"\(1, 3, 2\)"):
        compute_statistics(weight, context[..., :2], [1.0], 9)
    with pytest.raises(GridMismatchError, match="9 pixels observed on a skycell of 8"):
        compute_statistics(weight, context, [1.0], 8)
    with pytest.raises(ContextOverflowError, match="33 inputs"):
        compute_statistics(weight, context, np.ones(33), 9)


def test_input_statistics_count_the_pixels_of_each_input() -> None:
    contributed, _, weight, context = random_layer(5, (20, 30), 70)
    tally = Tally.empty(weight.shape, byte_times_s(np.ones(70), len(context)))
    count_rows(tally, 0, weight, context)
    found = input_statistics(tally, 70)
    assert [item.context_index for item in found] == list(range(70))
    assert [item.n_pixels_contributed for item in found] == contributed.sum(axis=(1, 2)).tolist()
