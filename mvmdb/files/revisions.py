"""Former revisions of a product: kept under a name of their own before the next one takes the final name."""

from __future__ import annotations

import os
from pathlib import Path

from mvmdb.errors import ProductFileError

FOLDER = "revisions"
"""Directory of former revisions, beside the products."""


def revision_path(path: Path, revision: int) -> Path:
    """Return the name under which a revision of a product is kept: ``revisions/<stem>_r0003.fits``."""
    return path.parent / FOLDER / f"{path.stem}_r{revision:04d}{path.suffix}"


def keep_file(path: Path, kept: Path) -> None:
    """Give a file a second name, durably; on a file system without hard links, rename it.

    The same again does nothing. In between, the file has one of its names at every instant.

    Raises
    ------
    ProductFileError
        The file has neither been linked nor renamed, and is where it was.
    """
    try:
        kept.parent.mkdir(exist_ok=True)
        if kept.exists():
            if kept.samefile(path):
                return
            kept.unlink()
        _link_or_rename(path, kept)
        for directory in (kept.parent, path.parent):
            sync_directory(directory)
    except OSError as error:
        hint = "see that its directory is writable"
        raise ProductFileError(str(path), f"cannot be kept as {kept}: {error}", hint=hint) from error


def _link_or_rename(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except OSError:  # no hard links here, or too many of this file
        path.rename(kept)


def put_back(path: Path, kept: Path) -> None:
    """Undo ``keep_file``: the file has its former name again, and no other.

    Raises
    ------
    ProductFileError
        The directory cannot be written.
    """
    try:
        if path.exists() and kept.samefile(path):
            # Renaming one name of a file to another of its names does nothing.
            kept.unlink()
        else:
            kept.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise ProductFileError(str(kept), f"cannot be put back as {path}: {error}") from error


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
