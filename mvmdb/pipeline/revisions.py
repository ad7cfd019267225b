"""Former revisions through a build: kept before the rename, recorded with it, put back when it fails.

From the link to the transaction that supersedes it, the row of a former product names its file by the
final name. What a dead builder leaves there, `recover` tells by hashes: if the new file is in place, the
former one is recorded under its own name; if not, it gets the final name back.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.revisions import FormerProduct, find_former, list_replaced_files, record_kept
from mvmdb.files.revisions import keep_file, put_back, revision_path
from mvmdb.pipeline.product_files import file_state


def current_revision(engine: Engine, skycell: str, layer: str, selection: str) -> FormerProduct | None:
    """Return the product that the next publication of a layer will supersede."""
    with transaction(engine) as connection:
        return find_former(connection, skycell, layer, selection)


def keep_former(former: FormerProduct | None) -> None:
    """Keep the file of a product under the name of its revision, if it is there.

    Raises
    ------
    ProductFileError
        It cannot be linked or renamed; nothing may be published over it.
    """
    if former is not None and Path(former.file.path).is_file():
        keep_file(Path(former.file.path), _kept_path(former))


def record_former(connection: Connection, former: FormerProduct | None) -> None:
    """Record the name under which a product is kept, or that its file is lost."""
    if former is None:
        return
    kept = _kept_path(former)
    known = former.file_state if former.file_state != "lost" else "in_place"
    record_kept(connection, former.product_id, str(kept), known if kept.is_file() else "lost")


def put_former_back(former: FormerProduct | None) -> None:
    """Give a product its name again, after a build that kept it and published nothing.

    Raises
    ------
    ProductFileError
        The directory cannot be written.
    """
    if former is None:
        return
    kept, path = _kept_path(former), Path(former.file.path)
    if not kept.is_file():
        return
    if path.is_file() and not path.samefile(kept) and file_state(former.file, thorough=True) == "in_place":
        kept.unlink()
    else:
        put_back(path, kept)


def remove_replaced(engine: Engine, skycell: str, layer: str, selection: str) -> None:
    """Remove the second names of kept files that the current product does not bear (drz against drc)."""
    with transaction(engine) as connection:
        replaced = list_replaced_files(connection, skycell, layer, selection)
    for path in replaced:
        Path(path).unlink(missing_ok=True)


def _kept_path(former: FormerProduct) -> Path:
    return revision_path(Path(former.file.path), former.revision)
