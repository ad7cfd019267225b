"""Files on disk and objects in a store behave alike; copies are fetched once and bounded."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mvmdb.errors import MissingPackageError, StorageError
from mvmdb.files.fetching import fetch
from mvmdb.files.storage import sha256_of, storage_of

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["disk", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder on disk, or a prefix in a store that lives in memory."""
    return str(tmp_path / "there") if request.param == "disk" else f"memory://bucket-{uuid.uuid4()}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of known content."""
    path = tmp_path / "source"
    path.write_bytes(b"pixels" * 1000)
    return path


def test_operations_mean_the_same(place: str, source: Path) -> None:
    storage, one, other = storage_of(place), f"{place}/a/one.fits", f"{place}/b/other.fits"
    assert storage.size_bytes(one) is None
    storage.put(source, one)
    assert storage.size_bytes(one) == 6000
    assert sha256_of(storage, one) == hashlib.sha256(b"pixels" * 1000).hexdigest()
    storage.copy(one, other)
    assert [name.rpartition("/")[2] for name in storage.list_files(place)] == ["one.fits", "other.fits"]
    with storage.open(other) as stream:
        assert stream.read(6) == b"pixels"
    storage.remove(one)
    storage.remove(one)
    assert (storage.size_bytes(one), storage.version(one), storage.size_bytes(other)) == (None, None, 6000)
    with pytest.raises(StorageError, match=r"one\.fits: cannot be reached"):
        sha256_of(storage, one)


def test_unknown_stores_are_refused() -> None:
    with pytest.raises(StorageError, match="nowhere://x"):
        storage_of("nowhere://x/y")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingPackageError, match="fsspec") as caught:
        storage_of("s3://bucket/key")
    assert caught.value.hint == "install it with: pip install 'mvmdb[s3]'"


def test_copy_is_fetched_once_and_again_when_the_object_changes(tmp_path: Path) -> None:
    url, cache = f"memory://bucket-{uuid.uuid4()}/a.fits", tmp_path / "cache"
    with fsspec.open(url, "wb") as stream:
        stream.write(b"one")
    first = fetch(url, cache, limit_bytes=100)
    assert (first.name, first.read_bytes()) == ("a.fits", b"one")
    first.write_bytes(b"ONE")  # a mark that shows which copy is given
    assert fetch(url, cache, limit_bytes=100).read_bytes() == b"ONE"
    first.write_bytes(b"")  # not as long as the object: of no use
    assert fetch(url, cache, limit_bytes=100).read_bytes() == b"one"
    with fsspec.open(url, "wb") as stream:
        stream.write(b"two")
    assert fetch(url, cache, limit_bytes=100).read_bytes() == b"two"
    fsspec.filesystem("memory").rm(url)
    with pytest.raises(StorageError, match="does not exist"):
        fetch(url, cache, limit_bytes=100)


def test_copies_used_longest_ago_make_room(tmp_path: Path) -> None:
    bucket, cache = f"memory://bucket-{uuid.uuid4()}", tmp_path / "cache"
    urls = [f"{bucket}/{name}.fits" for name in "abcd"]
    for url in urls:
        with fsspec.open(url, "wb") as stream:
            stream.write(bytes(100))
    get: Callable[[str], Path] = lambda url: fetch(url, cache, limit_bytes=300)  # noqa: E731
    copies = [get(url) for url in urls[:3]]
    for age, path in enumerate(reversed(copies)):
        os.utime(path, (1e9 - age, 1e9))
    assert get(urls[0]) == copies[0]  # used again: now the second is the oldest
    assert get(urls[3]).is_file()
    assert [path.exists() for path in copies] == [True, False, True]
    assert sum(path.stat().st_size for path in cache.rglob("*.fits")) == 300
