"""Products and exposures on disk or in an object store, one road for both.

In a store nothing can be renamed. So a product is written on the local disk, uploaded under a name that
shows that it is none yet, read back and compared, and copied to its own name within the store, which is
one step. After that its rows become current, as on disk.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mvmdb.errors import ExposureFileError, StorageError
from mvmdb.files.fetching import fetch
from mvmdb.files.product import StagedProduct, publish
from mvmdb.files.storage import is_url, sha256_of, storage_of
from mvmdb.names import ProductName, SkycellName
from mvmdb.records import PublishedFile
from mvmdb.settings import load_settings


def product_location(products_dir: Path | str, skycell: SkycellName, product: ProductName) -> str:
    """Return path or URL of a product."""
    if is_url(products_dir):
        return f"{products_dir}/{skycell}/{product}"
    return str(Path(products_dir) / str(skycell) / str(product))


def staging_directory(products_dir: Path | str, skycell: SkycellName) -> Path:
    """Return the local directory in which a product is written: on disk that of the product itself."""
    if is_url(products_dir):
        return load_settings().cache_dir / "staged" / str(skycell)
    return Path(products_dir) / str(skycell)


def upload(staged: StagedProduct, location: str, build_id: str) -> None:
    """Bring a staged product next to its location, and see that it has arrived; on disk it is there.

    Raises
    ------
    StorageError
        It cannot be written, or what has arrived differs; nothing of it stays in the store.
    """
    if not is_url(location):
        return
    storage, part = storage_of(location), _part(location, build_id)
    try:
        storage.put(staged.temporary_path, part)
        if (found := sha256_of(storage, part)) != staged.sha256:
            raise StorageError(part, f"has arrived with the hash {found}, not {staged.sha256}")
    except BaseException:
        with suppress(StorageError):  # the first error tells more
            storage.remove(part)
        raise
    staged.temporary_path.unlink()


def publish_at(staged: StagedProduct, location: str, build_id: str) -> None:
    """Give an uploaded product its name, in one step; replaces a former product.

    Raises
    ------
    ProductFileError
        On disk: the file cannot be renamed.
    StorageError
        In a store: it cannot be copied.
    """
    if not is_url(location):
        publish(staged)
        return
    storage, part = storage_of(location), _part(location, build_id)
    storage.copy(part, location)
    if (found := storage.size_bytes(location)) != staged.size_bytes:
        raise StorageError(location, f"has {found} bytes, not {staged.size_bytes}")
    storage.remove(part)


def remove_upload(file: PublishedFile | None, build_id: str) -> None:
    """Remove what a dead build has uploaded and not published."""
    if file is not None and is_url(file.path):
        storage_of(file.path).remove(_part(file.path, build_id))


def remove_location(location: str) -> None:
    """Remove a product; silent where there is none.

    Raises
    ------
    StorageError
        It cannot be removed.
    """
    storage_of(location).remove(location)


def _part(location: str, build_id: str) -> str:
    directory, _, name = location.rpartition("/")
    return f"{directory}/.{name}.{build_id}.part"


def local_path(location: str) -> Path:
    """Return where a file can be read on this machine: itself, or its copy in ``MVMDB_CACHE_DIR``.

    Raises
    ------
    StorageError
        It cannot be fetched.
    """
    if not is_url(location):
        return Path(location)
    settings = load_settings()
    return fetch(location, settings.cache_dir / "copies", limit_bytes=int(settings.cache_gb * 1e9))


def exposure_path(location: str) -> str:
    """Return where an exposure can be read on this machine.

    Raises
    ------
    ExposureFileError
        It cannot be fetched.
    """
    try:
        return str(local_path(location)) if is_url(location) else location
    except StorageError as error:
        raise ExposureFileError(
            location, str(error).removeprefix(f"{location}: "), hint=error.hint
        ) from error


def exists_at(location: str) -> bool:
    """Return whether a file lies at a location that can be reached."""
    if not is_url(location):
        return Path(location).exists()
    try:
        return storage_of(location).size_bytes(location) is not None
    except StorageError:
        return False
