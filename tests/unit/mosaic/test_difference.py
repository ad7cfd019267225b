"""Differences of images, held against numpy on whole arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mvmdb.mosaic import blocks
from mvmdb.mosaic.difference import ImagePair, compare_images, describe, scatter

Floats = NDArray[np.float32]


@given(
    values=arrays(np.float32, st.integers(1, 60), elements=st.floats(width=32, allow_nan=False)),
    n_blocks=st.integers(1, 4),
)
@settings(deadline=None, max_examples=60)
def test_order_statistics_are_those_of_the_sorted_values(values: Floats, n_blocks: int) -> None:
    def parts() -> Iterator[Floats]:
        yield from np.array_split(values, n_blocks)

    with np.errstate(all="ignore"):
        found = describe(parts)
    assert found is not None
    ordered = np.sort(values)
    ranks = [int(part * (values.size - 1)) for part in (0.01, 0.16, 0.5, 0.84, 0.99)]
    expected = [ordered[0], *(ordered[rank] for rank in ranks), ordered[-1]]
    got = [
        found.least,
        found.percentile_1,
        found.percentile_16,
        found.median,
        found.percentile_84,
        found.percentile_99,
        found.greatest,
    ]
    np.testing.assert_array_equal(np.float32(got), np.float32(expected))


def test_nothing_has_no_statistics() -> None:
    assert describe(lambda: iter([])) is None


def pair_of(seed: int = 1, **changes: Any) -> ImagePair:
    """Two images of 90 x 70 pixels of constant noise; each lacks a strip of its own."""
    random = np.random.default_rng(seed)
    weight = np.full((90, 70), 400.0, dtype=np.float32)
    a = random.normal(0, 0.05, (90, 70)).astype(np.float32)
    b = a.copy()
    b[40:50, 10:30] += np.float32(0.5)
    a[:5], b[:, :7] = np.nan, np.nan
    values = {"science_a": a, "weight_a": weight, "science_b": b, "weight_b": weight.copy()}
    return ImagePair(**values | changes)


@pytest.mark.parametrize("block_pixels", [1, 1000, 1 << 17])
def test_counts_fluxes_and_distributions(block_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_PIXELS", block_pixels)
    pair = pair_of()
    found = compare_images(pair)
    assert (found.n_pixels_common, found.n_observed_both) == (6300, 85 * 63)
    assert (found.n_only_a, found.n_only_b) == (85 * 7, 5 * 63)
    assert found.n_differing == 200
    common = np.isfinite(pair.science_a) & np.isfinite(pair.science_b)
    difference = (pair.science_b - pair.science_a)[common]
    assert found.science is not None
    assert (found.science.least, found.science.median) == (0.0, 0.0)
    assert found.science.greatest == float(difference.max())
    assert found.science.percentile_99 == pytest.approx(0.5, abs=1e-6)
    assert found.science.mean == pytest.approx(200 * 0.5 / common.sum(), rel=1e-6)
    assert found.flux_b - found.flux_a == pytest.approx(100, rel=1e-6)
    assert found.weight is not None
    assert (found.weight.least, found.weight.greatest) == (0.0, 0.0)
    # Sigma is 0.05 in both, so that 0.5 is ten of them.
    assert found.noise is not None
    assert found.noise_from == "scatter"
    assert found.noise.greatest == pytest.approx(10, rel=0.05)


def test_noise_is_that_of_the_error_image() -> None:
    error = np.full((90, 70), 0.25, dtype=np.float32)
    found = compare_images(pair_of(error_a=error, error_b=error))
    assert found.noise_from == "ERR"
    assert found.noise is not None
    assert found.noise.greatest == pytest.approx(2, rel=1e-6)


def test_change_of_the_weight_alone_is_a_difference() -> None:
    weight = np.full((90, 70), 400.0, dtype=np.float32)
    weight[60, 60] = 300
    found = compare_images(pair_of(weight_b=weight))
    assert found.n_differing == 201
    assert found.weight is not None
    assert (found.weight.least, found.weight.greatest) == (-100.0, 0.0)


def test_images_that_share_no_observed_pixel() -> None:
    empty = np.full((90, 70), np.nan, dtype=np.float32)
    found = compare_images(pair_of(science_b=empty))
    assert (found.science, found.n_observed_both, found.n_only_a) == (None, 0, 85 * 70)


def test_scatter_scales_with_the_weight() -> None:
    random = np.random.default_rng(2)
    weight = np.where(np.arange(300)[:, None] % 2, 100.0, 900.0) * np.ones((300, 300))
    science = random.normal(0, 1, (300, 300)) * 3 / np.sqrt(weight)
    assert scatter(science, weight) == pytest.approx(3, rel=0.02)
