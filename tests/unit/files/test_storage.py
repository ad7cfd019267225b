"""Objects in a store are found and read; copies are fetched once and bounded."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mvmdb.errors import MissingPackageError, StorageError
from mvmdb.files.fetching import fetch
from mvmdb.files.storage import is_url, storage_of

fsspec = pytest.importorskip("fsspec")


def test_objects_are_listed_measured_and_read() -> None:
    place = f"memory://bucket-{uuid.uuid4()}"
    one, other = f"{place}/a/one.fits", f"{place}/b/other.fits"
    storage = storage_of(place)
    for url, value in ((one, b"pixels" * 1000), (other, b"")):
        with fsspec.open(url, "wb") as stream:
            stream.write(value)
    assert [name.rpartition("/")[2] for name in storage.list_files(place)] == ["one.fits", "other.fits"]
    assert [name.rpartition("/")[2] for name in storage.list_files(f"{place}/*/o?e.fits")] == ["one.fits"]
    version = storage.version(one)
    assert version is not None
    assert version.size_bytes == 6000
    assert storage.version(f"{place}/a") is None
    assert storage.version(f"{place}/c.fits") is None
    with storage.open(one) as stream:
        assert stream.read(6) == b"pixels"
    with pytest.raises(StorageError, match=r"c\.fits: cannot be reached"):
        storage.open(f"{place}/c.fits")


def test_url_is_told_from_path() -> None:
    assert is_url("s3://bucket/key.fits")
    assert not is_url("/data/key.fits")
    assert not is_url(Path("s3://bucket/key.fits"))


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
