"""Objects in a store that fsspec reaches (``s3://bucket/key``), to be read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from mvmdb.errors import MissingPackageError, StorageError

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class FileVersion:
    """An object as it is now."""

    size_bytes: int
    mark: str
    """Changes when the content is replaced."""


def is_url(location: str | Path) -> bool:
    """Return whether a location names an object in a store, not a file on disk."""
    return isinstance(location, str) and "://" in location


@dataclass(frozen=True)
class ObjectStorage:
    """Objects in a store; a location is a URL."""

    system: Any
    """The fsspec file system."""

    def open(self, location: str, *, block_bytes: int | None = None) -> BinaryIO:
        """Open an object to be read, piece by piece as it is needed; the caller closes it.

        Parameters
        ----------
        location
            URL of the object.
        block_bytes
            What is read beyond what is asked for; the default of the store suits whole objects.
        """
        chosen = {} if block_bytes is None else {"block_size": block_bytes}
        with storage_errors(location):
            self.system.invalidate_cache()
            return cast(BinaryIO, self.system.open(location, "rb", cache_type="readahead", **chosen))

    def version(self, location: str) -> FileVersion | None:
        """Return what the store states of an object now, of S3 also the ETag; None where there is none."""
        with storage_errors(location):
            self.system.invalidate_cache()
            try:
                facts = self.system.info(location)
            except FileNotFoundError:
                return None
        if facts.get("type") != "file":
            return None
        stated = sorted((name, str(value)) for name, value in facts.items())
        return FileVersion(int(facts["size"]), hashlib.sha256(str(stated).encode()).hexdigest())

    def list_files(self, location: str) -> list[str]:
        """Return the objects under a prefix, or that a pattern names, sorted."""
        with storage_errors(location):
            self.system.invalidate_cache()
            find = self.system.glob if "*" in location else self.system.find
            return sorted(self.system.unstrip_protocol(key) for key in find(location))


@dataclass(frozen=True)
class StoredObject:
    """An object that is read where it lies, a few blocks of it."""

    storage: ObjectStorage
    location: str

    def open(self) -> BinaryIO:
        """Open it; the caller closes it."""
        return self.storage.open(self.location, block_bytes=_BLOCK_BYTES)

    def size_bytes(self) -> int | None:
        """Return its size; None where there is no such object."""
        version = self.storage.version(self.location)
        return None if version is None else version.size_bytes

    def __str__(self) -> str:
        """Return its URL."""
        return self.location


def storage_of(location: str) -> ObjectStorage:
    """Return the store in which an object lies.

    Raises
    ------
    MissingPackageError
        fsspec, or the package for this kind of store, is not installed.
    StorageError
        No store is known by the beginning of the URL.
    """
    try:
        import fsspec  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingPackageError("fsspec", "s3") from error
    try:
        with storage_errors(location):
            return ObjectStorage(fsspec.core.url_to_fs(location)[0])
    except ImportError as error:  # the package of this kind of store, like s3fs
        raise MissingPackageError(f"a package for {location.partition('://')[0]}://", "s3") from error


@contextmanager
def storage_errors(location: str) -> Iterator[None]:
    """Turn what the system or the store says into StorageError.

    Raises
    ------
    StorageError
        Its message names the location.
    """
    try:
        yield
    except StorageError:
        raise
    except _driver_errors() as error:
        hint = "see that it exists, and that address and credentials are right (docs/howto/cluster.md)"
        raise StorageError(location, f"cannot be reached: {error}", hint=hint) from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return what drivers raise; that of S3 has errors that are no OSError: no credentials, no endpoint."""
    botocore = sys.modules.get("botocore.exceptions")
    return (OSError, ValueError) if botocore is None else (OSError, ValueError, botocore.BotoCoreError)
