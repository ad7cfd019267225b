"""FITS files, plain or gzip, read once from start to end: headers, chosen data, and a hash of all.

Pixels that nobody asked for pass by without being kept, so that a file needs little memory whatever its
size, and a file that only pretends to be an exposure is refused at its first wrong block.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from mvmdb.errors import ExposureFileError
from mvmdb.files.card_values import read_cards
from mvmdb.files.checks import MAX_FITS_BYTES, Keywords, Scalar, data_size_bytes, image_shape

_BLOCK_BYTES = 2880
_CARD_BYTES = 80
_CHUNK_BYTES = 2**18
_MAX_HEADER_BLOCKS = 200
_MAX_HDUS = 200
_MAX_HEADER_BYTES = 2**21
_LARGEST_SCALING = 1e10
_GZIP_MAGIC = b"\x1f\x8b"
_READ_ERRORS = (OSError, EOFError, IsalError)
_DTYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}

Slices = slice | tuple[slice, slice]
"""Some rows, or some rows and columns."""
_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))


@dataclass(frozen=True)
class HeaderDataUnit:
    """One HDU: its keywords, and its data where they were asked for."""

    keywords: Keywords
    data: bytes | memoryview | None

    def image(self) -> StoredImage:
        """Return the image, to be read by rows and columns.

        Raises
        ------
        HeaderError
            The extension is no two-dimensional image, or its scaling is no number.
        """
        if self.data is None:
            raise ValueError(f"the data of HDU {self.keywords.hdu_index} were not asked for")
        stored = np.frombuffer(self.data, dtype=_DTYPES[self.keywords.integer("BITPIX", -64, 64)])
        return StoredImage(
            stored.reshape(image_shape(self.keywords)),
            self.keywords.number("BSCALE", -_LARGEST_SCALING, _LARGEST_SCALING, default=1.0),
            self.keywords.number("BZERO", -_LARGEST_SCALING, _LARGEST_SCALING, default=0.0),
        )


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image as it stands in a file; what is sliced out of it are its values."""

    stored: NDArray[np.generic]
    """``(ny, nx)``, in the byte order of FITS."""
    factor: float = 1.0
    """BSCALE."""
    offset: float = 0.0
    """BZERO."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(ny, nx)``."""
        return self.stored.shape

    def is_plain(self, dtype: str) -> bool:
        """Whether the image is stored as numbers of this type, unscaled."""
        return self.stored.dtype == dtype and (self.factor, self.offset) == (1.0, 0.0)

    @property
    def is_integer(self) -> bool:
        """Whether the values are integers."""
        return self.stored.dtype.kind in "iu" and self.factor == 1.0 and self.offset.is_integer()

    def __getitem__(self, slices: Slices) -> NDArray[np.generic]:
        """Return values in native byte order, scaled by BSCALE and BZERO, always a new array."""
        stored = self.stored[slices]
        values = stored.astype(stored.dtype.newbyteorder("="))
        if (self.factor, self.offset) == (1.0, 0.0):
            return values
        if self.is_integer:  # the FITS way to be unsigned
            return values.astype(np.int64) + int(self.offset)
        return values * self.factor + self.offset


@dataclass(frozen=True)
class FitsContent:
    """What a pass over a FITS file gave."""

    units: tuple[HeaderDataUnit, ...]
    sha256: str
    """Hash of the uncompressed bytes."""
    size_bytes: int
    """Number of uncompressed bytes."""

    @property
    def primary(self) -> Keywords:
        """Keywords of the primary header."""
        return self.units[0].keywords

    def find(self, name: str, version: int) -> HeaderDataUnit | None:
        """Return the first extension of that EXTNAME and EXTVER, or None."""
        return next((unit for unit in self.units if unit.keywords.extension == (name, version)), None)


def read_fits(path: str, wanted: Callable[[Keywords], bool]) -> FitsContent:
    """Read all headers of a FITS file, and the data of the HDUs that are wanted.

    Parameters
    ----------
    path
        A plain or gzip-compressed file; the content decides, not the name.
    wanted
        Tells from the keywords of an HDU whether to keep its data.

    Raises
    ------
    ExposureFileError
        The file is absent, unreadable, no regular file, empty, truncated, damaged, no FITS, or has more
        than 1 GiB, 200 HDUs, 200 blocks in a header or 2 MiB of headers.
    HeaderError
        A keyword that tells the size of the data is missing or impossible.
    """
    with open_file(path) as file:
        stream = HashedStream(path, file)
        units = tuple(header_data_units(stream, wanted))
        return FitsContent(units, stream.digest.hexdigest(), stream.size_bytes)


class ByteStream(Protocol):
    """Bytes of a file in order, counted as they pass."""

    path: str
    size_bytes: int

    def take(self, n_bytes: int) -> bytes | memoryview:
        """Return the next bytes; fewer than asked for at the end of the file."""

    def skip(self, n_bytes: int) -> int:
        """Pass over the next bytes; return how many there were."""


class HashedStream:
    """Bytes of a file in order, counted and hashed as they pass."""

    def __init__(self, path: str, file: io.BufferedIOBase) -> None:
        self.path = path
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self._file = file

    def chunks(self, n_bytes: int) -> Iterator[bytes]:
        """Yield the next bytes piece by piece; fewer than asked for at the end of the file."""
        while n_bytes > 0:
            try:
                chunk = self._file.read(min(n_bytes, _CHUNK_BYTES))
            except _READ_ERRORS as error:
                raise ExposureFileError(self.path, f"cannot be read: {error}") from error
            if not chunk:
                return
            n_bytes -= len(chunk)
            self.size_bytes += len(chunk)
            if self.size_bytes > MAX_FITS_BYTES:
                raise ExposureFileError(self.path, f"holds more than {MAX_FITS_BYTES} bytes")
            self.digest.update(chunk)
            yield chunk

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        return b"".join(self.chunks(n_bytes))

    def skip(self, n_bytes: int) -> int:
        """Pass over the next bytes; return how many there were."""
        return sum(len(chunk) for chunk in self.chunks(n_bytes))


@contextmanager
def open_file(path: str) -> Iterator[io.BufferedIOBase]:
    """Open a regular file, through gzip where its first bytes say so."""
    try:
        path.encode()
        file = io.BufferedReader(io.FileIO(path, "rb", opener=_open_without_waiting))
    except (OSError, ValueError) as error:
        raise ExposureFileError(
            path, f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        ) from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ExposureFileError(path, "is not a regular file")
        if _is_gzip(path, file):
            # of zlib, inflating would take two thirds of the time of reading the headers of a large exposure
            with igzip.IGzipFile(fileobj=file) as plain:
                yield plain
        else:
            yield file


def _open_without_waiting(path: str, flags: int) -> int:
    """Return a descriptor at once, even of a FIFO to which nobody writes."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_gzip(path: str, file: io.BufferedReader[io.FileIO]) -> bool:
    try:
        return file.peek(2)[:2] == _GZIP_MAGIC
    except OSError as error:
        raise ExposureFileError(path, f"cannot be read: {error}") from error


def header_data_units(stream: ByteStream, wanted: Callable[[Keywords], bool]) -> Iterator[HeaderDataUnit]:
    """Yield the HDUs of a file in order."""
    n_header_bytes = 0
    for hdu_index in range(_MAX_HDUS + 1):
        header = _header_bytes(stream, hdu_index)
        if header is None:
            return
        n_header_bytes += len(header)
        if hdu_index == _MAX_HDUS or n_header_bytes > _MAX_HEADER_BYTES:
            raise ExposureFileError(
                stream.path, f"has more than {_MAX_HDUS} HDUs or {_MAX_HEADER_BYTES} bytes of headers"
            )
        keywords = _keywords(stream.path, hdu_index, header)
        size_bytes = data_size_bytes(keywords)
        padded_bytes = -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
        data = stream.take(padded_bytes) if wanted(keywords) else None
        if (stream.skip(padded_bytes) if data is None else len(data)) < padded_bytes:
            raise ExposureFileError(
                stream.path,
                f"is truncated: it ends at byte {stream.size_bytes} within the data of HDU {hdu_index}",
                hint="fetch the file again",
            )
        yield HeaderDataUnit(keywords, data if data is None else data[:size_bytes])


def _header_bytes(stream: ByteStream, hdu_index: int) -> bytes | None:
    """Return the next header up to its END card, or None at the end of the file."""
    header = b""
    for _ in range(_MAX_HEADER_BLOCKS):
        block = bytes(stream.take(_BLOCK_BYTES))
        if not block and not header and hdu_index:
            return None
        if not header:
            _require_header_start(stream.path, hdu_index, block)
        header += block
        end = _end_card(block)
        if end is not None:
            return header[: len(header) - len(block) + end]
        if len(block) < _BLOCK_BYTES:
            raise ExposureFileError(
                stream.path, f"is truncated within header {hdu_index}", hint="fetch the file again"
            )
    raise ExposureFileError(stream.path, f"header {hdu_index} has no END within {_MAX_HEADER_BLOCKS} blocks")


def _require_header_start(path: str, hdu_index: int, block: bytes) -> None:
    """Raise unless the first block of a header begins as FITS demands."""
    if not block:
        raise ExposureFileError(path, "is empty")
    if not block.startswith(b"XTENSION=" if hdu_index else b"SIMPLE  ="):
        problem = (
            f"has bytes after HDU {hdu_index - 1} that are no FITS" if hdu_index else "is not a FITS file"
        )
        raise ExposureFileError(path, problem)


def _end_card(block: bytes) -> int | None:
    """Return where the END card of a header block begins."""
    starts = range(0, len(block), _CARD_BYTES)
    return next((i for i in starts if block[i : i + _CARD_BYTES].rstrip() == b"END"), None)


def _keywords(path: str, hdu_index: int, header: bytes) -> Keywords:
    """Return the values of a header's cards; those that cannot be parsed are only named."""
    values: dict[str, Scalar] = {}
    unreadable: set[str] = set()
    for keyword, value, is_sound in read_cards(header.translate(_PRINTABLE).decode("ascii")):
        if keyword in values or keyword in unreadable:
            continue
        if not is_sound:
            unreadable.add(keyword)
        elif value is not None:
            values[keyword] = value
    return Keywords(path, hdu_index, values, frozenset(unreadable))
