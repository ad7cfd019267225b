"""Copies of objects on the local disk: fetched once, kept while there is room."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path, PurePosixPath

from mvmdb.errors import StorageError
from mvmdb.files.storage import ObjectStorage, storage_errors, storage_of

_CHUNK_BYTES = 2**22
_PART = ".part"


def fetch(location: str, directory: Path, *, limit_bytes: int) -> Path:
    """Return a local copy of an object, of the version that the store has now.

    The copies used longest ago are removed when all together need more than the limit; the one that is
    returned stays. A process that has a removed one open can go on reading it.

    Parameters
    ----------
    location
        URL of the object.
    directory
        Where copies are kept; several processes may share it.
    limit_bytes
        Most bytes to keep.

    Raises
    ------
    StorageError
        The object cannot be read, or came with another size than the store states.
    """
    storage = storage_of(location)
    version = storage.version(location)
    if version is None:
        raise StorageError(location, "does not exist")
    key = hashlib.sha256(f"{location} {version.mark}".encode()).hexdigest()[:32]
    path = directory / key / PurePosixPath(location).name
    if _size_bytes(path) == version.size_bytes:
        _touch(path)
        return path
    _download(storage, location, path, version.size_bytes)
    _make_room(directory, path, limit_bytes)
    return path


def _size_bytes(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _touch(path: Path) -> None:
    """Note that a copy is in use; the time of its content stays."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def _download(storage: ObjectStorage, location: str, path: Path, size_bytes: int) -> None:
    temporary = path.with_name(f"{path.name}.{uuid.uuid4()}{_PART}")
    with storage_errors(location):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with storage.open(location) as source, temporary.open("wb") as target:
                while block := source.read(_CHUNK_BYTES):
                    target.write(block)
            if (found := temporary.stat().st_size) != size_bytes:
                raise StorageError(location, f"gave {found} bytes, not {size_bytes}", hint="try again")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _make_room(directory: Path, keep: Path, limit_bytes: int) -> None:
    """Remove the copies used longest ago until the others fit; another process may do the same."""
    copies = []
    for path in directory.glob("*/*"):
        try:
            copies.append((path.stat().st_atime_ns, path.stat().st_size, path))
        except FileNotFoundError:
            continue
    excess = sum(size for _, size, _ in copies) - limit_bytes
    for _, size, path in sorted(copies):
        if excess <= 0:
            return
        if path != keep and path.suffix != _PART:
            path.unlink(missing_ok=True)
            excess -= size
