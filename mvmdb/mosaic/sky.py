"""Backgrounds made equal: one level per exposure, from what overlapping exposures see in the same bins.

In a bin of the sky, exposure e measures the sky itself plus its own background: ``m = s + b``. The levels b
that fit all bins of all exposures best are found by weighted least squares, with the unknown sky of every
bin eliminated; that is the same as comparing all pairs of exposures in all bins they share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mvmdb.mosaic.sky_bins import SkyBins
from mvmdb.records import SkyZero

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FEWEST_COMMON_BINS = 3
"""Fewer common bins link no exposures: one with a moving object could not be told from the others."""
_CLIP_SIGMA = 4.0
_MAX_ROUNDS = 12
_SIGMA_FLOOR = 0.1
"""Of the usual scatter: no chip counts for more than a hundred times as much as a usual one."""
_MAD_PER_SIGMA = 0.6745
_CELLS_PER_BLOCK = 1 << 22
"""Exposures times bins worked on at a time, in 32 MiB."""


@dataclass(frozen=True, eq=False)
class SkyMatch:
    """Backgrounds of exposures, to be subtracted."""

    level: Floats
    """``(n_exposures,)``, e-/s per layer pixel."""
    group: Integers
    """``(n_exposures,)``: number of the group of overlapping exposures, from 1 in order of the exposures;
    levels of different groups are not comparable."""
    n_bins: int
    """Measurements that were compared: bins of exposures that share them with another of their group."""
    n_clipped: int
    """Measurements left out because they disagree with the others."""

    @property
    def n_groups(self) -> int:
        """Number of groups; an exposure that overlaps no other is one of its own."""
        return int(self.group.max(initial=0))

    @property
    def is_matched(self) -> bool:
        """Whether any two exposures could be compared."""
        return self.n_groups < self.group.size


@dataclass(frozen=True, eq=False)
class _Measurements:
    """Bins of all exposures, side by side."""

    exposure: Integers
    cell: Integers
    """Number of the bin, counted without gaps."""
    brightness: Floats
    weight: Floats

    def where(self, kept: NDArray[np.bool_]) -> _Measurements:
        return _Measurements(self.exposure[kept], self.cell[kept], self.brightness[kept], self.weight[kept])


def match_sky(
    bins: Sequence[SkyBins], exposure: Sequence[int], exptimes_s: Sequence[float], *, zero: SkyZero
) -> SkyMatch:
    """Return the backgrounds that make overlapping exposures agree.

    Parameters
    ----------
    bins
        The bins of every chip.
    exposure
        The exposure of every chip, as an index of ``exptimes_s``; chips of one exposure share a level.
    exptimes_s
        Exposure time of every exposure.
    zero
        Which level is 0 in a group: the mean of its exposures, weighted with the exposure time, so that the
        sum of all light stays as it is; or that of the faintest, so that nothing is added anywhere.

    Returns
    -------
    SkyMatch
        Level 0 for an exposure that shares fewer than three bins with any other.

    Notes
    -----
    A measurement weighs as the inverse square of its standard error. What disagrees with the median of its
    bin by more than 4 robust standard deviations of all such differences is left out, and the levels are
    fitted again, until nothing changes: moving objects, ghosts, satellites. Memory grows with the bins, not
    the pixels.
    """
    every = _gather(bins, exposure)
    n_exposures = len(exptimes_s)
    kept = np.ones(every.exposure.size, dtype=bool)
    level, group = np.zeros(n_exposures), np.arange(n_exposures)
    for _ in range(_MAX_ROUNDS):
        group = _link(every.where(kept), n_exposures)
        level = _fit(every.where(kept), group)
        agrees = _agrees(every, level, group)
        if (agrees == kept).all():
            break
        kept = agrees
    level = _with_zero(level, group, np.asarray(exptimes_s, dtype=np.float64), zero)
    n_bins = int(_is_shared(_within_groups(every, group)).sum())
    return SkyMatch(level, group + 1, n_bins, int((~kept).sum()))


def _gather(bins: Sequence[SkyBins], exposure: Sequence[int]) -> _Measurements:
    index = np.repeat(np.asarray(exposure, dtype=np.int64), [item.number.size for item in bins])
    number, brightness, n_samples = (
        np.concatenate([np.empty(0), *(getattr(item, name) for item in bins)])
        for name in ("number", "brightness", "n_samples")
    )
    sigma = np.repeat([item.sigma for item in bins], [item.number.size for item in bins])
    usual = float(np.median(sigma[sigma > 0])) if (sigma > 0).any() else 1.0
    weight = n_samples / (sigma**2 + (_SIGMA_FLOOR * usual) ** 2)
    return _Measurements(index, np.unique(number, return_inverse=True)[1], brightness, weight)


def _weights_by_cell(measured: _Measurements, n_exposures: int) -> Iterator[Floats]:
    """Yield the weights as arrays ``(n_exposures, n_cells)``, some cells at a time."""
    order = np.argsort(measured.cell, kind="stable")
    cell, exposure, weight = measured.cell[order], measured.exposure[order], measured.weight[order]
    step = max(1, _CELLS_PER_BLOCK // n_exposures)
    n_cells = int(cell[-1]) + 1 if cell.size else 0
    edges = np.searchsorted(cell, np.arange(0, n_cells + step, step))
    for start, stop in pairwise(edges):
        block = np.zeros((n_exposures, min(step, n_cells)))
        np.add.at(block, (exposure[start:stop], cell[start:stop] % step), weight[start:stop])
        yield block


def _link(measured: _Measurements, n_exposures: int) -> Integers:
    """Return the group of every exposure, from 0, joined through the bins they share."""
    n_common = np.zeros((n_exposures, n_exposures))
    for block in _weights_by_cell(measured, n_exposures):
        seen = (block > 0).astype(np.float32)
        n_common += seen @ seen.T
    linked = (n_common >= _FEWEST_COMMON_BINS) | np.eye(n_exposures, dtype=bool)
    group = np.arange(n_exposures)
    while ((first := np.where(linked, group, n_exposures).min(axis=1)) != group).any():
        group = first
    return np.unique(group, return_inverse=True)[1]


def _within_groups(measured: _Measurements, group: Integers) -> _Measurements:
    """Split the bins by group, so that nothing passes through a link that is too weak to count."""
    cell = measured.cell * group.size + group[measured.exposure]
    return replace(measured, cell=np.unique(cell, return_inverse=True)[1])


def _fit(measured: _Measurements, group: Integers) -> Floats:
    """Return the levels that fit best; those of a group add up to 0."""
    split = _within_groups(measured, group)
    total = np.bincount(split.cell, split.weight)
    mean = np.bincount(split.cell, split.weight * split.brightness) / total
    excess = split.brightness - mean[split.cell]
    right: Floats = np.bincount(split.exposure, split.weight * excess, minlength=group.size).astype(
        np.float64
    )
    information: Floats = np.bincount(split.exposure, split.weight, minlength=group.size).astype(np.float64)
    normal: Floats = np.diag(information)
    # a pair of exposures in a bin counts with the product of their weights over the sum of the bin
    shares = replace(split, weight=split.weight / np.sqrt(total[split.cell]))
    for block in _weights_by_cell(shares, group.size):
        normal = normal - block @ block.T
    return _solve(normal, right, information, group)


def _solve(normal: Floats, right: Floats, information: Floats, group: Integers) -> Floats:
    """Solve the normal equations, which say nothing about the sum of a group: it is set to 0."""
    scale = (np.bincount(group, information) / np.bincount(group) ** 2)[group]
    same_group = group[:, np.newaxis] == group
    level: Floats = np.linalg.solve(normal + same_group * np.where(scale > 0, scale, 1.0), right)
    return level


def _is_shared(measured: _Measurements) -> NDArray[np.bool_]:
    """Return which measurements lie in a bin with one of another exposure."""
    pairs = np.unique(np.stack([measured.cell, measured.exposure]), axis=1)
    shared: NDArray[np.bool_] = (np.bincount(pairs[0]) > 1)[measured.cell]
    return shared


def _agrees(measured: _Measurements, level: Floats, group: Integers) -> NDArray[np.bool_]:
    """Return which measurements lie near the median of their bin once the levels are subtracted.

    A level that outliers have moved lets all bins of its exposure differ by the same, which the median over
    the exposure takes away.
    """
    split = _within_groups(measured, group)
    shared = _is_shared(split)
    residual = split.brightness - level[split.exposure]
    residual -= _medians(split.cell, residual)
    residual[shared] -= _medians(split.exposure[shared], residual[shared])
    deviation = np.abs(residual) * np.sqrt(split.weight)
    differing = deviation[shared & (deviation > 0)]  # a median itself says nothing about the scatter
    if not differing.size:
        return np.ones(shared.size, dtype=bool)
    limit = _CLIP_SIGMA * float(np.median(differing)) / _MAD_PER_SIGMA
    agrees: NDArray[np.bool_] = ~shared | (deviation <= limit)
    return agrees


def _medians(label: Integers, values: Floats) -> Floats:
    """Return, for every value, the median of those with the same label."""
    _, label, count = np.unique(label, return_inverse=True, return_counts=True)
    ordered = values[np.lexsort((values, label))]
    first = np.cumsum(count) - count
    medians: Floats = (ordered[first + (count - 1) // 2] + ordered[first + count // 2]) / 2
    return medians[label]


def _with_zero(level: Floats, group: Integers, exptimes_s: Floats, zero: SkyZero) -> Floats:
    """Return the levels with the zero of each group where it is wanted; alone, an exposure has level 0."""
    shifted = np.zeros_like(level)
    for number in range(int(group.max(initial=-1)) + 1):
        members = group == number
        if members.sum() > 1:
            found = level[members]
            lowest = found.min() if zero == "faintest" else np.average(found, weights=exptimes_s[members])
            shifted[members] = found - lowest
    return shifted
