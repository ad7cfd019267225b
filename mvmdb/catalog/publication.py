"""Products as the Virtual Observatory sees them: identifiers, links, provenance of any revision."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func

from mvmdb.catalog.products import find_product
from mvmdb.catalog.rows import fetch, select_function, select_view, view
from mvmdb.errors import UnknownObjectError
from mvmdb.records import Generation, ProductProvenance, Usage, WithdrawnInput

_GENERATION = view("product_generation", Generation)
_USAGE = view("product_usage", Usage, "product", "revision", "context_index")
_WITHDRAWAL = view("product_withdrawal", WithdrawnInput, "product", "revision")


@dataclass(frozen=True)
class LinkRow:
    """One link of a dataset: a row of the {links} table of IVOA DataLink 1.1, as in ``ivoa.datalink``."""

    ID: str
    """Identifier of the dataset that was asked for."""
    access_url: str | None
    """Where the linked file is; null where there is an error."""
    service_def: str | None
    """Always null: no services."""
    error_message: str | None
    """Why there is no URL; null where there is one."""
    semantics: str
    """What the link is to the dataset: a term of http://www.ivoa.net/rdf/datalink/core."""
    description: str | None
    """The same for people."""
    content_type: str | None
    """Media type of the file."""
    content_length: int | None
    """Size of the file, bytes; null where it is not known."""


def find_generation(connection: Connection, product: str, revision: int | None = None) -> Generation:
    """Return how a revision of a product came about; of the current one if none is named.

    Raises
    ------
    UnknownObjectError
        There is no such product, or no such revision of it.
    """
    wanted = find_product(connection, product).revision if revision is None else revision
    c = _GENERATION.c
    query = select_view(Generation, _GENERATION).where(c.product == product, c.revision == wanted)
    rows = fetch(connection, Generation, query)
    if not rows:
        raise UnknownObjectError(
            f"no revision {wanted} of a product {product}",
            hint=f"`mvmdb product history {product}` lists them",
        )
    return rows[0]


def find_provenance(connection: Connection, product: str, revision: int | None = None) -> ProductProvenance:
    """Return everything that the provenance of a revision consists of; of the current one if none is named.

    Raises
    ------
    UnknownObjectError
        There is no such product, or no such revision of it.
    """
    generation = find_generation(connection, product, revision)
    used, out = _USAGE.c, _WITHDRAWAL.c
    usages = select_view(Usage, _USAGE).where(used.product == product, used.revision == generation.revision)
    withdrawals = select_view(WithdrawnInput, _WITHDRAWAL).where(
        out.product == product, out.revision == generation.revision
    )
    return ProductProvenance(
        generation,
        tuple(fetch(connection, Usage, usages.order_by(used.context_index))),
        tuple(fetch(connection, WithdrawnInput, withdrawals.order_by(out.withdrawal_id))),
    )


def list_links(connection: Connection, dataset_id: str) -> list[LinkRow]:
    """Return the links of a dataset; for an unknown identifier one row with an error."""
    return fetch(connection, LinkRow, select_function(LinkRow, func.ivoa.datalink(dataset_id)))
