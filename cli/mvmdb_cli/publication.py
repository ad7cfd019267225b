"""``mvmdb product links`` and ``mvmdb product provenance``: products for the Virtual Observatory."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mvmdb.files.datalink import links_votable
from mvmdb.names import ProductName
from mvmdb.pipeline.publication import list_product_links, product_provenance, write_provenance
from mvmdb_cli.output import Form, Format, Json, plain, print_rows
from mvmdb_cli.session import asking

Name = Annotated[str, typer.Argument(metavar="NAME", help="File name of a product.")]
Revision = Annotated[int | None, typer.Option(min=1, help="Which revision; the current one if left out.")]

_LINK_COLUMNS = {
    "semantics": "semantics",
    "access_url": "url",
    "description": "description",
    "content_length": "bytes",
    "error_message": "error",
}


class ProvenanceForm(StrEnum):
    """The notations of W3C PROV."""

    JSON = "json"
    XML = "xml"
    PROVN = "provn"


def product_links(
    name: Name, revision: Revision = None, as_json: Json = False, form: Form = Format.TABLE
) -> None:
    """List what belongs to a product, as IVOA DataLink: its file, its exposures, its preview, its relatives.

    Example: `mvmdb product links hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits --format votable`
    """
    product = str(ProductName.parse(name))
    with asking() as connection:
        rows = list_product_links(connection, product, revision)
    if form is Format.VOTABLE and not as_json:
        sys.stdout.flush()
        sys.stdout.buffer.write(links_votable([plain(row) for row in rows]))
        return
    print_rows(rows, _LINK_COLUMNS, form=form, as_json=as_json)


def product_provenance_document(
    name: Name,
    revision: Revision = None,
    form: Annotated[
        ProvenanceForm, typer.Option("--format", help="Notation of the document.")
    ] = ProvenanceForm.JSON,
    output: Annotated[Path | None, typer.Option(help="File to write; the terminal if left out.")] = None,
) -> None:
    """Write where a product came from as a W3C PROV document, in the words of IVOA's Provenance Data Model.

    Example: `mvmdb product provenance hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits --format provn`
    """
    product = str(ProductName.parse(name))
    with asking() as connection:
        text = product_provenance(connection, product, revision, form.value)
    if output is None:
        sys.stdout.write(text)
    else:
        write_provenance(output, text)
        typer.echo(f"{output}: provenance of {product}")
