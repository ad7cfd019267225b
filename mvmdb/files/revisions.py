"""Former revisions of a product: kept under a name of their own before the next one takes the final name."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from mvmdb.errors import ProductFileError
from mvmdb.files.piece_reader import has_sha256

FOLDER = "revisions"
"""Directory of former revisions, beside the products."""


def keep_file(path: Path, kept: Path, sha256: str, *, still_ours: Callable[[], None]) -> None:
    """Give a file a second name, durably; on a file system without hard links, copy it.

    The same again does nothing. The file has its first name at every instant.

    Parameters
    ----------
    path, kept
        The file, and its second name.
    sha256
        Hash that it was published with. One of another content is damaged, or is not the one that is meant.
    still_ours
        Raises when somebody else may have put another file there.

    Raises
    ------
    ProductFileError
        It has not got its second name: the directory cannot be written, or another file has that name.
    """
    try:
        kept.parent.mkdir(exist_ok=True)
        if kept.exists():
            _require_kept(path, kept, sha256)
            return
        _link_or_copy(path, kept)
        if not has_sha256(kept, sha256):
            _keep_damaged(kept, still_ours)
        for directory in (kept.parent, path.parent):
            sync_directory(directory)
    except OSError as error:
        hint = "see that its directory is writable"
        raise ProductFileError(str(path), f"cannot be kept as {kept}: {error}", hint=hint) from error


def _require_kept(path: Path, kept: Path, sha256: str) -> None:
    """Raise unless a file that bears the name of a revision is that revision."""
    if kept.samefile(path) or has_sha256(kept, sha256) or not has_sha256(path, sha256):
        return
    raise ProductFileError(
        str(path),
        f"cannot be kept as {kept}: another file has that name",
        hint=f"`mvmdb catalog rebuild {kept.parent}` takes it in; or move it away",
    )


def _keep_damaged(kept: Path, still_ours: Callable[[], None]) -> None:
    """Leave a file its second name if its content can only be damage, not a newer file's."""
    try:
        still_ours()
    except BaseException:
        kept.unlink()
        raise


def _link_or_copy(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except FileExistsError:
        raise
    except OSError:  # no hard links here, or too many of this file
        _copy(path, kept)


def _copy(path: Path, kept: Path) -> None:
    """Copy a file; the name appears when the copy is complete."""
    aside = aside_of(kept)
    try:
        shutil.copyfile(path, aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        aside.rename(kept)
    finally:
        aside.unlink(missing_ok=True)


def aside_of(path: Path) -> Path:
    """Return a hidden name, never used before, in the directory of a file."""
    return path.with_name(f".{path.name}.{uuid.uuid4()}.part")


def put_back(path: Path, kept: Path, sha256: str) -> None:
    """Undo ``keep_file``: the file has its first name, and no other.

    A file that bears the first name by now and is another one stays; then the second name stays too.

    Raises
    ------
    ProductFileError
        The directory cannot be written.
    """
    try:
        _remove_asides(path, kept, sha256)
        if not kept.is_file():
            return
        # Out of the way first: a builder that follows may need the second name for the same file.
        aside = aside_of(kept)
        kept.rename(aside)
        if not path.exists():
            move_unless_taken(aside, path)
        elif path.samefile(aside) or has_sha256(path, sha256):
            aside.unlink()
        else:
            move_unless_taken(aside, kept)
        sync_directory(path.parent)
    except OSError as error:
        raise ProductFileError(str(kept), f"cannot be put back as {path}: {error}") from error


def _remove_asides(path: Path, kept: Path, sha256: str) -> None:
    """Remove what died half-way through a copy, or through putting back, if the file has its first name."""
    asides = list(kept.parent.glob(f".{kept.name}.*.part"))
    if asides and path.is_file() and has_sha256(path, sha256):
        for aside in asides:
            aside.unlink(missing_ok=True)


def move_unless_taken(aside: Path, target: Path) -> None:
    """Give a file a name, unless another has it by now."""
    try:
        os.link(aside, target)
    except FileExistsError:
        pass
    except OSError:  # no hard links here
        if not target.exists():
            aside.rename(target)
            return
    aside.unlink()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
