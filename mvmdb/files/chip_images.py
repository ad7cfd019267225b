"""The images of a chip as they stand in a file, read by rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mvmdb.files.opening import Slices, StoredImage

WFPC2_EDGE_BIT = 2**16
"""DQ bit of the pyramid's shadow; beyond the 16 bits of HST, so that no choice of good bits ignores it."""


@dataclass(frozen=True, eq=False)
class ScienceImage:
    """SCI or ERR; what is sliced out of it is float32."""

    image: StoredImage

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""
        return self.image.shape

    def __getitem__(self, slices: Slices) -> NDArray[np.float32]:
        """Return values, native byte order, in the unit of BUNIT."""
        with np.errstate(over="ignore", invalid="ignore"):  # a pixel beyond float32 becomes infinite
            return self.image[slices].astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class DqImage:
    """DQ; what is sliced out of it are bits."""

    image: StoredImage
    shadow_pix: int = 0
    """So many of the first rows and columns lie in the shadow of the pyramid of WFPC2."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""
        return self.image.shape

    def __getitem__(self, slices: Slices) -> NDArray[np.integer[Any]]:
        """Return data quality bits; the highest of 16 may be stored as a sign."""
        bits = self.image[slices]
        values: NDArray[np.integer[Any]] = bits.astype(np.int32) & (0xFFFF if bits.dtype == np.int16 else -1)
        if self.shadow_pix:
            rows, columns = slices if isinstance(slices, tuple) else (slices, slice(None))
            is_low_row, is_low_column = (
                np.arange(n_pix)[part] < self.shadow_pix
                for n_pix, part in zip(self.shape, (rows, columns), strict=True)
            )
            values[is_low_row] = WFPC2_EDGE_BIT
            values[:, is_low_column] = WFPC2_EDGE_BIT
        return values


def constant_image(value: float, shape: tuple[int, ...], dtype: DTypeLike) -> StoredImage:
    """Return an image of one value that takes no memory."""
    return StoredImage(np.broadcast_to(np.array(value, dtype=dtype), shape))
