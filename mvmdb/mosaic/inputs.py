"""One chip, ready to drizzle, and the pixels of it that are wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import GridMismatchError
from mvmdb.mosaic.pixmap import PixelMapping
from mvmdb.sky.grid import PixelBox

Float32s = NDArray[np.float32]


class Pixels(Protocol):
    """What gives pixels for slices of rows and columns: an array, or a file that is read on demand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""

    def __getitem__(self, slices: tuple[slice, slice], /) -> NDArray[Any]:
        """Return some rows and columns as an array of numbers."""


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """Pixels as they stand in a file, and how they become rates and weights."""

    science: NDArray[np.generic]
    """``(ny, nx)``, big-endian float32: times ``factor`` e-/s."""
    dq: NDArray[np.generic]
    """``(ny, nx)``, big-endian int16."""
    factor: float
    flux_scale: float
    """Of the rate."""
    sky_e_per_s: float
    """Subtracted from the scaled rate."""
    rejecting_bits: int
    """A pixel with any of these DQ bits is masked."""
    exptime_s: float
    """Weight of the others, as far as their rate is finite."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""
        return self.science.shape

    def part(self, box: PixelBox) -> StoredPixels:
        """Return the pixels in a box of the chip; nothing is read."""
        return replace(self, science=self.science[box.slices], dq=self.dq[box.slices])


@dataclass(frozen=True, eq=False)
class EngineInput:
    """One chip, ready to drizzle.

    Raises
    ------
    GridMismatchError
        Rate, weight and error are not images of one shape, at least 2 x 2 pixels.
    ValueError
        The exposure time or the area ratio is not positive.
    """

    rate: Pixels
    """``(ny, nx)``, e-/s per input pixel; what is not finite is treated as masked."""
    weight: Pixels
    """``(ny, nx)``, the exposure time on good pixels and 0 on masked ones, s."""
    mapping: PixelMapping
    """From the chip's pixels to those of the layer."""
    area_ratio: float
    """Area of an output pixel over the area of the input pixel to which the photometry refers."""
    exptime_s: float
    error: Pixels | None = None
    """``(ny, nx)``, standard deviation of ``rate``; needed where an error layer is made. What is no number of
    at least 0 on a good pixel makes the error of the layer unknown there."""
    stored: StoredPixels | None = None
    """What rate and weight are computed from, where the kernel can do that itself, with the same bits."""

    def __post_init__(self) -> None:
        if self.rate.shape != self.weight.shape or len(self.rate.shape) != 2 or min(self.rate.shape) < 2:
            raise GridMismatchError(
                f"rate has shape {self.rate.shape}, weight {self.weight.shape}: "
                "expected two images of one shape, at least 2 x 2 pixels"
            )
        if self.error is not None and self.error.shape != self.rate.shape:
            raise GridMismatchError(f"error has shape {self.error.shape}, rate {self.rate.shape}")
        if self.stored is not None and self.stored.shape != self.rate.shape:
            raise GridMismatchError(f"stored pixels have shape {self.stored.shape}, rate {self.rate.shape}")
        if not (self.exptime_s > 0 and self.area_ratio > 0):
            raise ValueError(
                f"exposure time {self.exptime_s} s and area ratio {self.area_ratio} must be positive"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """``(ny, nx)``."""
        n_y_pix, n_x_pix = self.rate.shape
        return n_y_pix, n_x_pix


@dataclass(frozen=True, eq=False)
class Part:
    """What is drizzled of a chip: contiguous native float32, 0 where it is masked."""

    rate: Float32s
    weight: Float32s
    variance: Float32s | None

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""
        return self.rate.shape


def read_part(item: EngineInput, box: PixelBox, *, with_variance: bool, ring_pix: int = 0) -> Part:
    """Return the pixels in a box of a chip, 0 wherever rate or weight is unusable: a NaN there never spreads.

    Parameters
    ----------
    item, box
        The chip, and what is wanted of it, chip pixels.
    with_variance
        Read the errors too.
    ring_pix
        Put a ring of so many masked pixels around.

    Raises
    ------
    ValueError
        A weight is negative, or the variance is wanted and the input has no error.
    """
    rate, weight = item.rate[box.slices], item.weight[box.slices]
    good = np.isfinite(rate) & np.isfinite(weight)
    if weight.size and np.min(weight, where=good, initial=0) < 0:
        raise ValueError("weights must not be negative")
    variance = _variance(item, box, good & (weight > 0)) if with_variance else None
    return Part(
        _ringed(rate, good, ring_pix),
        _ringed(weight, good, ring_pix),
        None if variance is None else _ringed(variance, good, ring_pix),
    )


def _ringed(image: NDArray[Any], good: NDArray[np.bool_], ring_pix: int) -> Float32s:
    """Return an image in a ring of zeros, 0 as well where it is not good."""
    n_y, n_x = good.shape
    ringed = np.zeros((n_y + 2 * ring_pix, n_x + 2 * ring_pix), dtype=np.float32)
    inside = ringed[ring_pix : ring_pix + n_y, ring_pix : ring_pix + n_x]
    np.copyto(inside, image, where=good, casting="same_kind")
    return ringed


def _variance(item: EngineInput, box: PixelBox, good: NDArray[np.bool_]) -> Float32s:
    """Return the variance of good pixels, NaN where it is unknown, and 0 elsewhere."""
    if item.error is None:
        raise ValueError("an error layer needs the error of every input")
    error = np.where(good, item.error[box.slices], 0).astype(np.float32, copy=False)
    variance: Float32s = np.where(np.isfinite(error) & (error >= 0), error, np.nan) ** 2
    return variance
