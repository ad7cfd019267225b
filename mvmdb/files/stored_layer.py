"""The arrays of a product, read to go on from it, with its hash taken on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.files.compressed import image_array
from mvmdb.files.piece_reader import PieceReader, has_sha256, piece_reader, tree_sha256
from mvmdb.files.product import open_product
from mvmdb.records import LayerArrays
from mvmdb.sky.grid import PixelBox

Planes = Callable[[PixelBox], NDArray[Any]]
"""Gives a box of an image, ``(n_planes, ny, nx)``."""


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """The images of a product, SCI, WHT and CTX."""

    path: Path
    images: Mapping[str, Planes]
    reader: PieceReader

    def read(self, box: PixelBox) -> LayerArrays:
        """Return the arrays of a box, pixels of the product, in the byte order of FITS."""
        [science], [weight], context = (self.images[name](box) for name in ("SCI", "WHT", "CTX"))
        return LayerArrays(science, weight, context)

    def has_sha256(self, sha256: str) -> bool:
        """Tell whether what was read, and all the rest, has the hash that was recorded of the file.

        A plain one can only be taken of the file as it is now, which must then be what was read.
        """
        read = self.reader.tree_sha256()
        return read == sha256 or (has_sha256(self.path, sha256) and tree_sha256(self.path) == read)


@contextmanager
def stored_layer(path: Path) -> Iterator[StoredLayer]:
    """Give the images of a product; those of a compressed one are unpacked first.

    Raises
    ------
    ProductFileError
        The file cannot be read, or lacks an extension of a product.
    """
    with open_product(path) as hdus, piece_reader(path) as reader:
        yield StoredLayer(path, {name: _planes(hdus[name], reader) for name in ("SCI", "WHT", "CTX")}, reader)


def _planes(hdu: fits.ImageHDU | fits.CompImageHDU, reader: PieceReader) -> Planes:
    n_y, n_x = hdu.shape[-2:]
    if isinstance(hdu, fits.CompImageHDU):
        mapped = image_array(hdu).reshape(-1, n_y, n_x)
        return lambda box: mapped[:, *box.slices]
    start, dtype = hdu.fileinfo()["datLoc"], ">i4" if hdu.header["BITPIX"] > 0 else ">f4"
    n_planes = int(np.prod(hdu.shape)) // (n_y * n_x)
    row_bytes = 4 * n_x

    def read(box: PixelBox) -> NDArray[Any]:
        firsts = (start + (plane * n_y + box.y0) * row_bytes for plane in range(n_planes))
        rows = [reader.read(first, first + box.height * row_bytes).view(dtype) for first in firsts]
        planes = [part.reshape(1, box.height, n_x)[..., box.x0 : box.x1] for part in rows]
        return planes[0] if n_planes == 1 else np.concatenate(planes)

    return read
