"""Exposures and products on disk or in an object store, one road for both: who reads whole files of a store
reads copies on the disk.
"""

from __future__ import annotations

from pathlib import Path

from mvmdb.errors import ExposureFileError, StorageError
from mvmdb.files.bucket import BucketStore
from mvmdb.files.fetching import fetch
from mvmdb.files.objects import ObjectStore
from mvmdb.files.storage import is_url, storage_of
from mvmdb.files.stores import DirectoryStore, ProductStore
from mvmdb.settings import Settings, load_settings


def exposure_path(location: str) -> str:
    """Return where an exposure can be read on this machine: itself, or its copy in ``MVMDB_CACHE_DIR``.

    Raises
    ------
    ExposureFileError
        It cannot be fetched.
    """
    if not is_url(location):
        return location
    settings = load_settings()
    try:
        return str(fetch(location, _copies_dir(settings), limit_bytes=_limit_bytes(settings)))
    except StorageError as error:
        raise ExposureFileError(
            location, str(error).removeprefix(f"{location}: "), hint=error.hint
        ) from error


def exists_at(location: str) -> bool:
    """Return whether a file lies at a location that can be reached."""
    if not is_url(location):
        return Path(location).exists()
    try:
        return storage_of(location).version(location) is not None
    except StorageError:
        return False


def product_store(location: Path | str) -> ProductStore:
    """Return where a product lives, told by its location or that of its directory.

    Raises
    ------
    MissingPackageError
        The location is a URL, and the package for its store is not installed.
    """
    if not is_url(location):
        return DirectoryStore()
    settings, storage = load_settings(), storage_of(str(location))
    return BucketStore(
        ObjectStore(storage.system),
        storage,
        _copies_dir(settings),
        _limit_bytes(settings),
        settings.cache_dir / "drafts",
    )


def _copies_dir(settings: Settings) -> Path:
    return settings.cache_dir / "copies"


def _limit_bytes(settings: Settings) -> int:
    return int(settings.cache_gb * 1e9)
