"""Products in an object store: drawn on this machine, uploaded unseen, visible in one step.

The fence of a builder is its upload. An upload is completed by its identity, which is in the ticket: an
object with a hidden name beside the product. Who takes over gives the upload up, and the store refuses to
complete it from then on. So there is no instant between a check and a rename.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mvmdb.errors import ProductFileError, StorageError
from mvmdb.files.fetching import fetch
from mvmdb.files.inventory import find_unfinished, product_name_of
from mvmdb.files.objects import ObjectFacts, ObjectStore
from mvmdb.files.product import StagedProduct, discard, find_leftovers, is_staged_name, read_product_header
from mvmdb.files.storage import ObjectStorage, StoredObject, is_url, storage_errors
from mvmdb.files.stores import OfferedProduct
from mvmdb.files.tree_hash import stream_has_sha256
from mvmdb.records import PublishedFile

_SHA256 = "mvmdb-sha256"
_BUILD = "mvmdb-build"
_MOST_READINGS = 3


@dataclass(frozen=True)
class BucketStore:
    """Products in buckets that speak S3."""

    objects: ObjectStore
    storage: ObjectStorage
    copies_dir: Path
    """Where copies are kept that are read here."""
    copies_limit_bytes: int
    drafts_dir: Path
    """Where products are drawn."""

    def size_bytes(self, location: str) -> int | None:
        """Return the size of an object; None where there is none."""
        found = self.objects.find(location)
        return None if found is None else found.size_bytes

    def has_sha256(self, location: str, sha256: str) -> bool:
        """Tell whether the bytes that the store gives have a hash; those of its newest object."""
        for _ in range(_MOST_READINGS):
            before = self.objects.find(location)
            try:
                return self._reads_as(location, sha256)
            except StorageError:
                if self.objects.find(location) == before:
                    raise
        raise StorageError(location, f"was replaced {_MOST_READINGS} times while it was read")

    def _reads_as(self, location: str, sha256: str) -> bool:
        with storage_errors(location), self.storage.open(location) as stream:
            return stream_has_sha256(stream, sha256)

    def modified_s(self, location: str) -> float:
        """Return when an object was completed."""
        found = self.objects.find(location)
        if found is None:
            raise ProductFileError(location, "is not there")
        return found.modified_s

    def build_id(self, location: str) -> str:
        """Return the build that a product says it is of; its metadata tell it, else its header."""
        found = self.objects.find(location)
        stated = found.metadata.get(_BUILD) if found is not None else None
        return stated or str(read_product_header(self.source(location)).keywords.get("MVMBUILD"))

    def source(self, location: str) -> StoredObject:
        """Return the object, to be read block by block."""
        return StoredObject(self.storage, location)

    def local_copy(self, location: str) -> Path:
        """Return a copy of what the store has now, fetched unless it is there."""
        try:
            return fetch(location, self.copies_dir, limit_bytes=self.copies_limit_bytes)
        except StorageError as error:
            message = str(error).removeprefix(f"{location}: ")
            raise ProductFileError(location, message, hint=error.hint) from error

    def draft_directory(self, directory: str) -> Path:
        """Return a directory of this machine, of its own for each directory of products."""
        return self.drafts_dir / directory.replace("://", "/")

    def offer(self, staged: StagedProduct, directory: str, build_id: str) -> OfferedProduct:
        """Upload a drawn file under its ticket; the file goes."""
        file = PublishedFile(f"{directory}/{staged.final_path.name}", staged.sha256, staged.size_bytes)
        ticket = f"{directory}/{staged.temporary_path.name}"
        metadata = {_SHA256: staged.sha256, _BUILD: build_id}
        upload: dict[str, Any] = {"upload_id": self.objects.begin_upload(file.path, metadata)}
        self.objects.write(ticket, json.dumps(upload).encode())
        parts = self.objects.upload_parts(file.path, upload["upload_id"], staged.temporary_path)
        self.objects.write(ticket, json.dumps({**upload, "parts": parts}).encode())
        discard(staged)
        return OfferedProduct(file, ticket)

    def publish(self, offer: OfferedProduct) -> None:
        """Complete the upload. An answer that was lost on its way is no failure: what is there counts."""
        location, content = offer.file.path, self.objects.read(offer.ticket)
        if content is None:
            raise ProductFileError(location, "cannot be published: its upload has been given up")
        upload, refusal = json.loads(content), None
        try:
            self.objects.complete_upload(location, upload["upload_id"], upload["parts"])
        except StorageError as error:
            refusal = error
        found = self.objects.find(location)
        if (
            found is None
            or found.size_bytes != offer.file.size_bytes
            or not self._is(location, found, offer.file.sha256)
        ):
            raise ProductFileError(
                location, f"cannot be published: {refusal or 'it is not what was uploaded'}"
            ) from refusal
        self.objects.delete(offer.ticket)

    def _is(self, location: str, found: ObjectFacts, sha256: str) -> bool:
        """Tell whether an object was uploaded with a hash, or if it does not say, whether it has it."""
        stated = found.metadata.get(_SHA256)
        return stated == sha256 if stated else self.has_sha256(location, sha256)

    def keep(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:
        """Copy the object within the store, if it is still the one that was looked at."""
        try:
            self._keep(location, kept, sha256, still_ours)
        except StorageError as error:
            raise ProductFileError(location, f"cannot be kept as {kept}: {error}", hint=error.hint) from error

    def _keep(self, location: str, kept: str, sha256: str, still_ours: Callable[[], None]) -> None:
        found, there = self.objects.find(location), self.objects.find(kept)
        if found is None:
            return
        is_meant = self._is(location, found, sha256)
        if there is not None:
            if is_meant and not self._is(kept, there, sha256):
                raise ProductFileError(
                    location,
                    f"cannot be kept as {kept}: another object has that name",
                    hint=f"`mvmdb catalog rebuild {kept.rpartition('/')[0]}` takes it in; or move it away",
                )
            return
        if not is_meant:
            still_ours()  # then what was found is damaged, and no newer product
        self.objects.copy(location, found, kept)

    def put_back(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:
        """Delete the second object; if the first is gone, copy it back before."""
        there, found = self.objects.find(kept), self.objects.find(location)
        if there is None:
            return
        if found is not None and found.etag != there.etag and not self._is(location, found, sha256):
            return
        still_ours()  # the store has no step that looks and deletes
        if found is None:
            self.objects.copy(kept, there, location)
        self.objects.delete(kept, there.etag)

    def remove_published(self, file: PublishedFile) -> None:
        """Delete an object that was published; the store compares its ETag with what has been looked at."""
        found = self.objects.find(file.path)
        if found is None or found.size_bytes != file.size_bytes:
            return
        if self._is(file.path, found, file.sha256):
            self.objects.delete(file.path, found.etag)

    def delete(self, location: str) -> None:
        """Delete an object."""
        self.objects.delete(location)

    def list_products(self, directory: str) -> list[str]:
        """Return the objects below a prefix that are named like products."""
        found = self.storage.list_files(directory)
        return [item for item in found if item.endswith(".fits") and product_name_of(item) is not None]

    def list_tickets(self, directory: str) -> list[str]:
        """Return the tickets of a directory, and what is being drawn for it on this machine."""
        drafts = find_leftovers(self.draft_directory(directory))
        tickets = [item for item in self._tickets_below(directory) if item.rpartition("/")[0] == directory]
        return [*tickets, *map(str, drafts)]

    def list_unfinished(self, directory: str) -> list[str]:
        """Return the tickets below a directory, and what is being drawn for it on this machine."""
        drafts = find_unfinished(self.draft_directory(directory))
        return [*self._tickets_below(directory), *map(str, drafts)]

    def _tickets_below(self, directory: str) -> list[str]:
        return [
            item for item in self.storage.list_files(directory) if is_staged_name(item.rpartition("/")[2])
        ]

    def remove_ticket(self, ticket: str) -> None:
        """Give the upload of a ticket up, then delete the ticket: who dies between does it again."""
        if not is_url(ticket):
            Path(ticket).unlink(missing_ok=True)
            return
        content = self.objects.read(ticket)
        if content is None:
            return
        directory, _, name = ticket.rpartition("/")
        product = name.removeprefix(".").removesuffix(".part").rpartition(".")[0]
        self.objects.abort_upload(f"{directory}/{product}", json.loads(content)["upload_id"])
        self.objects.delete(ticket)
