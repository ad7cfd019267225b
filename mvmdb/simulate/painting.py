"""Light on pixels: stars integrated over each pixel, galaxies as Gaussians, through a chip's own WCS."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from mvmdb.simulate.distortion import Floats, local_matrix_arcsec
from mvmdb.simulate.scene import Gaussians, Scene, Stars

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
_REACH_SIGMA = 4.5
_PIXEL_VARIANCE = 1 / 12
"""Variance of a uniform pixel: adding it to a Gaussian stands for the integral over the pixel."""
_SPIKED_FLUX_E_S = 300.0
_SPIKE_FRACTION = 0.015
_SPIKE_LENGTH_ARCSEC = 1.6
_OUTSIDE_PIX = 300.0
"""More than the distortion moves any pixel: what lies farther out never reaches the chip."""

Image = NDArray[np.float32]


@dataclass(frozen=True)
class PsfPart:
    """One round Gaussian of a point-spread function."""

    fraction: float
    sigma_arcsec: float


def telescope_psf(fwhm_arcsec: float) -> tuple[PsfPart, ...]:
    """Return a core and three ever wider halos that sum to 1."""
    core = fwhm_arcsec / FWHM_PER_SIGMA
    return tuple(
        PsfPart(fraction, core * width)
        for fraction, width in ((0.80, 1.0), (0.14, 2.4), (0.045, 6.0), (0.015, 16.0))
    )


def gaussian_psf(fwhm_arcsec: float) -> tuple[PsfPart, ...]:
    """Return a single Gaussian, for tests that need to know the profile."""
    return (PsfPart(1.0, fwhm_arcsec / FWHM_PER_SIGMA),)


def paint_scene(
    scene: Scene, band: str, wcs: WCS, shape: tuple[int, int], *, psf_fwhm_arcsec: float
) -> Image:
    """Return the light of all sources that falls on each pixel of a chip, without sky.

    Parameters
    ----------
    band
        ``wfc3/ir/f160w``: which fluxes of the scene to take.
    wcs
        WCS of the chip with all its distortions.
    shape
        ``(ny, nx)``.

    Returns
    -------
    numpy.ndarray
        ``(ny, nx)``, float32, e-/s, not yet divided by a flat field.
    """
    image = np.zeros(shape, dtype=np.float32)
    paint_galaxies(image, scene.galaxies, band, wcs, psf_fwhm_arcsec=psf_fwhm_arcsec)
    paint_stars(image, scene.stars, band, wcs, psf=telescope_psf(psf_fwhm_arcsec), spikes=True)
    return image


def paint_stars(
    image: Image, stars: Stars, band: str, wcs: WCS, *, psf: tuple[PsfPart, ...], spikes: bool = False
) -> None:
    """Add stars to an image, each Gaussian of the PSF integrated exactly over every pixel.

    The PSF is round on the sky up to the skew of the pixels (a few per cent), which is left out.
    """
    x_pix, y_pix, near = chip_positions(wcs, stars.ra_deg, stars.dec_deg, image.shape)
    flux = stars.flux_e_s[band][near]
    scale_x, scale_y = _pixel_scales_arcsec(wcs, image.shape)
    in_spikes = np.where(spikes & (flux > _SPIKED_FLUX_E_S), _SPIKE_FRACTION, 0.0)
    for part in psf:
        sigma = part.sigma_arcsec / scale_x, part.sigma_arcsec / scale_y
        amounts = flux * (1 - in_spikes) * part.fraction
        for x, y, amount in zip(x_pix.tolist(), y_pix.tolist(), amounts.tolist(), strict=True):
            _add_star(image, (x, y), amount, sigma)
    if np.any(in_spikes > 0):
        spiked = in_spikes > 0
        widths_pix = psf[0].sigma_arcsec / scale_x, _SPIKE_LENGTH_ARCSEC / scale_x
        _add_spikes(image, x_pix[spiked], y_pix[spiked], (flux * in_spikes)[spiked], widths_pix)


def paint_galaxies(image: Image, galaxies: Gaussians, band: str, wcs: WCS, *, psf_fwhm_arcsec: float) -> None:
    """Add Gaussians of light to an image, convolved with the core of the PSF and with the pixel."""
    scale_x, scale_y = _pixel_scales_arcsec(wcs, image.shape)
    widths_arcsec2 = galaxies.covariance_arcsec2.trace(axis1=1, axis2=2) + psf_fwhm_arcsec**2
    reach_pix = _REACH_SIGMA * np.sqrt(widths_arcsec2) / min(scale_x, scale_y)
    x_pix, y_pix, near = chip_positions(
        wcs, galaxies.ra_deg, galaxies.dec_deg, image.shape, reach_pix=reach_pix
    )
    to_sky = local_matrix_arcsec(wcs, x_pix, y_pix)
    sky = galaxies.covariance_arcsec2[near] + np.eye(2) * (psf_fwhm_arcsec / FWHM_PER_SIGMA) ** 2
    to_pixel = np.linalg.inv(to_sky)
    covariance = to_pixel @ sky @ to_pixel.transpose(0, 2, 1) + np.eye(2) * _PIXEL_VARIANCE
    _add_gaussians(image, x_pix, y_pix, covariance, galaxies.flux_e_s[band][near])


def chip_positions(
    wcs: WCS, ra_deg: Floats, dec_deg: Floats, shape: tuple[int, ...], *, reach_pix: Floats | float = 0.0
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Return where sky positions fall on a chip, through all its distortions.

    Parameters
    ----------
    reach_pix
        How far from its position a source still shines, of each or of all.

    Returns
    -------
    x_pix, y_pix
        0-based positions on the chip or up to 300 pixels and their reach beside it.
    near
        Index into the input of each position returned.
    """
    ny, nx = shape
    x_linear, y_linear = wcs.wcs_world2pix(ra_deg, dec_deg, 0)
    beside_pix = _OUTSIDE_PIX + reach_pix
    inside = (np.abs(x_linear - nx / 2) < nx / 2 + beside_pix) & (
        np.abs(y_linear - ny / 2) < ny / 2 + beside_pix
    )
    near = np.flatnonzero(inside)
    if near.size == 0:
        return np.empty(0), np.empty(0), near
    x_pix, y_pix = wcs.all_world2pix(ra_deg[near], dec_deg[near], 0, tolerance=1e-6, maxiter=40, quiet=True)
    return np.asarray(x_pix), np.asarray(y_pix), near


def _pixel_scales_arcsec(wcs: WCS, shape: tuple[int, ...]) -> tuple[float, float]:
    matrix = local_matrix_arcsec(wcs, np.array([shape[1] / 2]), np.array([shape[0] / 2]))[0]
    scale_x, scale_y = np.hypot(matrix[0], matrix[1])
    return float(scale_x), float(scale_y)


def _window(centre: float, reach: float, n_pix: int) -> tuple[int, int]:
    """Return the half-open pixel range of a stamp on one axis; empty where it misses the image."""
    return max(math.ceil(centre - reach), 0), min(math.floor(centre + reach) + 1, n_pix)


def _integrals(centre: float, sigma: float, low: int, high: int) -> NDArray[np.float64]:
    """Return the integral of a normal distribution over each pixel of a range."""
    scale = 1 / (sigma * math.sqrt(2))
    edges = [0.5 * math.erf((edge - 0.5 - centre) * scale) for edge in range(low, high + 1)]
    return np.diff(edges)


def _add_star(image: Image, centre: tuple[float, float], flux: float, sigma: tuple[float, float]) -> None:
    # Half a pixel more than the reach, so that the window holds whole pixels.
    x0, x1 = _window(centre[0], _REACH_SIGMA * sigma[0] + 0.5, image.shape[1])
    y0, y1 = _window(centre[1], _REACH_SIGMA * sigma[1] + 0.5, image.shape[0])
    if x0 < x1 and y0 < y1:
        columns = _integrals(centre[0], sigma[0], x0, x1)
        rows = _integrals(centre[1], sigma[1], y0, y1)
        image[y0:y1, x0:x1] += np.outer(flux * rows, columns)


def _add_spikes(
    image: Image, x_pix: Floats, y_pix: Floats, flux: Floats, widths_pix: tuple[float, float]
) -> None:
    """Add the cross of diffraction spikes, along the diagonals of the detector."""
    across, along = widths_pix
    for sign in (1, -1):
        spread = (along**2 + across**2) / 2 + _PIXEL_VARIANCE
        slant = sign * (along**2 - across**2) / 2
        covariance = np.broadcast_to(np.array([[spread, slant], [slant, spread]]), (x_pix.size, 2, 2))
        _add_gaussians(image, x_pix, y_pix, covariance, flux / 2)


def _add_gaussians(image: Image, x_pix: Floats, y_pix: Floats, covariance: Floats, flux: Floats) -> None:
    inverse = np.linalg.inv(covariance)
    peak = flux / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    reach = _REACH_SIGMA * np.sqrt(covariance[:, (0, 1), (0, 1)])
    rows = np.column_stack(
        [x_pix, y_pix, peak, reach, -inverse[:, 0, 0] / 2, -inverse[:, 0, 1], -inverse[:, 1, 1] / 2]
    )
    for x, y, top, reach_x, reach_y, in_x, in_xy, in_y in rows.tolist():
        x0, x1 = _window(x, reach_x, image.shape[1])
        y0, y1 = _window(y, reach_y, image.shape[0])
        if x0 < x1 and y0 < y1:
            dx = np.arange(x0, x1, dtype=np.float32) - np.float32(x)
            dy = np.arange(y0, y1, dtype=np.float32) - np.float32(y)
            exponent = np.multiply.outer(dy * np.float32(in_xy), dx)
            exponent += np.float32(in_x) * dx * dx
            exponent += (np.float32(in_y) * dy * dy)[:, None]
            np.exp(exponent, out=exponent)
            exponent *= np.float32(top)
            image[y0:y1, x0:x1] += exponent
