"""Files that the user names: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        hint = "free disk space or name another directory"
        raise OutputFileError(str(path), f"cannot be written: {error.strerror}", hint=hint) from error
