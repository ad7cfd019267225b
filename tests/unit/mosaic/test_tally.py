"""What is counted of rows in any order, by any number of threads, against sorts of the whole arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvmdb.mosaic.context import byte_times_s, exposure_time
from mvmdb.mosaic.statistics import summarise
from mvmdb.mosaic.tally import Tally, count_rows

N_INPUTS = 40
EXPTIMES_S = np.random.default_rng(1).choice([350.0, 1200.5, 499.986], N_INPUTS)
SKYCELL_PIXELS = 10**9
Weights = NDArray[np.float32]

KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], NDArray[np.floating]]] = {
    "close together": lambda rng, shape: rng.normal(1000, 3, shape),
    "far apart": lambda rng, shape: 10 ** rng.uniform(-38, 38, shape),
    "all the same": lambda rng, shape: np.full(shape, rng.uniform(1, 2)),
    "two values": lambda rng, shape: rng.choice([7.0, 7e5], shape),
    "growing": lambda rng, shape: np.arange(1, shape[0] + 1)[:, None] ** 2 * rng.uniform(1, 1.1, shape),
    "hardly any": lambda rng, shape: rng.normal(1000, 300, shape) * (rng.random(shape) < 0.01),
    "below the normal numbers": lambda rng, shape: 1e-45 * rng.integers(1, 99, shape),
}


@pytest.fixture(autouse=True)
def foreseen_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers are treated as large ones are."""
    monkeypatch.setattr("mvmdb.mosaic.tally._PIXELS_OF_A_BIN", 16)


def unreadable() -> Weights:
    raise AssertionError("weights are read again")


class Recorded:
    """Weights that tell which blocks of rows were read again."""

    def __init__(self, weight: Weights) -> None:
        self.shape = weight.shape
        self.weight = weight
        self.read: list[slice] = []

    def __getitem__(self, rows: slice) -> Weights:
        self.read.append(rows)
        return self.weight[rows]


def random_context(rng: np.random.Generator, weight: Weights) -> NDArray[np.int32]:
    """Return inputs in stretches of some columns; 0 where nothing was observed."""
    stretches = rng.integers(1, 2**31, (2, weight.shape[0], weight.shape[1] // 70 + 1), dtype=np.int32)
    stretches[1] %= 2 ** (N_INPUTS - 32)
    return np.repeat(stretches, 70, axis=2)[..., : weight.shape[1]] * (weight > 0)


def counted(
    weight: Weights, context: NDArray[np.int32], strips: Sequence[slice], n_threads: int = 1
) -> Tally:
    tally = Tally.empty(weight.shape, byte_times_s(EXPTIMES_S, len(context)))
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda rows: count_rows(tally, rows.start, weight[rows], context[:, rows]), strips))
    return tally


def strips_of(n_rows: int, n_strip_rows: int, rng: np.random.Generator) -> list[slice]:
    starts = rng.permutation(np.arange(0, n_rows, n_strip_rows)).tolist()
    return [slice(start, min(start + n_strip_rows, n_rows)) for start in starts]


@given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 300)),
    n_strip_rows=st.integers(10, 40),
    n_threads=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_medians_are_exact_however_a_layer_is_cut(
    kind: str, seed: int, shape: tuple[int, int], n_strip_rows: int, n_threads: int
) -> None:
    rng = np.random.default_rng(seed)
    seen = rng.random(shape) < rng.choice([0.2, 1.0], (shape[0], 1))
    weight = np.maximum(KINDS[kind](rng, shape) * seen, 0).astype(np.float32)
    weight[0, 0] = 3
    context = random_context(rng, weight)
    tally = counted(weight, context, strips_of(shape[0], n_strip_rows, rng), n_threads)
    found = summarise(tally, lambda: weight, SKYCELL_PIXELS, n_threads=n_threads)
    observed = weight > 0
    assert found.median_weight == np.median(weight[observed].astype(float))
    times_s = exposure_time(context, EXPTIMES_S)[observed].astype(float)
    assert found.median_exptime_s == np.median(times_s)
    assert found.mean_exptime_s == pytest.approx(times_s.mean(), rel=1e-12)
    assert found.mean_weight == pytest.approx(weight[observed].mean(dtype=float), rel=1e-12)
    np.testing.assert_array_equal(tally.observed[0 : shape[0], 0 : shape[1]], observed)
    whole = summarise(counted(weight, context, [slice(0, shape[0])]), lambda: weight, SKYCELL_PIXELS)
    assert found == whole


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_median_that_was_foreseen_takes_no_second_look(n_threads: int) -> None:
    rng = np.random.default_rng(8)
    weight = rng.normal(1000, 10, (600, 500)).astype(np.float32)
    tally = counted(weight, random_context(rng, weight), strips_of(600, 50, rng), n_threads)
    found = summarise(tally, unreadable, SKYCELL_PIXELS)
    assert found.median_weight == np.median(weight.astype(float))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_where_the_first_strips_mislead_they_are_read_again_and_no_others(n_threads: int) -> None:
    """The first 100 rows have a tenth of the weight of the others, of which each has the median among it."""
    rng = np.random.default_rng(9)
    weight = rng.normal(1000, 10, (1200, 1000)).astype(np.float32)
    weight[:100] /= 10
    tally = counted(weight, random_context(rng, weight), [slice(y, y + 100) for y in range(0, 1200, 100)])
    again = Recorded(weight)
    found = summarise(tally, lambda: again, SKYCELL_PIXELS, n_threads=n_threads)
    assert found.median_weight == np.median(weight.astype(float))
    # the next two strips still expect too little; a block is 131 rows
    assert sorted((rows.start, rows.stop) for rows in again.read) == [(0, 131), (131, 262), (262, 393)]


def test_few_bins_are_kept_where_every_strip_has_other_weights() -> None:
    rng = np.random.default_rng(10)
    levels = np.geomspace(1e-20, 1e20, 20)
    weight = np.repeat(levels, 20)[::-1, None] * rng.uniform(0.9, 1.1, (400, 200))
    weight = weight.astype(np.float32)
    tally = counted(weight, random_context(rng, weight), strips_of(400, 20, rng))
    assert 0 < len(tally.low_weight) <= 64
    found = summarise(tally, lambda: weight, SKYCELL_PIXELS)
    assert found.median_weight == np.median(weight.astype(float))


def test_large_layers_foresee_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    weight = np.random.default_rng(11).normal(1002, 3, (2100, 1000)).astype(np.float32)
    context = np.ones((2, 2100, 1000), dtype=np.int32)
    tally = counted(weight, context, [slice(y, y + 700) for y in (700, 0, 1400)])
    found = summarise(tally, unreadable, SKYCELL_PIXELS)
    assert found.median_weight == np.median(weight.astype(float))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_counting_blanks_what_is_unobserved_and_takes_roots_of_variances(share: float) -> None:
    rng = np.random.default_rng(12)
    weight = (rng.uniform(1, 2, (30, 333)) * (rng.random((30, 333)) < share)).astype(np.float32)
    science, variance = rng.uniform(1, 9, (2, *weight.shape)).astype(np.float32)
    expected = [np.where(weight > 0, image, np.nan) for image in (science, np.sqrt(variance))]
    tally = Tally.empty(weight.shape, byte_times_s(EXPTIMES_S, 2))
    count_rows(tally, 0, weight, random_context(rng, weight), science=science, variance=variance)
    np.testing.assert_array_equal(science, expected[0])
    np.testing.assert_array_equal(variance, expected[1])
