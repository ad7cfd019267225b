"""Exposures on disk or in an object store, one road for both: what lies in a store is copied to the disk."""

from __future__ import annotations

from pathlib import Path

from mvmdb.errors import ExposureFileError, StorageError
from mvmdb.files.fetching import fetch
from mvmdb.files.storage import is_url, storage_of
from mvmdb.settings import load_settings


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
        copies = settings.cache_dir / "copies"
        return str(fetch(location, copies, limit_bytes=int(settings.cache_gb * 1e9)))
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
