"""The error layer against repeated noise, exact areas and the formulae of a weighted mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mvmdb.errors import GridMismatchError
from mvmdb.mosaic.engine import build_layer_image
from mvmdb.mosaic.inputs import EngineInput
from mvmdb.records import DrizzleParameters, LayerImage
from tests.support.mappings import AffineMapping, box_of, overlap_areas

Floats = NDArray[np.float64]

SHAPE = (30, 36)
CHIP = (16, 20)
WITH_ERROR = DrizzleParameters(mapping_error_pix=0, error=True)


def chip_input(
    mapping: AffineMapping, seed: int, *, exptime_s: float = 100.0, area_ratio: float = 1.0
) -> EngineInput:
    """Make a chip with noise of a different size in every pixel, and some masked pixels."""
    rng = np.random.default_rng(seed)
    error = rng.uniform(0.1, 2.0, CHIP).astype(np.float32)
    good = rng.random(CHIP) < 0.9
    return EngineInput(
        rng.normal(3, 1, CHIP).astype(np.float32),
        (good * exptime_s).astype(np.float32),
        mapping,
        area_ratio,
        exptime_s,
        np.where(good, error, np.nan).astype(np.float32),
    )


def build(inputs: list[EngineInput], parameters: DrizzleParameters = WITH_ERROR) -> LayerImage:
    return build_layer_image(box_of(SHAPE), inputs, parameters=parameters, skycell_n_pixels=10**6)


def rolled(angle_rad: float, scale: float = 1.3) -> AffineMapping:
    return AffineMapping(scale, angle_rad, 0.05).centred_on(17.3, 14.8, CHIP)


def error_of(image: LayerImage) -> Floats:
    assert image.error is not None
    assert image.error.dtype == np.float32
    return image.error.astype(float)


def test_a_shift_by_whole_pixels_keeps_the_errors() -> None:
    item = chip_input(AffineMapping(shift=(5.0, 3.0)), seed=1, area_ratio=1.7)
    assert item.error is not None
    expected = np.full(SHAPE, np.nan)
    expected[3 : 3 + CHIP[0], 5 : 5 + CHIP[1]] = 1.7 * item.error
    np.testing.assert_allclose(error_of(build([item])), expected, rtol=1e-6)


def test_two_exposures_have_the_error_of_their_weighted_mean() -> None:
    items = [
        chip_input(AffineMapping(shift=(5.0, 3.0)), seed=1, exptime_s=100.0),
        chip_input(AffineMapping(shift=(9.0, 6.0)), seed=2, exptime_s=350.0),
    ]
    weights, variances = np.zeros((2, *SHAPE)), np.zeros((2, *SHAPE))
    for k, (item, (x, y)) in enumerate(zip(items, ((5, 3), (9, 6)), strict=True)):
        place = (k, slice(y, y + CHIP[0]), slice(x, x + CHIP[1]))
        assert item.error is not None
        weights[place] = item.weight
        variances[place] = np.nan_to_num(item.error) ** 2
    total = weights.sum(axis=0)
    seen = total > 0
    expected = np.full(SHAPE, np.nan)
    expected[seen] = np.sqrt((weights**2 * variances).sum(axis=0)[seen]) / total[seen]
    assert ((weights > 0).sum(axis=0) == 2).any()
    np.testing.assert_allclose(error_of(build(items)), expected, rtol=1e-5)


@pytest.mark.parametrize("pixfrac", [1.0, 0.7])
def test_every_input_pixel_counts_with_its_exact_share(pixfrac: float) -> None:
    """The area that an input pixel covers of an output pixel, from polygons, is its share."""
    mapping = rolled(0.6)
    item = chip_input(mapping, seed=3)
    assert item.error is not None
    weight, variance = np.zeros(SHAPE), np.zeros(SHAPE)
    half = pixfrac / 2
    for y, x in np.argwhere(item.weight > 0):
        (outline,) = mapping.pixel_outlines(np.array([[x - half, y - half, x + half, y + half]]))
        share = item.weight[y, x] * overlap_areas(outline, SHAPE) / outline.area
        weight += share
        variance += share**2 * float(item.error[y, x]) ** 2
    image = build([item], replace(WITH_ERROR, pixfrac=pixfrac))
    whole = weight > 1e-2 * weight.max()
    expected = np.sqrt(variance[whole]) / weight[whole]
    np.testing.assert_allclose(error_of(image)[whole], expected, rtol=2e-3)
    # all of the variance, with the squares of the weights, is there
    ours = np.nansum(image.weight.astype(float) ** 2 * error_of(image) ** 2)
    assert ours == pytest.approx(variance.sum(), rel=1e-4)


@pytest.mark.parametrize("kernel", ["square", "turbo"])
def test_repeated_noise_scatters_as_the_error_says(kernel: str) -> None:
    parameters = replace(WITH_ERROR, kernel=kernel)
    items = [
        chip_input(rolled(0.4), seed=4, exptime_s=100.0, area_ratio=1.3**-2),
        chip_input(rolled(2.0, scale=0.9), seed=5, exptime_s=250.0, area_ratio=0.9**-2),
    ]
    rng = np.random.default_rng(6)
    n_draws = 400
    draws = []
    for _ in range(n_draws):
        noisy = [
            replace(item, rate=item.rate + np.nan_to_num(item.error) * rng.standard_normal(CHIP))
            for item in items
        ]
        draws.append(build(noisy, replace(parameters, error=False)).science)
    image = build(items, parameters)
    solid = image.weight > 0.05 * image.weight.max()
    ratio = np.std(draws, axis=0, ddof=1)[solid] / error_of(image)[solid]
    # the scatter of 400 draws is known to 1 / sqrt(2 * 400) = 3.5 %
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert np.abs(ratio - 1).max() < 5 * 0.0354


def test_science_and_weight_do_not_depend_on_the_error_layer() -> None:
    items = [chip_input(rolled(0.4), seed=4), chip_input(rolled(2.0), seed=5)]
    plain, full = build(items, replace(WITH_ERROR, error=False)), build(items)
    assert plain.error is None
    for name in ("science", "weight", "context"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(full, name))
    np.testing.assert_array_equal(np.isnan(error_of(full)), full.weight == 0)


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -1.0])
def test_a_good_pixel_of_unknown_error_makes_the_error_unknown_where_it_falls(unknown: float) -> None:
    whole = chip_input(AffineMapping(shift=(5.5, 3.0)), seed=1)
    whole = replace(whole, weight=np.full_like(whole.weight, 100.0), error=np.ones_like(whole.rate))
    error = np.ones_like(whole.rate)
    error[7, 8] = unknown
    image = build([replace(whole, error=error)])
    differs = np.isnan(error_of(image)) & np.isfinite(error_of(build([whole])))
    assert np.argwhere(differs).tolist() == [[10, 13], [10, 14]]
    assert np.isfinite(image.science[10, 13:15]).all()


def test_every_input_needs_an_error_of_its_shape() -> None:
    item = chip_input(rolled(0.4), seed=4)
    with pytest.raises(ValueError, match="needs the error of every input"):
        build([item, replace(item, error=None)])
    with pytest.raises(GridMismatchError, match="error has shape"):
        replace(item, error=np.ones((3, 3), np.float32))
