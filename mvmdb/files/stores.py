"""Where products live: what must hold of every place, and how a directory does it.

A location is the absolute path of a file, or a URL. Who publishes holds the lease of the layer; but a
process may stand still between any two steps for longer than its lease lasts. So a file that is complete
waits under a ticket, and who takes the ticket away makes sure that it is never published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mvmdb.files.inventory import find_products, find_unfinished
from mvmdb.files.piece_reader import has_sha256
from mvmdb.files.product import StagedProduct, find_leftovers, publish, read_product_header
from mvmdb.files.revisions import FOLDER, aside_of, keep_file, move_unless_taken, put_back
from mvmdb.files.storage import StoredObject
from mvmdb.records import PublishedFile


@dataclass(frozen=True)
class OfferedProduct:
    """A complete file that waits for its name."""

    file: PublishedFile
    """As it will be."""
    ticket: str
    """Location that must be there for it to be published."""


class ProductStore(Protocol):
    """Where products live."""

    def size_bytes(self, location: str) -> int | None:
        """Return the size of a file; None where there is none."""

    def has_sha256(self, location: str, sha256: str) -> bool:
        """Tell whether a file, all its bytes as they are now, has the hash that was recorded of it."""

    def modified_s(self, location: str) -> float:
        """Return when a file was written, seconds since 1970."""

    def build_id(self, location: str) -> str:
        """Return the build that a product says it is of.

        Raises
        ------
        ProductFileError
            It is no product, or damaged.
        """

    def source(self, location: str) -> Path | StoredObject:
        """Return what to read a header or a few pixels from."""

    def local_copy(self, location: str) -> Path:
        """Return a file on this machine to read a whole product from.

        Raises
        ------
        ProductFileError
            It is not there, or cannot be fetched.
        """

    def draft_directory(self, directory: str) -> Path:
        """Return where on this machine products of a directory are drawn."""

    def offer(self, staged: StagedProduct, directory: str, build_id: str) -> OfferedProduct:
        """Bring a drawn file to the directory of its product, where it bears no name yet."""

    def publish(self, offer: OfferedProduct) -> None:
        """Give a file its name, in one step; a former one must have been kept under another.

        Raises
        ------
        ProductFileError
            It has lost its ticket, or the store refuses.
        """

    def keep(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:
        """Give a file a second name as well; the same again does nothing.

        Parameters
        ----------
        location, kept
            The file, and its second name.
        sha256
            Hash that it was published with. One of another content is damaged, or is not the one meant.
        still_ours
            Raises when somebody else may have put another file there.

        Raises
        ------
        ProductFileError
            It has not got its second name.
        """

    def put_back(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:
        """Undo ``keep``; if another file bears the first name by now, the second one stays."""

    def remove_published(self, file: PublishedFile) -> None:
        """Remove a file that was published, unless its name bears another one by now."""

    def delete(self, location: str) -> None:
        """Remove a file; silent where there is none."""

    def list_products(self, directory: str) -> list[str]:
        """Return the files below a directory that are named like products or former revisions, sorted."""

    def list_tickets(self, directory: str) -> list[str]:
        """Return what builds have left in one directory that is not published, drafts among them, sorted."""

    def list_unfinished(self, directory: str) -> list[str]:
        """Return what builds have left in all directories below one, sorted."""

    def remove_ticket(self, ticket: str) -> None:
        """Take a ticket away, and what it is for; from then on it cannot be published."""


def revision_location(location: str, revision: int) -> str:
    """Return the name under which a revision of a product is kept: ``revisions/<stem>_r0003.fits``."""
    directory, _, name = location.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    return f"{directory}/{FOLDER}/{stem}_r{revision:04d}.{suffix}"


def is_kept(location: str) -> bool:
    """Return whether a location is that of a former revision."""
    return location.split("/")[-2:-1] == [FOLDER]


def directory_of(location: str) -> str:
    """Return the directory of a product; of a former revision, that of its successor."""
    directory = location.rpartition("/")[0]
    return directory.rpartition("/")[0] if is_kept(location) else directory


class DirectoryStore:
    """Products in directories of a POSIX file system: a ticket is the file itself, under a hidden name."""

    def size_bytes(self, location: str) -> int | None:
        """Return the size of a file; None where there is none."""
        path = Path(location)
        return path.stat().st_size if path.is_file() else None

    def has_sha256(self, location: str, sha256: str) -> bool:
        """Tell whether a file has the hash that was recorded of it."""
        return has_sha256(Path(location), sha256)

    def modified_s(self, location: str) -> float:
        """Return when a file was written."""
        return Path(location).stat().st_mtime

    def build_id(self, location: str) -> str:
        """Return the build that a product says it is of."""
        return str(read_product_header(Path(location)).keywords.get("MVMBUILD"))

    def source(self, location: str) -> Path:
        """Return the path."""
        return Path(location)

    def local_copy(self, location: str) -> Path:
        """Return the path; reading tells whether the file is there."""
        return Path(location)

    def draft_directory(self, directory: str) -> Path:
        """Return the directory itself."""
        return Path(directory)

    def offer(self, staged: StagedProduct, directory: str, build_id: str) -> OfferedProduct:  # noqa: ARG002
        """Leave the file where it is drawn."""
        file = PublishedFile(str(staged.final_path), staged.sha256, staged.size_bytes)
        return OfferedProduct(file, str(staged.temporary_path))

    def publish(self, offer: OfferedProduct) -> None:
        """Rename the file."""
        file = offer.file
        publish(StagedProduct(Path(offer.ticket), Path(file.path), file.sha256, file.size_bytes))

    def keep(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:
        """Link the file."""
        keep_file(Path(location), Path(kept), sha256, still_ours=still_ours)

    def put_back(self, location: str, kept: str, sha256: str, *, still_ours: Callable[[], None]) -> None:  # noqa: ARG002
        """Undo ``keep``; the file is moved aside before it is looked at, which makes it safe at any time."""
        put_back(Path(location), Path(kept), sha256)

    def remove_published(self, file: PublishedFile) -> None:
        """Remove a file that was published, unless its name bears another one by now.

        A builder may stand still between the question what is superseded and its answer, and meanwhile the
        name may have been given to a new product. So the file is moved aside before it is looked at.
        """
        path = Path(file.path)
        if self.size_bytes(file.path) != file.size_bytes:
            return
        aside = aside_of(path)
        try:
            path.rename(aside)
        except FileNotFoundError:
            return
        if has_sha256(aside, file.sha256):
            aside.unlink()
        else:
            move_unless_taken(aside, path)  # unless there is one that is newer still

    def delete(self, location: str) -> None:
        """Remove a file."""
        Path(location).unlink(missing_ok=True)

    def list_products(self, directory: str) -> list[str]:
        """Return the files below a directory that are named like products."""
        return [str(path) for path in find_products(Path(directory))]

    def list_tickets(self, directory: str) -> list[str]:
        """Return the half-written files of a directory."""
        return [str(path) for path in find_leftovers(Path(directory))]

    def list_unfinished(self, directory: str) -> list[str]:
        """Return the half-written files of all directories below one."""
        return [str(path) for path in find_unfinished(Path(directory))]

    def remove_ticket(self, ticket: str) -> None:
        """Remove the file."""
        Path(ticket).unlink(missing_ok=True)
