"""The pixels of a product file while it is drawn: rows are written as they come, and summed for DATASUM."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvmdb.files.checksum import word_sum
from mvmdb.records import LayerArrays


class PixelFile:
    """Images of a laid-out file, all 0 at first.

    Writing to a mapped file would have each of its pages read, or filled with zeros, before it is changed.

    Parameters
    ----------
    path
        The file.
    spans
        First byte of the pixels of each image, and the one after the last, by EXTNAME, in file order.
    n_plane_bytes
        Of one plane of CTX.
    """

    def __init__(self, path: Path, spans: Mapping[str, tuple[int, int]], n_plane_bytes: int) -> None:
        self.path = path
        self.spans = dict(spans)
        self.n_plane_bytes = n_plane_bytes
        self.written: list[tuple[int, int]] = []
        """Stretches of the file, in any order."""
        self.sums = dict.fromkeys(spans, 0)
        """Sum of the words of each image: what DATASUM is made of, without its overflow."""
        self._summing = Lock()

    def write(self, first_row: int, rows: LayerArrays) -> None:
        """Write some rows of every image, each of them once; their arrays are left in the order of FITS.

        Raises
        ------
        OSError
            The disk fails.
        """
        images = [("SCI", rows.science), ("WHT", rows.weight), ("ERR", rows.error)]
        with self.path.open("r+b", buffering=0) as file:
            for name, image in images:
                if image is not None:
                    self._write(file.fileno(), name, self.spans[name][0], first_row, image)
            for plane, image in enumerate(rows.context):
                start = self.spans["CTX"][0] + plane * self.n_plane_bytes
                self._write(file.fileno(), "CTX", start, first_row, image)

    def _write(self, file: int, name: str, start: int, first_row: int, image: NDArray[Any]) -> None:
        touched = _touched_rows(image)
        if touched is None:
            return
        rows = image[touched]
        start += (first_row + touched.start) * rows.strides[0]
        total = word_sum(rows)
        with self._summing:
            self.sums[name] += total
            self.written.append((start, start + rows.nbytes))
        if rows.dtype != rows.dtype.newbyteorder(">"):
            rows.byteswap(inplace=True)
        content = rows.reshape(-1).view(np.uint8)
        _write_at(file, start, content)

    def zeros(self, shift: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches that were never written, in order, of images moved up by some bytes."""
        written = sorted(self.written)
        for first, last in self.spans.values():
            inside = [part for part in written if first <= part[0] < last]
            ends = [first, *(stop for _, stop in inside)]
            starts = [*(start for start, _ in inside), last]
            for start, stop in zip(ends, starts, strict=True):
                if start < stop:
                    yield start + shift, stop + shift


def _touched_rows(image: NDArray[Any]) -> slice | None:
    """Return the rows from the first to the last that are not all 0, as the file is already."""
    (found,) = np.nonzero(image.view(np.uint32).any(axis=1))
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else None


def _write_at(file: int, start: int, content: NDArray[np.uint8]) -> None:
    """Write all of something, of which the system may take only a part at a time."""
    while len(content):
        n_written = os.pwrite(file, content.data, start)
        content, start = content[n_written:], start + n_written
