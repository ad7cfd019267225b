"""The product file: written beside its final name, published by a rename, read back and verified."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from mvmdb.errors import MvmdbError, NameFormatError, ProductFileError
from mvmdb.files.checks import Scalar
from mvmdb.files.checksum import checksum_problems
from mvmdb.files.compressed import image_array
from mvmdb.files.hdrtab import read_hdrtab
from mvmdb.files.header import BuildStamp
from mvmdb.files.revisions import sync_directory
from mvmdb.files.storage import StoredObject
from mvmdb.names import ProductName
from mvmdb.records import PublishedFile

__all__ = [
    "BuildStamp",
    "Product",
    "ProductHeader",
    "StagedProduct",
    "discard",
    "file_errors",
    "find_leftovers",
    "image_arrays",
    "is_staged_name",
    "publish",
    "read_product",
    "read_product_header",
    "temporary_path",
    "verify_product",
]

_PART = ".part"
_EXTENSIONS = {
    "PRIMARY": fits.PrimaryHDU,
    "SCI": fits.ImageHDU,
    "WHT": fits.ImageHDU,
    "ERR": fits.ImageHDU,
    "CTX": fits.ImageHDU,
    "HDRTAB": fits.BinTableHDU,
}
_OPTIONAL = "ERR"
_READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    IsalError,
    zlib.error,
    fits.VerifyError,
)
"""What astropy raises on a damaged file, found by flipping bytes."""


@dataclass(frozen=True)
class StagedProduct:
    """A complete and synced product file that does not yet bear its name."""

    temporary_path: Path
    final_path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ProductHeader:
    """What a product file says about itself, without its pixels."""

    keywords: Mapping[str, Scalar]
    """PRIMARY keywords with a value."""
    history: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    """Array shape by EXTNAME; HDRTAB as (rows, columns)."""
    science: Mapping[str, Scalar]
    """SCI keywords with a value."""


@dataclass(frozen=True, eq=False)
class Product:
    """A product file, read back."""

    header: ProductHeader
    science: NDArray[np.float32]
    weight: NDArray[np.float32]
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``, whether or not the file has a third axis."""
    inputs: tuple[Mapping[str, Scalar | None], ...]
    """Rows of HDRTAB."""
    error: NDArray[np.float32] | None = None
    """None where the product has no ERR."""


def temporary_path(final_path: Path, build_id: str) -> Path:
    """Return where a build writes a product before it is published."""
    return final_path.with_name(f".{final_path.name}.{build_id}{_PART}")


def publish(staged: StagedProduct) -> PublishedFile:
    """Give a staged file its final name, in one step that survives a power cut.

    A former product that bore this name must have been kept under another.

    Raises
    ------
    ProductFileError
        The file cannot be renamed; it keeps its temporary name.
    """
    with file_errors(staged.final_path, "cannot be published", "see that the directory is writable"):
        staged.temporary_path.replace(staged.final_path)
        sync_directory(staged.final_path.parent)
    return PublishedFile(str(staged.final_path), staged.sha256, staged.size_bytes)


def discard(staged: StagedProduct) -> None:
    """Remove a staged file that will not be published; silent where it is gone."""
    with file_errors(staged.temporary_path, "cannot be removed", "remove it by hand"):
        staged.temporary_path.unlink(missing_ok=True)


def find_leftovers(directory: Path) -> list[Path]:
    """Return the staged files of a directory, sorted; those of running builds are among them."""
    return sorted(path for path in directory.glob(f".*{_PART}") if is_staged_name(path.name))


def read_product_header(path: Path | StoredObject) -> ProductHeader:
    """Read the keywords and array shapes of a product.

    Raises
    ------
    ProductFileError
        The file cannot be read, or lacks an extension of a product.
    """
    with open_product(path) as hdus:
        return _product_header(hdus)


def read_product(path: Path) -> Product:
    """Read a whole product into memory, in native byte order.

    Raises
    ------
    ProductFileError
        The file cannot be read, or lacks an extension of a product.
    """
    with open_product(path) as hdus:
        context = image_array(hdus["CTX"]).astype(np.int32)
        return Product(
            _product_header(hdus),
            image_array(hdus["SCI"]).astype(np.float32),
            image_array(hdus["WHT"]).astype(np.float32),
            context.reshape(-1, *context.shape[-2:]),
            read_hdrtab(hdus["HDRTAB"]),
            image_array(hdus["ERR"]).astype(np.float32) if "ERR" in hdus else None,
        )


@contextmanager
def science_array(path: Path) -> Iterator[NDArray[np.floating]]:
    """Give the SCI array of a product, mapped: pages are read as they are touched.

    Raises
    ------
    ProductFileError
        The file cannot be read, or lacks an extension of a product.
    """
    with open_product(path) as hdus:
        yield image_array(hdus["SCI"])


@contextmanager
def image_arrays(path: Path) -> Iterator[Mapping[str, NDArray[np.floating]]]:
    """Give SCI, WHT and, if there is one, ERR of a product by name, mapped.

    Raises
    ------
    ProductFileError
        The file cannot be read, or lacks an extension of a product.
    """
    with open_product(path) as hdus:
        yield {name: image_array(hdus[name]) for name in ("SCI", "WHT", "ERR") if name in hdus}


def verify_product(path: Path) -> list[str]:
    """Return what is wrong with a product file, by its structure and its own checksums; empty when sound."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with open_product(path) as hdus:
                problems = [f"{path}: {problem}" for problem in _shape_problems(_product_header(hdus))]
            with _opened(path, as_stored=True) as hdus:
                problems += [problem for hdu in hdus for problem in checksum_problems(path, hdu)]
    except ProductFileError as error:
        return [str(error)]
    warned = dict.fromkeys(f"{path}: {warning.message}" for warning in caught)
    return [*warned, *problems]


def is_staged_name(name: str) -> bool:
    """Whether a file name is ``.<product>.<build id>.part``."""
    if not (name.startswith(".") and name.endswith(_PART)):
        return False
    product, _, _ = name.removeprefix(".").removesuffix(_PART).rpartition(".")
    try:
        ProductName.parse(product)
    except NameFormatError:
        return False
    return True


@contextmanager
def file_errors(path: Path, what: str, hint: str) -> Iterator[None]:
    """Turn what the operating system says of a file into a ProductFileError."""
    try:
        yield
    except MvmdbError:
        raise
    except OSError as error:
        raise ProductFileError(str(path), f"{what}: {error}", hint=hint) from error


@contextmanager
def open_product(path: Path | StoredObject) -> Iterator[fits.HDUList]:
    """Open a file that has the extensions of a product, in their order; its images may be compressed.

    One on disk is mapped; of an object the blocks are fetched that are asked for.
    """
    with _opened(path) as hdus:
        found = [(hdu.name, _kind(hdu)) for hdu in hdus]
        plain = [item for item in _EXTENSIONS.items() if item[0] != _OPTIONAL]
        if found not in (plain, list(_EXTENSIONS.items())):
            names = ", ".join(f"{name} ({kind.__name__})" for name, kind in found)
            wanted = ", ".join(_EXTENSIONS).replace(_OPTIONAL, f"{_OPTIONAL} (optional)")
            raise ProductFileError(str(path), f"holds {names}; a product {wanted}")
        yield hdus


@contextmanager
def _opened(path: Path | StoredObject, *, as_stored: bool = False) -> Iterator[fits.HDUList]:
    """Open a FITS file; as it is stored, compressed images are tables."""
    try:
        # Opened here, because astropy leaves a file open that it cannot parse.
        with (
            path.open("rb") if isinstance(path, Path) else path.open() as file,
            fits.open(
                file,
                memmap=isinstance(path, Path),
                lazy_load_hdus=False,
                disable_image_compression=as_stored,
            ) as hdus,
        ):
            yield hdus
    except ProductFileError:
        raise
    except _READ_ERRORS as error:
        raise ProductFileError(str(path), f"cannot be read: {error}") from error


def _kind(hdu: fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU) -> type:
    """Return the type of an extension; a compressed image is an image."""
    return fits.ImageHDU if isinstance(hdu, fits.CompImageHDU) else type(hdu)


def _product_header(hdus: fits.HDUList) -> ProductHeader:
    primary = hdus["PRIMARY"].header
    keywords, science = (_with_values(hdus[name].header) for name in ("PRIMARY", "SCI"))
    shapes = {name: tuple(hdus[name].shape) for name in ("SCI", "WHT", "ERR", "CTX") if name in hdus}
    table = hdus["HDRTAB"].header
    shapes["HDRTAB"] = (table["NAXIS2"], table["TFIELDS"])
    return ProductHeader(keywords, tuple(primary.get("HISTORY", ())), shapes, science)


def _with_values(header: fits.Header) -> dict[str, Scalar]:
    values = header.items()
    return {key: value for key, value in values if key != "HISTORY" and isinstance(value, str | int | float)}


def _shape_problems(header: ProductHeader) -> list[str]:
    shapes, n_inputs = header.shapes, header.keywords.get("NDRIZIM")
    planes = shapes["CTX"][0] if len(shapes["CTX"]) > 2 else 1
    problems = []
    if len({shape[-2:] for name, shape in shapes.items() if name != "HDRTAB"}) > 1:
        problems.append(f"the images differ in shape: {dict(shapes)}")
    if header.keywords.get("NEXTEND") != len(shapes):
        problems.append(
            f"NEXTEND is {header.keywords.get('NEXTEND')}, the extensions are {', '.join(shapes)}"
        )
    if shapes["HDRTAB"][0] != n_inputs or not 0 < shapes["HDRTAB"][0] <= 32 * planes:
        problems.append(f"HDRTAB has {shapes['HDRTAB'][0]} rows, NDRIZIM is {n_inputs}, CTX {planes} planes")
    return problems
