import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mvmdb.files.preview import block_average, robust_limits, write_colour, write_preview


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def noise(
    shape: tuple[int, int], *, sky: float = 0.2, sigma: float = 0.01, seed: int = 1
) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(sky, sigma, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(7, 5), (10, 23), (60, 60), (61, 31), (1, 200)])
@pytest.mark.parametrize("max_side_pix", [5, 20, 1200])
def test_block_average_is_the_mean_of_the_finite_pixels(shape: tuple[int, int], max_side_pix: int) -> None:
    random = np.random.default_rng(3)
    image = np.where(random.random(shape) < 0.5, np.nan, random.normal(size=shape)).astype(np.float32)
    image.flat[0] = np.inf
    averaged = block_average(image, max_side_pix)
    side = next(side for side in range(1, 999) if all(-(-n // side) <= max_side_pix for n in shape))
    assert averaged.shape == tuple(-(-n // side) for n in shape)
    for (row, column), found in np.ndenumerate(averaged):
        block = image[row * side : (row + 1) * side, column * side : (column + 1) * side]
        finite = block[np.isfinite(block)].astype(float)
        assert found == pytest.approx(finite.mean() if finite.size else np.nan, rel=1e-12, nan_ok=True)


def test_north_is_up_and_east_is_left(tmp_path: Path) -> None:
    science = noise((40, 60))
    science[38, 3] = 50.0  # high y is north; x grows to the west, so low x is east
    write_preview(tmp_path / "p.png", science)
    grey = pixels(tmp_path / "p.png")[..., 0]
    assert grey.shape == (40, 60)
    assert np.argwhere(grey == 255).tolist() == [[1, 3]]


def test_unobserved_sky_is_transparent_and_black(tmp_path: Path) -> None:
    science = noise((30, 40))
    science[:10, :] = np.nan
    write_preview(tmp_path / "p.png", science)
    grey, alpha = np.moveaxis(pixels(tmp_path / "p.png"), -1, 0)
    assert (alpha[20:] == 0).all()
    assert (grey[20:] == 0).all()
    assert (alpha[:20] == 255).all()


def test_a_large_layer_becomes_a_small_picture_that_keeps_every_star(tmp_path: Path) -> None:
    science = noise((900, 1500))
    y, x = np.meshgrid(np.arange(7, 900, 100), np.arange(11, 1500, 100))
    science[y, x] = 30.0  # a picture made of every tenth pixel would lose them
    write_preview(tmp_path / "p.png", science, max_side_pix=150)
    grey = pixels(tmp_path / "p.png")[..., 0].astype(float)
    assert grey.shape == (90, 150)
    stars = grey[89 - y // 10, x // 10]
    assert stars.min() > np.percentile(grey, 98)


def test_sky_is_dark_and_faint_sources_show(tmp_path: Path) -> None:
    science = noise((200, 200))
    science[100:104, 50:54] += 0.1  # ten sigma
    science[20:24, 20:24] += 100.0
    write_preview(tmp_path / "p.png", science)
    grey = pixels(tmp_path / "p.png")[::-1, :, 0].astype(float)
    assert np.median(grey) < 90
    assert grey[100:104, 50:54].mean() > np.median(grey) + 40
    assert (grey[20:24, 20:24] == 255).all()


@pytest.mark.parametrize("value", [np.nan, 0.0, -3.5, 1e30])
def test_pictures_of_nothing(tmp_path: Path, value: float) -> None:
    science = np.full((20, 30), value, dtype=np.float32)
    write_preview(tmp_path / "grey.png", science)
    write_colour(tmp_path / "colour.png", science, science, science)
    for name in ("grey.png", "colour.png"):
        picture = pixels(tmp_path / name)
        assert picture.shape[:2] == (20, 30)
        assert (picture[..., -1] == (0 if np.isnan(value) else 255)).all()


def test_robust_limits_ignore_stars_and_gaps() -> None:
    image = noise((300, 300), sky=5.0, sigma=0.5)
    image[::30, ::30] = 1e6
    image[:50] = np.nan
    sky, sigma, white = robust_limits(image)
    assert sky == pytest.approx(5.0, abs=0.02)
    assert sigma == pytest.approx(0.5, rel=0.03)
    assert white >= sky + 10 * sigma


def test_a_lone_star_on_a_flat_sky_sets_white() -> None:
    image = np.zeros((100, 100), dtype=np.float32)
    image[50, 50] = 7.0
    assert robust_limits(image) == (0.0, 0.0, 7.0)


def test_only_the_finished_picture_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        write_preview(tmp_path / "p.png", noise((20, 20)))
    assert os.listdir(tmp_path) == ["p.png"]


def star_field(shape: tuple[int, int], colours: list[float], scale: float) -> NDArray[np.float32]:
    """A row of stars of growing brightness; the same field at any scale, as a channel with given fluxes."""
    image = noise(shape, sky=0.0, sigma=1e-4)
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx]
    for index, flux in enumerate(colours):
        distance = np.hypot((x + 0.5) * scale - 30 * (index + 1), (y + 0.5) * scale - 45)
        image += flux * 10.0 ** (index / 2 - 2) * np.exp(-0.5 * (distance / 6) ** 2)
    return image


def test_hue_does_not_depend_on_brightness(tmp_path: Path) -> None:
    channels = [star_field((90, 180), [ratio] * 5, 1) for ratio in (1.0, 0.6, 0.3)]
    # a pixel common to all fixes white, so that the channels keep their ratios
    for channel in channels:
        channel[:10, :90] = 4.0
    write_colour(tmp_path / "c.png", *channels)
    colour = pixels(tmp_path / "c.png")[::-1, :, :3].astype(float)
    peaks = np.array([colour[44, 30 * (index + 1) - 1] for index in range(1, 5)])
    assert (np.diff(peaks[:, 0]) >= 0).all()
    assert peaks[:, 1] / peaks[:, 0] == pytest.approx([0.6] * 4, abs=0.05)
    assert peaks[:, 2] / peaks[:, 0] == pytest.approx([0.3] * 4, abs=0.05)


def test_each_channel_has_its_own_scale(tmp_path: Path) -> None:
    red, green, blue = (star_field((90, 180), [flux] * 5, 1) for flux in (1.0, 0.6, 0.3))
    write_colour(tmp_path / "a.png", red, green, blue)
    write_colour(tmp_path / "b.png", 1000 * red + 5, green, blue / 8)
    assert np.abs(pixels(tmp_path / "a.png").astype(int) - pixels(tmp_path / "b.png")).max() <= 1


def test_coarse_channels_fall_on_the_fine_ones(tmp_path: Path) -> None:
    fine = star_field((90, 180), [1.0] * 5, 1)
    coarse = star_field((30, 60), [1.0] * 5, 3)
    write_colour(tmp_path / "c.png", coarse, fine, fine)
    colour = pixels(tmp_path / "c.png")[..., :3].astype(float)
    assert colour.shape[:2] == (90, 180)
    y, x = np.mgrid[:90, :180]
    centres = [(np.average(x, weights=c), np.average(y, weights=c)) for c in np.moveaxis(colour, -1, 0)]
    assert np.abs(np.subtract(centres[0], centres[1])).max() < 0.5
    bright = colour[..., 1] > 60
    assert np.abs(colour[..., 0] - colour[..., 1])[bright].mean() < 15


def test_gaps_of_a_coarse_channel_are_grey(tmp_path: Path) -> None:
    coarse, fine = noise((20, 30)), noise((60, 90), seed=2)
    coarse[:, :15] = np.nan
    coarse[5:9, 20:24] = fine[15:27, 60:72] = 9.0
    write_colour(tmp_path / "c.png", coarse, fine, np.full_like(fine, np.nan))
    picture = pixels(tmp_path / "c.png")[::-1]
    np.testing.assert_array_equal(picture[:, :45, 0], picture[:, :45, 1])
    np.testing.assert_array_equal(picture[:, :45, 2], picture[:, :45, 1])
    assert (picture[..., 3] == 255).all()
    assert (picture[17:25, 62:70, 0] > 150).all()


def test_channels_may_cover_different_sky(tmp_path: Path) -> None:
    red, green, blue = (noise((60, 90), seed=seed) for seed in (1, 2, 3))
    red[:, :30] = np.nan
    for channel in (red, green, blue):
        channel[:20] = np.nan
    write_colour(tmp_path / "c.png", red, green[:60, :], blue, max_side_pix=45)
    picture = pixels(tmp_path / "c.png")
    assert picture.shape == (30, 45, 4)
    assert (picture[:20, :, 3] == 255).all()
    assert (picture[20:] == 0).all()
