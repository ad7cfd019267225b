"""FITS files mapped to memory: headers at once, pixels as they are touched, a hash of all."""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import tempfile
from contextlib import ExitStack

from mvmdb.errors import ExposureFileError
from mvmdb.files.checks import MAX_FITS_BYTES
from mvmdb.files.opening import FitsContent, HashedStream, header_data_units, open_file


def map_fits(path: str, *, hashed: bool = True) -> FitsContent:
    """Read all headers of a FITS file, and map the data of all HDUs.

    Parameters
    ----------
    path
        A plain file, or a gzip-compressed one, which is inflated into a nameless temporary file.
    hashed
        Read all of the file for its hash, which is empty otherwise.

    Raises
    ------
    ExposureFileError
        The file is absent, unreadable, no regular file, empty, truncated, damaged, no FITS, or too large.
    HeaderError
        A keyword that tells the size of the data is missing or impossible.
    """
    with open_file(path) as file, ExitStack() as opened:
        plain = file if isinstance(file, io.BufferedReader) else _inflated(path, file, opened)
        size_bytes = plain.seek(0, os.SEEK_END)
        if not 0 < size_bytes <= MAX_FITS_BYTES:
            raise ExposureFileError(
                path, f"holds more than {MAX_FITS_BYTES} bytes" if size_bytes else "is empty"
            )
        stream = _MappedStream(path, memoryview(mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ)))
        units = tuple(header_data_units(stream, lambda _: True))
        sha256 = _sha256(plain) if hashed else ""
        return FitsContent(units, sha256, size_bytes)


def _sha256(file: io.BufferedReader | io.BufferedRandom) -> str:
    """Return the hash of a file. It is read: to map a page takes longer than to copy it."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _inflated(path: str, file: io.BufferedIOBase, opened: ExitStack) -> io.BufferedRandom:
    plain = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    for chunk in HashedStream(path, file).chunks(MAX_FITS_BYTES + 1):
        plain.write(chunk)
    plain.flush()
    return plain


class _MappedStream:
    """Bytes of a mapped file in order."""

    def __init__(self, path: str, content: memoryview) -> None:
        self.path = path
        self.size_bytes = 0
        self.content = content

    def take(self, n_bytes: int) -> memoryview:
        """Return the next bytes; fewer than asked for at the end of the file."""
        start = self.size_bytes
        self.size_bytes = min(start + n_bytes, len(self.content))
        return self.content[start : self.size_bytes]

    def skip(self, n_bytes: int) -> int:
        """Pass over the next bytes; return how many there were."""
        return len(self.take(n_bytes))
