"""A few pixels of a product, read where they lie: nobody loads gigabytes to look at one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.errors import ProvenanceError, StorageError
from mvmdb.files.product import open_product
from mvmdb.files.storage import StoredObject
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True, eq=False)
class ProductPixels:
    """A box of pixels of a product, in native byte order."""

    science: NDArray[np.float32]
    """``(ny, nx)``, e-/s per pixel; NaN where nothing was observed."""
    weight: NDArray[np.float32]
    """``(ny, nx)``, seconds."""
    error: NDArray[np.float32] | None
    """``(ny, nx)``, standard deviation; None where the product has no ERR."""
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``, whether or not the file has a third axis."""


def read_pixels(path: Path | StoredObject, box: PixelBox, *, build_id: str, size_bytes: int) -> ProductPixels:
    """Read a box of every image of a product, and nothing else of them.

    Parameters
    ----------
    path
        The product; of an object the blocks of the box are fetched.
    box
        Pixels of the arrays of the product; must lie on them.
    build_id, size_bytes
        What the file must be: its MVMBUILD and its size.

    Raises
    ------
    ProvenanceError
        The file is gone, has another size, or is of another build.
    ProductFileError
        The file cannot be read, or lacks an extension of a product.

    Notes
    -----
    Size and build tell a replaced or truncated file; a flipped bit only its checksums tell, for which the
    whole file must be read.
    """
    _require_size(path, size_bytes)
    with open_product(path) as hdus:
        found = hdus["PRIMARY"].header.get("MVMBUILD")
        if found != build_id:
            raise ProvenanceError(
                str(path), f"MVMBUILD is {found}, the catalogue has build {build_id} there", hint=_HINT
            )
        context = _section(hdus["CTX"], box).astype(np.int32)
        return ProductPixels(
            _section(hdus["SCI"], box).astype(np.float32),
            _section(hdus["WHT"], box).astype(np.float32),
            _section(hdus["ERR"], box).astype(np.float32) if "ERR" in hdus else None,
            context.reshape(-1, *box.shape),
        )


_HINT = "a build may just have replaced it: ask again; else `mvmdb layer build` with --force makes it anew"


def _require_size(path: Path | StoredObject, size_bytes: int) -> None:
    try:
        found = path.stat().st_size if isinstance(path, Path) else path.size_bytes()
    except StorageError:
        raise
    except OSError as error:
        raise ProvenanceError(str(path), f"is not there: {error.strerror}", hint=_HINT) from error
    if found is None:
        raise ProvenanceError(str(path), "is not there: no such object", hint=_HINT)
    if found != size_bytes:
        raise ProvenanceError(str(path), f"has {found} bytes, the catalogue says {size_bytes}", hint=_HINT)


def _section(hdu: fits.ImageHDU, box: PixelBox) -> NDArray[np.generic]:
    rows, columns = box.slices
    section: NDArray[np.generic] = hdu.section[..., rows, columns]
    return section
