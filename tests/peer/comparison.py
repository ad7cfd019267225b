"""How far two mosaics of one layer are apart: pure numbers from arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAINT_WEIGHT = 1e-3
"""Below this fraction of the median weight a pixel is a sliver: which inputs touch it may differ."""
LARGEST_SCI_OVER_SIGMA = 1e-3
LARGEST_WHT_RELATIVE = 1e-4
_BLOCK_PIX = 16
_MAD_PER_SIGMA = 1.4826

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The arrays of one layer, from whichever side."""

    science: Floats
    """``(ny, nx)``."""
    weight: Floats
    """``(ny, nx)``, 0 where nothing contributed."""
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``."""


@dataclass(frozen=True)
class Difference:
    """What two mosaics differ by, over the pixels that have weight in both unless said otherwise."""

    n_covered: int
    """Pixels with weight in both."""
    covered_by_one_only: int
    covered_by_one_only_heavy: int
    """Of those, the ones that are no slivers."""
    sigma: float
    """Noise of the science image in its quieter parts."""
    sci_median: float
    sci_p9999: float
    sci_max: float
    sci_p9999_over_sigma: float
    sci_max_over_sigma: float
    wht_median: float
    """Median weight."""
    wht_median_relative: float
    wht_p9999_relative: float
    """Relative to the larger of the two weights of the pixel itself."""
    wht_max_relative: float
    """Relative to the larger of the two weights of the pixel itself."""
    wht_max_over_median: float
    """Largest difference of weights over the median weight."""
    ctx_differs: int
    """Pixels, of all, whose context differs in any plane."""
    ctx_differs_heavy: int
    """Of those, the ones that are no slivers."""
    peer_sci_without_weight: int
    """Pixels to which the peer gives a science value and no weight."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What exceeds the agreement expected, in words; empty where all is well."""
        checks = (
            (self.n_covered > 0, "no pixel is covered by both"),
            (
                self.sci_p9999_over_sigma < LARGEST_SCI_OVER_SIGMA,
                f"SCI differs by {self.sci_p9999_over_sigma:.2g} sigma",
            ),
            (
                self.wht_p9999_relative < LARGEST_WHT_RELATIVE,
                f"WHT differs by {self.wht_p9999_relative:.2g} of itself",
            ),
            (self.ctx_differs_heavy == 0, f"CTX differs on {self.ctx_differs_heavy} pixels of good weight"),
            (
                self.covered_by_one_only_heavy == 0,
                f"{self.covered_by_one_only_heavy} pixels of good weight are covered by one only",
            ),
        )
        return tuple(words for passed, words in checks if not passed)


def compare(ours: Mosaic, peer: Mosaic) -> Difference:
    """Compare two mosaics of one layer on one grid.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if ours.science.shape != peer.science.shape or ours.context.shape != peer.context.shape:
        raise ValueError(
            f"shapes differ: science {ours.science.shape} and {peer.science.shape}, "
            f"context {ours.context.shape} and {peer.context.shape}"
        )
    both, one_only = coverage(ours.weight, peer.weight)
    weight, peer_weight = ours.weight[both].astype(float), peer.weight[both].astype(float)
    median_weight = _median(weight)
    sliver = np.maximum(ours.weight, peer.weight) < FAINT_WEIGHT * median_weight
    science = np.abs(ours.science[both].astype(float) - peer.science[both])
    weights = np.abs(weight - peer_weight)
    relative = weights / np.maximum(weight, peer_weight)
    other_context = (ours.context != peer.context).any(axis=0)
    sigma = noise_sigma(np.where(both, ours.science, np.nan))
    return Difference(
        n_covered=int(both.sum()),
        covered_by_one_only=int(one_only.sum()),
        covered_by_one_only_heavy=int((one_only & ~sliver).sum()),
        sigma=sigma,
        sci_median=_median(science),
        sci_p9999=percentile_9999(science),
        sci_max=float(science.max(initial=0.0)),
        sci_p9999_over_sigma=percentile_9999(science) / sigma,
        sci_max_over_sigma=float(science.max(initial=0.0)) / sigma,
        wht_median=median_weight,
        wht_median_relative=_median(relative),
        wht_p9999_relative=percentile_9999(relative),
        wht_max_relative=float(relative.max(initial=0.0)),
        wht_max_over_median=float(weights.max(initial=0.0)) / median_weight,
        ctx_differs=int(other_context.sum()),
        ctx_differs_heavy=int((other_context & ~sliver).sum()),
        peer_sci_without_weight=int((np.isfinite(peer.science) & ~(peer.weight > 0)).sum()),
    )


def coverage(weight: Floats, other_weight: Floats) -> tuple[Bools, Bools]:
    """Return where both weights are positive, and where only one is."""
    covered, other_covered = weight > 0, other_weight > 0
    return covered & other_covered, covered ^ other_covered


def percentile_9999(values: Floats) -> float:
    """Return the value that 0.01% of the values exceed, one of them (no interpolation); NaN of none."""
    return float(np.percentile(values, 99.99, method="higher")) if values.size else float("nan")


def noise_sigma(science: Floats) -> float:
    """Return the noise of an image from its quieter quarter, whatever stands in the rest.

    Parameters
    ----------
    science
        ``(ny, nx)``, NaN where nothing is known.

    Returns
    -------
    float
        First quartile over blocks of 16 x 16 pixels, all of them known, of their robust scatter (1.4826
        times the median absolute deviation); NaN where no such block is.
    """
    n_y, n_x = (n_pix // _BLOCK_PIX for n_pix in science.shape)
    cut = science[: n_y * _BLOCK_PIX, : n_x * _BLOCK_PIX].astype(float)
    blocks = cut.reshape(n_y, _BLOCK_PIX, n_x, _BLOCK_PIX).swapaxes(1, 2).reshape(-1, _BLOCK_PIX**2)
    known = blocks[np.isfinite(blocks).all(axis=1)]
    deviations = np.abs(known - np.median(known, axis=1, keepdims=True))
    scatter = _MAD_PER_SIGMA * np.median(deviations, axis=1)
    return float(np.percentile(scatter, 25)) if scatter.size else float("nan")


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else float("nan")
