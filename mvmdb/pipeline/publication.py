"""Products for the Virtual Observatory: links with previews, provenance as a document."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from mvmdb.catalog.publication import LinkRow, find_generation, find_provenance, list_links
from mvmdb.files.storage import is_url
from mvmdb.files.writing import write_whole

ProvenanceFormat = Literal["json", "xml", "provn"]


def list_product_links(connection: Connection, product: str, revision: int | None = None) -> list[LinkRow]:
    """Return the links of a revision of a product, and its preview where one lies beside the file.

    Raises
    ------
    UnknownObjectError
        There is no such product, or no such revision of it.
    """
    generation = find_generation(connection, product, revision)
    links = list_links(connection, generation.dataset_id)
    is_there = any(link.semantics == "#this" and link.access_url for link in links)
    if not is_there or is_url(generation.file_path):  # pictures are drawn on disks only
        return links
    return links + _preview_links(generation.dataset_id, Path(generation.file_path))


def _preview_links(dataset_id: str, file: Path) -> list[LinkRow]:
    """Return the link of a picture that ``mvmdb preview`` has drawn of the file, if it is not older."""
    picture = file.with_suffix(".png")
    if not picture.is_file() or (file.exists() and picture.stat().st_mtime_ns < file.stat().st_mtime_ns):
        return []
    size_bytes = picture.stat().st_size
    return [
        LinkRow(
            dataset_id, picture.as_uri(), None, None, "#preview", "Picture of it", "image/png", size_bytes
        )
    ]


def product_provenance(
    connection: Connection, product: str, revision: int | None, form: ProvenanceFormat
) -> str:
    """Return the provenance of a revision of a product as a PROV document.

    Raises
    ------
    UnknownObjectError
        There is no such product, or no such revision of it.
    MissingPackageError
        prov is not installed.
    """
    from mvmdb.files.provenance import provenance_text  # noqa: PLC0415

    return provenance_text(find_provenance(connection, product, revision), form)


def write_provenance(path: Path, text: str) -> None:
    """Write the document to a file.

    Raises
    ------
    OutputFileError
        The file cannot be written.
    """
    write_whole(path, text.encode())
