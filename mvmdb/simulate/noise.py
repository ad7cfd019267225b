"""From light to calibrated pixels: noise, cosmic rays and detector flaws, flagged as in the archive."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.simulate.detectors import Detector

BAD = 4
HOT = 16
WARM = 64
SATURATED = 256
BLOB = 512
COSMIC_RAY = 4096
"""Data quality bits of ACS and WFC3."""

_PIXELS_PER_RAY = 6.0
_RAY_E = 500.0
_HOT_DARK_E_S = 0.15
_WARM_DARK_E_S = 0.04

Image = NDArray[np.float32]
Quality = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class ChipPixels:
    """Electrons, their standard error, and data quality bits of one chip, each ``(ny, nx)``."""

    science_e: Image
    error_e: Image
    quality: Quality


def expose(
    rate_e_s: Image, *, exptime_s: float, detector: Detector, rng: np.random.Generator | None
) -> ChipPixels:
    """Return what a chip reads after an exposure, before any flaw.

    Parameters
    ----------
    rate_e_s
        Flat-fielded rate of sources and sky, ``(ny, nx)``; not changed.
    rng
        Source of shot noise and read noise, taken as one normal deviate per pixel; None: no noise.
        The error is the same either way.
    """
    science = rate_e_s * np.float32(exptime_s)
    error = science + np.float32(detector.dark_e_s * exptime_s + detector.read_noise_e**2)
    np.sqrt(error, out=error)
    if rng is not None:
        noise = rng.standard_normal(science.shape, dtype=np.float32)
        noise *= error
        science += noise
    return ChipPixels(science, error, np.zeros(science.shape, dtype=np.int16))


def add_flaws(
    pixels: ChipPixels, *, exptime_s: float, detector: Detector, chip_key: str, rng: np.random.Generator
) -> None:
    """Add cosmic rays and the flaws of the detector to pixels, in place, each with its bit.

    Parameters
    ----------
    chip_key
        Names the chip: its own flaws are the same in every exposure.
    rng
        Source of what differs between exposures.
    """
    chip_rng = np.random.default_rng(zlib.crc32(chip_key.encode()))
    flaws = detector.artifacts
    _add_dark_noise(pixels, flaws.hot_fraction, HOT, _HOT_DARK_E_S * exptime_s, (chip_rng, rng))
    _add_dark_noise(pixels, flaws.warm_fraction, WARM, _WARM_DARK_E_S * exptime_s, (chip_rng, rng))
    _add_bad_columns(pixels, flaws.bad_column_fraction, chip_rng)
    _add_bad_pixels(pixels, flaws.bad_pixel_fraction, chip_rng)
    _add_blobs(pixels, flaws.n_blobs, chip_rng)
    _add_cosmic_rays(pixels, flaws.cosmic_ray_per_pixel_s * exptime_s, rng)
    if detector.full_well_e is not None:
        _saturate(pixels, detector.full_well_e)


def _add_dark_noise(
    pixels: ChipPixels,
    fraction: float,
    bit: int,
    dark_e: float,
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> None:
    """Flag pixels whose dark current is subtracted but has left its noise."""
    chip_rng, rng = rngs
    n = round(fraction * pixels.quality.size)
    where = chip_rng.integers(0, pixels.quality.size, n)
    spread = np.sqrt(dark_e * chip_rng.lognormal(0, 0.6, n))
    pixels.science_e.reshape(-1)[where] += spread * rng.standard_normal(n)
    pixels.quality.reshape(-1)[where] |= bit


def _add_bad_columns(pixels: ChipPixels, fraction: float, chip_rng: np.random.Generator) -> None:
    """Flag columns from a bad pixel to the far end, with charge left in them."""
    n_y, n_x = pixels.quality.shape
    for column in chip_rng.integers(0, n_x, round(fraction * n_x)):
        first = chip_rng.integers(0, n_y)
        pixels.science_e[first:, column] += np.float32(chip_rng.uniform(15, 80))
        pixels.quality[first:, column] |= BAD


def _add_bad_pixels(pixels: ChipPixels, fraction: float, chip_rng: np.random.Generator) -> None:
    """Flag pixels that count anything but the light."""
    n = round(fraction * pixels.quality.size)
    where = chip_rng.integers(0, pixels.quality.size, n)
    pixels.science_e.reshape(-1)[where] *= chip_rng.uniform(-0.2, 2.5, n)
    pixels.quality.reshape(-1)[where] |= BAD


def _add_blobs(pixels: ChipPixels, n_blobs: int, chip_rng: np.random.Generator) -> None:
    """Flag round spots where the channel-select mirror is stained and reflects less."""
    n_y, n_x = pixels.quality.shape
    for _ in range(n_blobs):
        x, y, radius = chip_rng.uniform((0, 0, 6), (n_x, n_y, 13))
        x0, y0 = max(int(x - radius), 0), max(int(y - radius), 0)
        window = slice(y0, int(y + radius) + 2), slice(x0, int(x + radius) + 2)
        rows, columns = np.indices(pixels.quality[window].shape)
        stained = np.hypot(columns + x0 - x, rows + y0 - y) < radius
        pixels.science_e[window][stained] *= np.float32(0.93)
        pixels.quality[window][stained] |= BLOB


def _add_cosmic_rays(pixels: ChipPixels, fraction: float, rng: np.random.Generator) -> None:
    """Draw straight tracks with some charge beside them; the archive's single-visit step flags both."""
    n_y, n_x = pixels.quality.shape
    n_rays = rng.poisson(fraction * pixels.quality.size / _PIXELS_PER_RAY)
    n_steps = 1 + np.minimum(rng.exponential(_PIXELS_PER_RAY * 0.6, n_rays), 60).astype(np.int64)
    ray = np.repeat(np.arange(n_rays), n_steps)
    step = np.arange(ray.size) - np.repeat(np.cumsum(n_steps) - n_steps, n_steps)
    x0, y0, turn = rng.uniform(0, n_x, n_rays), rng.uniform(0, n_y, n_rays), rng.uniform(0, np.pi, n_rays)
    charge_e = _RAY_E * rng.lognormal(0, 0.9, n_rays)[ray] * rng.lognormal(0, 0.4, ray.size)
    x = np.rint(x0[ray] + step * np.cos(turn)[ray]).astype(np.int64)
    y = np.rint(y0[ray] + step * np.sin(turn)[ray]).astype(np.int64)
    beside = rng.random(ray.size) < 0.4
    x = np.concatenate([x, x[beside] + rng.integers(-1, 2, beside.sum())])
    y = np.concatenate([y, y[beside] + rng.integers(-1, 2, beside.sum())])
    charge_e = np.concatenate([charge_e, 0.12 * charge_e[beside]])
    inside = (x >= 0) & (x < n_x) & (y >= 0) & (y < n_y)
    where = (y * n_x + x)[inside]
    np.add.at(pixels.science_e.reshape(-1), where, charge_e[inside].astype(np.float32))
    pixels.quality.reshape(-1)[where] |= COSMIC_RAY


def _saturate(pixels: ChipPixels, full_well_e: float) -> None:
    full = pixels.science_e >= full_well_e
    pixels.science_e[full] = full_well_e
    pixels.quality[full] |= SATURATED
