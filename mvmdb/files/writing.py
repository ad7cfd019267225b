"""Files that the user names: whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mvmdb.errors import OutputFileError


def require_suffix(path: Path, known: Iterable[str]) -> str:
    """Return the ending of a file name in lower case, with its point.

    Raises
    ------
    OutputFileError
        It is none of the known ones, or the directory does not exist: said before any work is done.
    """
    suffix, endings = path.suffix.lower(), list(known)
    if suffix not in endings:
        raise OutputFileError(
            str(path),
            f"cannot be written as {suffix or 'a file without an ending'}",
            hint=f"name a file that ends in {' or '.join(endings)}",
        )
    if not path.parent.is_dir():
        raise OutputFileError(
            str(path), f"there is no directory {path.parent}", hint=f"make it: mkdir -p {path.parent}"
        )
    return suffix


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its own, then rename it; an older one is replaced.

    Raises
    ------
    OutputFileError
        The directory cannot be written or the disk is full; nothing is left behind.
    """
    temporary = _temporary(path)
    with _output_errors(path):
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def csv_written_whole(path: Path, header: Sequence[str]) -> Iterator[Callable[[Sequence[object]], None]]:
    """Give a function that writes a row; the file takes its name when the block ends without an error.

    Raises
    ------
    OutputFileError
        It is no regular file, or cannot be written; an older one stays as it was.
    """
    if path.exists() and not path.is_file():
        raise OutputFileError(str(path), "is no regular file", hint="name a file that may be replaced")
    temporary = _temporary(path)
    with _output_errors(path):
        file = temporary.open("w", newline="", encoding="utf-8")
    writer = csv.writer(file, lineterminator="\n")

    def write(row: Sequence[object]) -> None:
        with _output_errors(path):
            writer.writerow(row)

    try:
        write(header)
        yield write
        with _output_errors(path):
            file.flush()
            temporary.replace(path)
    finally:
        with suppress(OSError):  # a disk that is full has been reported
            file.close()
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turn what the system says into OutputFileError."""
    try:
        yield
    except OSError as error:
        hint = "free disk space or name another directory"
        raise OutputFileError(str(path), f"cannot be written: {error.strerror}", hint=hint) from error
