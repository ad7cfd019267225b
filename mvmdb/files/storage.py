"""Where files lie: on disk, or as objects in a store that fsspec reaches (``s3://bucket/key``).

Publication needs few operations, and they mean the same in both: what is put is complete or absent.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from mvmdb.errors import MissingPackageError, StorageError

_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class FileVersion:
    """A file as it is now."""

    size_bytes: int
    mark: str
    """Changes when the content is replaced."""


class Storage(Protocol):
    """What publication and reading need of a place where files lie; a location is a path or a URL."""

    def put(self, source: Path, location: str) -> None:
        """Copy a local file to a location; it bears the name only when it is complete."""

    def open(self, location: str) -> BinaryIO:
        """Open a file to be read; the caller closes it."""

    def size_bytes(self, location: str) -> int | None:
        """Return the size of a file, None where there is none."""

    def version(self, location: str) -> FileVersion | None:
        """Return size and mark of a file, None where there is none."""

    def copy(self, source: str, target: str) -> None:
        """Copy within the store; the target bears its name only when it is complete."""

    def remove(self, location: str) -> None:
        """Remove a file; silent where there is none."""

    def list_files(self, location: str) -> list[str]:
        """Return the files that a pattern or a folder, with all below, names; sorted."""


def is_url(location: str | Path) -> bool:
    """Return whether a location names an object in a store, not a file on disk."""
    return isinstance(location, str) and "://" in location


def storage_of(location: str) -> Storage:
    """Return the storage in which a location lies.

    Raises
    ------
    MissingPackageError
        fsspec, or the package for this kind of store, is not installed.
    StorageError
        No store is known by the beginning of the URL.
    """
    return _open_store(location) if is_url(location) else LocalStorage()


def sha256_of(storage: Storage, location: str) -> str:
    """Return the hash of a file, which is read for it.

    Raises
    ------
    StorageError
        It cannot be read.
    """
    with storage_errors(location), storage.open(location) as stream:
        digest = hashlib.sha256()
        while block := stream.read(_CHUNK_BYTES):
            digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True)
class LocalStorage:
    """Files on disk."""

    def put(self, source: Path, location: str) -> None:
        """Copy a file beside its target, then rename it."""
        target = Path(location)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4()}.part")
        with storage_errors(location):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, temporary)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def open(self, location: str) -> BinaryIO:
        """Open a file to be read."""
        with storage_errors(location):
            return Path(location).open("rb")

    def size_bytes(self, location: str) -> int | None:
        """Return the size of a regular file."""
        path = Path(location)
        return path.stat().st_size if path.is_file() else None

    def version(self, location: str) -> FileVersion | None:
        """Return the size, and with it the time of the last change."""
        path = Path(location)
        if not path.is_file():
            return None
        return FileVersion(path.stat().st_size, f"{path.stat().st_size} {path.stat().st_mtime_ns}")

    def copy(self, source: str, target: str) -> None:
        """Copy a file."""
        self.put(Path(source), target)

    def remove(self, location: str) -> None:
        """Remove a file."""
        with storage_errors(location):
            Path(location).unlink(missing_ok=True)

    def list_files(self, location: str) -> list[str]:
        """Return the files of a folder."""
        return sorted(str(path) for path in Path(location).rglob("*") if path.is_file())


@dataclass(frozen=True)
class ObjectStorage:
    """Objects in a store. Its writes are atomic by nature: an object is replaced whole, or stays."""

    system: Any
    """The fsspec file system."""

    def put(self, source: Path, location: str) -> None:
        """Upload a file."""
        with storage_errors(location):
            self.system.put_file(str(source), location)

    def open(self, location: str) -> BinaryIO:
        """Open an object to be read, piece by piece as it is needed."""
        with storage_errors(location):
            return cast(BinaryIO, self.system.open(location, "rb", cache_type="readahead"))

    def size_bytes(self, location: str) -> int | None:
        """Return the size that the store states."""
        version = self.version(location)
        return version.size_bytes if version is not None else None

    def version(self, location: str) -> FileVersion | None:
        """Return what the store states of an object now; of S3 the ETag is in the mark."""
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

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the store, without a way through this machine."""
        with storage_errors(target):
            self.system.cp_file(source, target)

    def remove(self, location: str) -> None:
        """Remove an object."""
        with storage_errors(location):
            try:
                self.system.rm_file(location)
            except FileNotFoundError:
                return

    def list_files(self, location: str) -> list[str]:
        """Return the objects under a prefix, or that a pattern names."""
        with storage_errors(location):
            self.system.invalidate_cache()
            find = self.system.glob if "*" in location else self.system.find
            return sorted(self.system.unstrip_protocol(key) for key in find(location))


def _open_store(location: str) -> ObjectStorage:
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
