"""What a build made of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mvmdb.sky.bit_mask import BitMask
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True)
class LayerStatistics:
    """The MVM statistics of a layer, from its arrays; pixels with positive weight count as observed."""

    n_pixels_observed: int
    coverage_fraction: float
    """NPIXFRAC: observed fraction of the full skycell, not of the subarray."""
    mean_exptime_s: float
    median_exptime_s: float
    mean_n_exposures: float
    """MEANNEXP: mean number of inputs (chips) per observed pixel."""
    median_n_exposures: float
    mean_weight: float
    median_weight: float


@dataclass(frozen=True)
class InputStatistics:
    """What one input gave to a layer."""

    context_index: int
    n_pixels_contributed: int
    """Output pixels in which the input has positive weight."""
    sky_e_per_s_arcsec2: float = 0.0
    """Background subtracted from the input, after its scaling, e-/s per square arcsecond."""
    sky_group: int = 0
    """Number of the group of overlapping exposures within which the backgrounds were made equal, from 1;
    0 where nothing was matched."""
    flux_scale: float = 1.0
    """Factor by which the rates of the input were multiplied."""


@dataclass(frozen=True)
class FootprintStatistics:
    """The MVM statistics of a layer by the outlines of its chips, as the reference defines them."""

    n_pixels_covered: int
    """Pixels whose centre lies in the outline of at least one input."""
    coverage_fraction: float
    """Covered fraction of the full skycell."""
    mean_exptime_s: float
    median_exptime_s: float
    mean_n_exposures: float
    """Mean number of inputs (chips) per covered pixel."""
    median_n_exposures: float


@dataclass(frozen=True)
class Preparation:
    """What was done to the rates of a layer before they were drizzled, as header and database state it."""

    sky: str = "none"
    """``none``, ``match to mean``, ``match to faintest``, or ``none:`` and why nothing could be matched."""
    n_sky_groups: int = 0
    """Groups of exposures that overlap, directly or through others; levels of different groups are not
    comparable."""
    equalisation: str = "none"
    """``none``, ``photflam``, or ``none:`` and why nothing could be equalised."""
    photflam: float | None = None
    """Inverse sensitivity of the layer after equalisation, erg/s/cm2/Angstrom per e-/s."""


@dataclass(frozen=True, eq=False)
class LayerArrays:
    """The arrays of a layer on its subarray, in memory or mapped from a file, in any byte order."""

    science: NDArray[np.float32]
    """``(ny, nx)``, e-/s per output pixel, NaN where the weight is 0."""
    weight: NDArray[np.float32]
    """``(ny, nx)``, exposure time times the ratio of output to input pixel area, s."""
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``: bit k of plane p is set where input 32 p + k contributed."""
    error: NDArray[np.float32] | None = None
    """``(ny, nx)``, standard deviation of ``science`` from the propagated variance, NaN where the weight is
    0; None where it was not asked for. Resampling correlates neighbours, which it does not say."""

    @classmethod
    def in_memory(cls, shape: tuple[int, int], n_planes: int, *, with_error: bool) -> LayerArrays:
        """Return arrays with nothing in them yet."""
        return cls(
            np.empty(shape, dtype=np.float32),
            np.empty(shape, dtype=np.float32),
            np.empty((n_planes, *shape), dtype=np.int32),
            np.empty(shape, dtype=np.float32) if with_error else None,
        )


@dataclass(frozen=True, eq=False)
class FinishedLayer:
    """A layer that was made of the first inputs, to go on from."""

    read: Callable[[PixelBox], LayerArrays]
    """Gives the arrays of a part of ``box``, in any byte order, to any thread. Without errors: a variance
    does not survive being rounded to a standard deviation."""
    n_inputs: int
    """So many inputs are in it."""
    box: PixelBox
    """On the grid of the layer that is built."""


@dataclass(frozen=True, eq=False)
class LayerImage:
    """What a build made: the arrays, and what they say."""

    arrays: LayerArrays
    statistics: LayerStatistics
    inputs: tuple[InputStatistics, ...] = field(default_factory=tuple)
    preparation: Preparation = Preparation()
    footprints: FootprintStatistics | None = None
    observed: BitMask | None = None
    """Where the weight is positive, as it was seen while the layer was drawn."""

    @property
    def science(self) -> NDArray[np.float32]:
        """As in the arrays."""
        return self.arrays.science

    @property
    def weight(self) -> NDArray[np.float32]:
        """As in the arrays."""
        return self.arrays.weight

    @property
    def context(self) -> NDArray[np.int32]:
        """As in the arrays."""
        return self.arrays.context

    @property
    def error(self) -> NDArray[np.float32] | None:
        """As in the arrays."""
        return self.arrays.error


@dataclass(frozen=True)
class PublishedFile:
    """A product file as it stands on disk."""

    path: str
    sha256: str
    size_bytes: int
