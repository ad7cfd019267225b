"""The picture of a difference: two images on one grey scale, and what the second has more or less."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import AsinhNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mvmdb.pictures.figure import INK, new_figure

_SIZE_IN = (15.0, 6.0)
_SIGMA_PER_MAD = 1.4826
_SIGMAS_SHOWN = 5.0


def draw_difference(
    a: NDArray[np.floating], b: NDArray[np.floating], *, titles: tuple[str, str], bin_arcsec: float
) -> Figure:
    """Return a picture of three panels: A, B, and B less A.

    Parameters
    ----------
    a, b
        Images ``(ny, nx)`` of the same sky, e-/s per pixel, north up; NaN stays white.
    titles
        What A and B are.
    bin_arcsec
        Side of a pixel of these images.

    Notes
    -----
    A and B have one scale, from the sky of both to their 99.7th percentile, by the inverse hyperbolic
    sine. Red is where B has more light, blue where it has less.
    """
    figure = new_figure(*_SIZE_IN)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    grey = _grey(a, b)
    coloured = _signed(b - a)
    shown = (
        (a, titles[0], "Greys_r", grey),
        (b, titles[1], "Greys_r", grey),
        (b - a, "B - A", "RdBu_r", coloured),
    )
    for panel, (image, title, colours, norm) in zip(panels, shown, strict=True):
        drawn = panel.imshow(image, origin="lower", cmap=colours, norm=norm, interpolation="nearest")
        panel.set_title(title, fontsize=7, color=INK)
        panel.set_xticks([])
        panel.set_yticks([])
        bar = figure.colorbar(drawn, ax=panel, orientation="horizontal", fraction=0.05, pad=0.03)
        bar.ax.tick_params(labelsize=7)
    panels[0].set_ylabel(f"one pixel of the picture: {bin_arcsec:g} arcsec", fontsize=8, color=INK)
    panels[2].set_xlabel("e-/s per pixel", fontsize=8, color=INK)
    return figure


def _grey(a: NDArray[np.floating], b: NDArray[np.floating]) -> Normalize:
    values = np.concatenate([image[np.isfinite(image)] for image in (a, b)])
    if values.size == 0:
        return Normalize(0.0, 1.0)
    sky, sigma = _level_and_noise(values)
    white = max(float(np.percentile(values, 99.7)), sky + 10 * sigma)
    return AsinhNorm(linear_width=3 * sigma, vmin=sky - sigma, vmax=white)


def _signed(difference: NDArray[np.floating]) -> Normalize:
    """Return a scale around zero, to five times the scatter but not beyond the largest difference."""
    values = difference[np.isfinite(difference)]
    largest = float(np.abs(values).max(initial=0.0))
    _, sigma = _level_and_noise(values) if values.size else (0.0, 0.0)
    limit = largest
    if largest > _SIGMAS_SHOWN * sigma > 1e-6 * largest:
        limit = _SIGMAS_SHOWN * sigma
    return Normalize(-(limit or 1.0), limit or 1.0)


def _level_and_noise(values: NDArray[np.floating]) -> tuple[float, float]:
    level = float(np.median(values))
    sigma = _SIGMA_PER_MAD * float(np.median(np.abs(values - level)))
    return level, sigma or max(abs(level), 1.0) * 1e-6
