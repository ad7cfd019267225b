"""A mask of pixels of which each takes one bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKED_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class BitMask:
    """A mask ``(ny, nx)``, read a part at a time."""

    packed: NDArray[np.uint8]
    """``(ny, (nx + 7) // 8)``: bit k (0 the lowest) of byte b is column 8 b + k; 0 beyond the last one."""
    n_columns: int

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> BitMask:
        """Return a mask of which nothing is set; rows that stay so take no memory."""
        return cls(np.zeros((shape[0], -(-shape[1] // 8)), dtype=np.uint8), shape[1])

    @classmethod
    def of(cls, array: NDArray[Any]) -> BitMask:
        """Return where an array is not 0; it is read some rows at a time."""
        mask = cls.empty((array.shape[0], array.shape[1]))
        step = max(1, _PACKED_BYTES // max(1, array.shape[1]))
        for start in range(0, len(array), step):
            rows = slice(start, start + step)
            mask.packed[rows] = np.packbits(array[rows] != 0, axis=1, bitorder="little")
        return mask

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.packed), self.n_columns

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[np.bool_]:
        """Return a part of the mask; its slices lie within the shape."""
        rows, columns = part
        first = columns.start // 8
        packed = self.packed[rows, first : -(-columns.stop // 8)]
        bits = np.unpackbits(packed, axis=1, bitorder="little").view(np.bool_)
        return bits[:, columns.start - 8 * first : columns.stop - 8 * first]

    def same_everywhere(self, part: tuple[slice, slice]) -> bool | None:
        """Return what all pixels around a part are; None where they differ, or lie on the last columns.

        Notes
        -----
        Whole bytes are compared, up to seven columns more on either side than the part has.
        """
        rows, columns = part
        packed = self.packed[rows, columns.start // 8 : -(-columns.stop // 8)]
        if not packed.any():
            return False
        return True if packed.size and packed.min() == 255 else None
