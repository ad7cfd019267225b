"""Objects of an S3 store: what no file system has, uploads that appear whole when they are completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mvmdb.errors import StorageError
from mvmdb.files.storage import storage_errors

_N_UPLOADS = 4
"""Parts that are on their way at a time; so many are in memory."""
_MIN_PART_BYTES = 16 * 2**20
_MAX_PARTS = 10_000
"""Of one upload, by the rules of S3."""
_MAX_COPY_BYTES = 5 * 2**30
"""Larger objects are copied in parts, by the rules of S3."""
_COPY_PART_BYTES = 10**9


@dataclass(frozen=True)
class ObjectFacts:
    """What a store states of an object."""

    size_bytes: int
    etag: str
    modified_s: float
    """When it was completed, seconds since 1970."""
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class ObjectStore:
    """Objects in a store that speaks S3; a location is a URL.

    Every method raises StorageError when the store does not answer or refuses.
    """

    system: Any
    """The fsspec file system, of s3fs."""

    def find(self, location: str) -> ObjectFacts | None:
        """Return what the store states of an object now; None where there is none."""
        with storage_errors(location):
            try:
                facts = self._call("head_object", location)
            except FileNotFoundError:
                return None
        return ObjectFacts(
            facts["ContentLength"], facts["ETag"], facts["LastModified"].timestamp(), facts["Metadata"]
        )

    def read(self, location: str) -> bytes | None:
        """Return the content of a small object; None where there is none."""
        with storage_errors(location):
            try:
                self.system.invalidate_cache()
                return bytes(self.system.cat_file(location))
            except FileNotFoundError:
                return None

    def write(self, location: str, content: bytes) -> None:
        """Write a small object."""
        with storage_errors(location):
            self._call("put_object", location, Body=content)

    def delete(self, location: str, etag: str | None = None) -> None:
        """Delete an object; if an ETag is given, only the content of this ETag."""
        with storage_errors(location):
            try:
                self._call("delete_object", location, **({"IfMatch": etag} if etag else {}))
            except FileNotFoundError:
                return
            except OSError:
                found = self.find(location)
                if etag is None or (found is not None and found.etag == etag):
                    raise

    def copy(self, source: str, facts: ObjectFacts, target: str, *, limit: int = _MAX_COPY_BYTES) -> None:
        """Copy an object within the store, with its metadata, if it is still the one that was found."""
        origin = self._names(source)
        condition = {"CopySource": origin, "CopySourceIfMatch": facts.etag}
        with storage_errors(source):
            if facts.size_bytes <= limit:
                self._call("copy_object", target, **condition)
            else:
                self._copy_parts(facts, target, condition, min(limit, _COPY_PART_BYTES))
        self._require_size(target, facts.size_bytes)

    def _copy_parts(
        self, facts: ObjectFacts, target: str, condition: Mapping[str, Any], part_bytes: int
    ) -> None:
        upload_id, etags = self.begin_upload(target, facts.metadata), []
        try:
            for number, (start, stop) in enumerate(_stretches(facts.size_bytes, part_bytes), start=1):
                part = {"PartNumber": number, "CopySourceRange": f"bytes={start}-{stop - 1}"}
                answer = self._call("upload_part_copy", target, UploadId=upload_id, **condition, **part)
                etags.append(answer["CopyPartResult"]["ETag"])
            self.complete_upload(target, upload_id, etags)
        except BaseException:
            self.abort_upload(target, upload_id)
            raise

    def begin_upload(self, location: str, metadata: Mapping[str, str]) -> str:
        """Begin to write an object, unseen until it is completed; return the identity of the upload."""
        with storage_errors(location):
            return str(self._call("create_multipart_upload", location, Metadata=dict(metadata))["UploadId"])

    def upload_parts(self, location: str, upload_id: str, path: Path) -> list[str]:
        """Send a file; return the ETags of its parts, in order."""
        size_bytes = path.stat().st_size
        stretches = list(_stretches(size_bytes, max(_MIN_PART_BYTES, -(-size_bytes // _MAX_PARTS))))

        def send(number: int) -> str:
            start, stop = stretches[number - 1]
            with path.open("rb") as file:
                file.seek(start)
                content = file.read(stop - start)
            part = {"UploadId": upload_id, "PartNumber": number, "Body": content}
            return str(self._call("upload_part", location, **part)["ETag"])

        with storage_errors(location), ThreadPoolExecutor(_N_UPLOADS) as pool:
            return list(pool.map(send, range(1, len(stretches) + 1)))

    def complete_upload(self, location: str, upload_id: str, etags: Sequence[str]) -> None:
        """Let an upload appear as the object, in one step; a former object is replaced."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        with storage_errors(location):
            upload = {"UploadId": upload_id, "MultipartUpload": {"Parts": parts}}
            self._call("complete_multipart_upload", location, **upload)

    def abort_upload(self, location: str, upload_id: str) -> None:
        """Give an upload up: it can never be completed. Silent where it has been, or was given up before."""
        with storage_errors(location):
            try:
                self._call("abort_multipart_upload", location, UploadId=upload_id)
            except FileNotFoundError:
                return

    def _call(self, method: str, location: str, **arguments: Any) -> Any:
        return self.system.call_s3(method, **self._names(location), **arguments)

    def _names(self, location: str) -> dict[str, str]:
        bucket, key, _ = self.system.split_path(location)
        return {"Bucket": bucket, "Key": key}

    def _require_size(self, location: str, size_bytes: int) -> None:
        found = self.find(location)
        if found is None or found.size_bytes != size_bytes:
            raise StorageError(location, f"is not there with its {size_bytes} bytes after it was copied")


def _stretches(size_bytes: int, part_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where parts begin and end; an empty file has one empty part."""
    for start in range(0, max(size_bytes, 1), part_bytes):
        yield start, min(start + part_bytes, size_bytes)
