"""Backgrounds that were put in and must be found again, and the fit against a comparison of all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from mvmdb.mosaic.inputs import EngineInput
from mvmdb.mosaic.sky import SkyMatch, match_sky
from mvmdb.mosaic.sky_bins import SkyBins, bin_side_pix, measure_sky_bins
from mvmdb.records import SkyZero
from tests.support.mappings import AffineMapping, box_of

Floats = NDArray[np.float64]

LAYER = (900, 900)
CHIP = (320, 320)
BIN_PIX = 20
NOISE = 0.05
"""e-/s per layer pixel, as all levels here."""


def stars(seed: int, n_stars: int) -> Floats:
    """Return x, y and flux of stars all over the layer, some of them bright."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0, LAYER[0], (n_stars, 2)), 5 * rng.pareto(1, n_stars)])


def light(field: Floats, x: Floats, y: Floats) -> Floats:
    """Return the surface brightness of stars with a Gaussian image of sigma 2 layer pixels."""
    seen = np.zeros_like(x)
    for x_star, y_star, flux in field:
        near = (abs(x - x_star) < 10) & (abs(y - y_star) < 10)
        distance2 = (x[near] - x_star) ** 2 + (y[near] - y_star) ** 2
        seen[near] += flux / (8 * np.pi) * np.exp(-distance2 / 8)
    return seen


def chip(
    level: float,
    centre: tuple[float, float],
    *,
    seed: int,
    scale: float = 1.0,
    shape: tuple[int, int] = CHIP,
    noise: float = NOISE,
    field: Floats | None = None,
    cosmic_rays: float = 0.0,
) -> EngineInput:
    """Make a rolled chip whose pixels are ``scale`` layer pixels wide, of stars on a flat background."""
    rng = np.random.default_rng(seed)
    mapping = AffineMapping(scale, rng.uniform(0, 6.3)).centred_on(*centre, shape)
    rows, columns = np.indices(shape).astype(float)
    x, y = mapping(columns.ravel(), rows.ravel())
    brightness = (light(field, x, y) if field is not None else 0.0) + level
    rate = scale**2 * (np.reshape(brightness, -1) + rng.normal(0, noise / scale, x.size))
    hit = rng.random(x.size) < cosmic_rays
    rate[hit] += rng.exponential(100 * noise, int(hit.sum()))
    return EngineInput(
        rate.reshape(shape).astype(np.float32), np.full(shape, 100.0, np.float32), mapping, scale**-2, 100.0
    )


def matched(
    chips: Sequence[EngineInput],
    exposure: Sequence[int] | None = None,
    exptimes_s: Sequence[float] | None = None,
    zero: SkyZero = "faintest",
) -> SkyMatch:
    bins = [measure_sky_bins(one, box_of(LAYER), bin_pix=BIN_PIX) for one in chips]
    numbers = range(len(chips)) if exposure is None else exposure
    times_s = [100.0] * (max(numbers) + 1) if exptimes_s is None else exptimes_s
    return match_sky(bins, list(numbers), times_s, zero=zero)


def flat_bins(level: float, numbers: Sequence[int]) -> SkyBins:
    n = len(numbers)
    return SkyBins(np.array(numbers), np.full(n, level), np.full(n, 100), NOISE)


def test_levels_under_stars_and_cosmic_rays_are_found_along_a_chain() -> None:
    """Neighbours overlap, the first and the last do not: errors add up along the way, and stay small."""
    levels = [0.7, 0.1, 1.3, 0.4, 0.9]
    field = stars(5, 300)
    chips = [
        chip(level, (200 + 125 * k, 200 + 125 * k), seed=k, field=field, cosmic_rays=0.02)
        for k, level in enumerate(levels)
    ]
    match = matched(chips)
    assert match.n_groups == 1
    assert match.level == pytest.approx(np.array(levels) - min(levels), abs=0.1 * NOISE)


def test_the_faintest_keeps_its_sky_as_in_the_reference() -> None:
    """drizzlepac 3.11.0, ``skymethod='match'``: of 1.0 and 1.6 e-/s it subtracts 0 and 0.6."""
    match = matched([chip(level, (300, 300), seed=k) for k, level in enumerate((1.0, 1.6))])
    assert match.level[0] == 0.0
    assert match.level[1] == pytest.approx(0.6, abs=0.02 * NOISE)


def test_the_mean_of_a_group_weighs_by_exposure_time() -> None:
    chips = [chip(level, (300, 300), seed=k) for k, level in enumerate((1.0, 1.6))]
    match = matched(chips, exptimes_s=[100.0, 300.0], zero="mean")
    assert match.level == pytest.approx([-0.45, 0.15], abs=0.02 * NOISE)
    assert 100 * match.level[0] + 300 * match.level[1] == pytest.approx(0, abs=1e-12)


def test_exposures_that_do_not_touch_are_groups_of_their_own() -> None:
    places = [(160, 160), (740, 740), (200, 190), (160, 740), (700, 720)]
    match = matched([chip(0.1 * k, place, seed=k) for k, place in enumerate(places)])
    assert match.group.tolist() == [1, 2, 1, 3, 2]
    assert match.is_matched
    assert match.level[[0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
    assert match.level[[2, 4]] == pytest.approx([0.2, 0.3], abs=0.05 * NOISE)


def test_nothing_overlaps_and_nothing_is_matched() -> None:
    match = matched([chip(1.0, (160, 160), seed=1), chip(2.0, (740, 740), seed=2)], zero="mean")
    assert (match.is_matched, match.n_groups, match.n_bins) == (False, 2, 0)
    assert match.level.tolist() == [0.0, 0.0]


def test_chips_of_different_pixel_area_have_one_level_of_surface_brightness() -> None:
    """Four chips like WFPC2, one with small pixels, rolled: the small one overlaps a large one."""
    levels = [0.8, 0.2]
    chips, exposure = [], []
    for number, level in enumerate(levels):
        corners = [(300.0, 300.0), (600.0, 300.0), (600.0, 600.0), (300.0, 600.0)]
        corners = corners[number:] + corners[:number]
        for place, (centre, scale) in enumerate(zip(corners, (1.1, 2.5, 2.5, 2.5), strict=True)):
            side = int(300 / scale)
            chips.append(chip(level, centre, seed=10 * number + place, scale=scale, shape=(side, side)))
            exposure.append(number)
    match = matched(chips, exposure)
    assert match.level == pytest.approx([0.6, 0.0], abs=0.05 * NOISE)


def test_the_chips_of_an_exposure_link_what_they_touch() -> None:
    """The second exposure touches only the first chip of the first, the third only its second."""
    chips = [
        chip(0.5, (160, 160), seed=1),
        chip(0.5, (740, 740), seed=2),
        chip(0.2, (180, 180), seed=3),
        chip(0.9, (720, 720), seed=4),
    ]
    match = matched(chips, [0, 0, 1, 2])
    assert match.group.tolist() == [1, 1, 1]
    assert match.level == pytest.approx([0.3, 0.0, 0.7], abs=0.05 * NOISE)


def test_a_trail_through_one_exposure_does_not_move_its_level() -> None:
    chips = [chip(0.3, (300, 300), seed=k) for k in range(3)]
    trail = chips[1].rate.copy()
    trail[100:160] += 100 * NOISE
    spoilt = EngineInput(trail, chips[1].weight, chips[1].mapping, 1.0, 100.0)
    assert np.mean(trail - chips[1].rate) > 10 * NOISE  # what a plain mean would take for background
    match = matched([chips[0], spoilt, chips[2]], zero="mean")
    assert match.level == pytest.approx([0.0, 0.0, 0.0], abs=0.05 * NOISE)
    assert match.n_clipped > 20
    with_two = matched([chips[0], spoilt], zero="mean")
    assert with_two.level == pytest.approx([0.0, 0.0], abs=0.05 * NOISE)


def test_single_photons_have_a_mean_where_their_median_is_zero() -> None:
    counts_per_s = (0.0002, 0.0005)
    rng = np.random.default_rng(9)
    chips = []
    for mean in counts_per_s:
        rate = rng.poisson(100 * mean, (600, 600)) / 100
        mapping = AffineMapping(1.0).centred_on(400, 400, (600, 600))
        weight = np.full(rate.shape, 100.0, np.float32)
        chips.append(EngineInput(rate.astype(np.float32), weight, mapping, 1.0, 100.0))
    match = matched(chips)
    # Poisson's error of the difference; every second pixel is used
    n_samples = 600**2 / int((BIN_PIX**2 / 90) ** 0.5) ** 2
    error = np.sqrt(sum(counts_per_s) / 100 / n_samples)
    assert match.level[1] == pytest.approx(0.0003, abs=4 * error)
    assert error < 0.0001 / 3


def test_two_common_bins_are_too_few_to_link() -> None:
    few = [flat_bins(1.0, range(10)), flat_bins(2.0, range(8, 20))]
    enough = [flat_bins(1.0, range(10)), flat_bins(2.0, range(7, 20))]
    assert match_sky(few, [0, 1], [1.0, 1.0], zero="faintest").group.tolist() == [1, 2]
    match = match_sky(enough, [0, 1], [1.0, 1.0], zero="faintest")
    assert (match.n_groups, match.n_bins) == (1, 6)
    assert match.level == pytest.approx([0.0, 1.0], abs=1e-12)


def test_a_weak_link_does_not_leak_between_groups() -> None:
    """Two pairs; one bin common to both says something else, and counts for nothing."""
    bins = [
        flat_bins(1.0, range(10)),
        flat_bins(1.5, range(10)),
        flat_bins(7.0, range(9, 20)),
        flat_bins(9.0, range(10, 20)),
    ]
    match = match_sky(bins, range(4), [1.0] * 4, zero="faintest")
    assert match.group.tolist() == [1, 1, 2, 2]
    assert match.level == pytest.approx([0.0, 0.5, 0.0, 2.0], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_that_of_all_pairs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of exposures in every common bin is one equation; its weight is that of the elimination."""
    monkeypatch.setattr("mvmdb.mosaic.sky._CLIP_SIGMA", np.inf)
    rng = np.random.default_rng(seed)
    n_exposures, n_bins = 6, 40
    sky = rng.normal(10, 3, n_bins)
    bins = []
    for level in rng.uniform(0, 2, n_exposures):
        seen = np.sort(rng.choice(n_bins, 25, replace=False))
        noise = rng.uniform(-0.005, 0.005, 25)
        n_samples = rng.integers(50, 100, 25)
        bins.append(SkyBins(seen, sky[seen] + level + noise, n_samples, rng.uniform(0.03, 0.09)))
    match = match_sky(bins, range(n_exposures), [1.0] * n_exposures, zero="mean")
    floor = 0.1 * np.median([one.sigma for one in bins])
    weights = [one.n_samples / (one.sigma**2 + floor**2) for one in bins]
    tables = [
        dict(zip(one.number, zip(one.brightness, weight, strict=True), strict=True))
        for one, weight in zip(bins, weights, strict=True)
    ]
    rows, right = [], []
    for number in range(n_bins):
        found = {k: table[number] for k, table in enumerate(tables) if number in table}
        total = sum(weight for _, weight in found.values())
        for a, b in combinations(found, 2):
            root = np.sqrt(found[a][1] * found[b][1] / total)
            rows.append(root * (np.eye(n_exposures)[a] - np.eye(n_exposures)[b]))
            right.append(root * (found[a][0] - found[b][0]))
    expected = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    assert match.level == pytest.approx(expected - expected.mean(), abs=1e-9)


def test_many_bins_in_blocks_give_the_same_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    chips = [chip(0.1 * k, (300 + 40 * k, 300), seed=k) for k in range(4)]
    whole = matched(chips)
    monkeypatch.setattr("mvmdb.mosaic.sky._CELLS_PER_BLOCK", 40)
    assert matched(chips).level == pytest.approx(whole.level, abs=1e-12)


def test_a_bin_counts_where_half_of_it_is_measured() -> None:
    rate = np.full((80, 80), 3.0, np.float32)
    weight = np.zeros((80, 80), np.float32)
    weight[:20, :20] = 1.0  # four full bins
    weight[20:30, :4] = 1.0  # less than half of one
    weight[20:30, 10:16] = 1.0  # more than half of one
    # an input pixel is two layer pixels wide and covers them exactly; a bin is 20 of these wide
    mapping = AffineMapping(2.0, shift=(0.5, 0.5))
    bins = measure_sky_bins(EngineInput(rate, weight, mapping, 0.25, 1.0), box_of((100, 100)), bin_pix=20)
    assert bins.number.tolist() == [0, 1, 5, 6, 11]
    assert bins.brightness.tolist() == [0.75] * 5


def test_what_is_masked_or_not_finite_is_not_measured() -> None:
    rng = np.random.default_rng(3)
    rate = np.full((100, 100), 2.0, np.float32)
    weight = np.ones((100, 100), np.float32)
    weight[rng.random((100, 100)) < 0.2] = 0
    rate[weight == 0] = 1e6
    rate[rng.random((100, 100)) < 0.1] = np.nan
    bins = measure_sky_bins(
        EngineInput(rate, weight, AffineMapping(), 1.0, 1.0), box_of((100, 100)), bin_pix=20
    )
    assert bins.number.tolist() == list(range(25))
    assert bins.brightness.tolist() == [2.0] * 25


def test_the_mean_does_not_stick_to_the_steps_of_counts() -> None:
    """Whole counts with a scatter of 0.8: the median is a whole number, the background is not."""
    rng = np.random.default_rng(4)
    rate = np.rint(rng.normal(5.3, 0.8, (400, 400))).astype(np.float32)
    weight = np.ones_like(rate)
    bins = measure_sky_bins(
        EngineInput(rate, weight, AffineMapping(), 1.0, 1.0), box_of((400, 400)), bin_pix=20
    )
    assert np.median(rate) == 5.0
    assert bins.brightness.mean() == pytest.approx(5.3, abs=0.03)


def test_a_chip_beside_the_layer_has_no_bins() -> None:
    bins = measure_sky_bins(chip(1.0, (5000, 5000), seed=1), box_of(LAYER), bin_pix=BIN_PIX)
    assert (bins.number.size, bins.brightness.size, bins.n_samples.size, bins.sigma) == (0, 0, 0, 0.0)


def test_bins_are_equally_wide_on_coarse_and_fine_layers() -> None:
    assert (bin_side_pix(0.04), bin_side_pix(0.12)) == (64, 21)
