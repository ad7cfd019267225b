"""The pixels of a product file while it is drawn: rows are written as they come, and summed for DATASUM."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvmdb.files.checksum import word_sum
from mvmdb.files.piece_file import PieceFile, parts_of
from mvmdb.records import LayerArrays


class PixelFile:
    """Images of a laid-out file, all 0 at first.

    Parameters
    ----------
    pieces
        The file.
    starts
        First byte of the pixels of each image, by EXTNAME.
    n_plane_bytes
        Of one plane of CTX.
    """

    def __init__(self, pieces: PieceFile, starts: Mapping[str, int], n_plane_bytes: int) -> None:
        self.pieces = pieces
        self.sums = dict.fromkeys(starts, 0)
        """Sum of the words of each image: what DATASUM is made of, without its overflow."""
        self._starts = starts
        self._n_plane_bytes = n_plane_bytes
        self._summing = Lock()

    def write(self, first_row: int, rows: LayerArrays) -> None:
        """Write some rows of every image, each of them once.

        Raises
        ------
        OSError
            The disk fails.
        """
        for name, image in (("SCI", rows.science), ("WHT", rows.weight), ("ERR", rows.error)):
            if image is not None:
                self._write(name, first_row * image.strides[0], image, ">f4")
        for plane, image in enumerate(rows.context):
            start = plane * self._n_plane_bytes + first_row * image.strides[0]
            self._write("CTX", start, image, ">i4")

    def _write(self, name: str, offset: int, image: NDArray[Any], dtype: str) -> None:
        total = 0
        for part in parts_of(self._starts[name] + offset, image):
            part_sum = word_sum(part.values)
            if part_sum:
                total += part_sum
                self.pieces.put(part, dtype)
            else:  # nothing but zeros, as the file is already
                self.pieces.pass_over(part)
        with self._summing:
            self.sums[name] += total

    def flush(self) -> None:
        """Make all rows that were written readable in the file."""
        self.pieces.flush()

    def write_bytes(self, start: int, content: bytes) -> None:
        """Write what stands before or behind the images."""
        for part in parts_of(start, np.frombuffer(content, np.uint8)):
            self.pieces.put(part)
