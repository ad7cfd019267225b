"""``mvmdb retention`` and ``mvmdb product prune|pin|unpin``: how long files of former revisions stay."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.retention import (
    PinRow,
    list_retention_rules,
    pin_product,
    remove_retention_rule,
    set_retention_rule,
    unpin_product,
)
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.pipeline.retention import PruneReport, prune_products
from mvmdb_cli.output import Form, Format, Json, print_json, print_rows
from mvmdb_cli.session import asking, opened

retention_app = typer.Typer(no_args_is_help=True, help="How long files of former revisions stay.")

Skycell = Annotated[
    str | None, typer.Option("--skycell", metavar="SKYCELL", help="Only for this skycell, like p1889x07y19.")
]
Layer = Annotated[
    str | None,
    typer.Option("--layer", metavar="LAYER", help="Only for this layer, like wfc3_ir_f160w_coarse."),
]
Product = Annotated[str, typer.Argument(metavar="PRODUCT", help="File name of a product.")]
Revision = Annotated[int, typer.Argument(metavar="REVISION", min=1, help="As in `mvmdb product history`.")]

_RULE_COLUMNS = {
    "skycell": "skycell",
    "layer": "layer",
    "keep_newest": "keep newest",
    "keep_days:g": "keep days",
    "decided_at": "decided",
}
_FILE_COLUMNS = {
    "product": "product",
    "revision": "revision",
    "superseded_at:%Y-%m-%d %H:%M:%S": "superseded",
    "file_size_bytes:,d": "bytes",
    "file_path": "file",
}


@retention_app.command("list")
def retention_list(as_json: Json = False, form: Form = Format.TABLE) -> None:
    """List the rules; * stands for every skycell or layer, and the most special rule for a layer decides.

    One for a layer of a skycell goes before one for the skycell, that before one for the layer everywhere.

    Example: `mvmdb retention list`
    """
    with asking() as connection:
        rows = list_retention_rules(connection)
    print_rows(rows, _RULE_COLUMNS, form=form, as_json=as_json)


@retention_app.command("set")
def retention_set(
    newest: Annotated[int, typer.Option(min=0, help="How many of the newest former revisions stay.")],
    days: Annotated[
        float, typer.Option(min=0.0, help="How long any former revision stays after it was superseded.")
    ] = 0.0,
    skycell: Skycell = None,
    layer: Layer = None,
    as_json: Json = False,
) -> None:
    """Decide how long files of former revisions stay; it acts at the next build of a layer, or at a prune.

    Examples: `mvmdb retention set --newest 2 --days 30`,
    `mvmdb retention set --newest 10 --skycell p1889x07y19 --layer wfc3_ir_f160w`
    """
    with asking() as connection:
        rule = set_retention_rule(
            connection, keep_newest=newest, keep_days=days, skycell=_skycell(skycell), layer=_layer(layer)
        )
    if as_json:
        print_json(rule)
    else:
        print_rows([rule], _RULE_COLUMNS)


@retention_app.command("remove")
def retention_remove(skycell: Skycell = None, layer: Layer = None) -> None:
    """Remove the rule for a skycell, a layer, or a layer of a skycell; the next more general one decides.

    Example: `mvmdb retention remove --skycell p1889x07y19`
    """
    with asking() as connection:
        remove_retention_rule(connection, skycell=_skycell(skycell), layer=_layer(layer))


def _skycell(name: str | None) -> SkycellName | None:
    return SkycellName.parse(name) if name else None


def _layer(name: str | None) -> LayerName | None:
    return LayerName.parse(name) if name else None


def product_prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove files of former revisions that no rule of retention keeps, and say how many bytes that frees.

    Their rows stay, with all their provenance. Pinned revisions are never removed.

    Example: `mvmdb product prune --dry-run`
    """
    with opened() as (_, engine):
        report = prune_products(engine, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _print_report(report, "would be freed" if dry_run else "freed")


def _print_report(report: PruneReport, verb: str) -> None:
    if report.files:
        print_rows(report.files, _FILE_COLUMNS)
    typer.echo(f"{report.n_files} files, {report.freed_bytes:,} bytes {verb}")


def product_pin(
    product: Product,
    revision: Revision,
    by: Annotated[str | None, typer.Option("--by", help="Who wants it; your login name if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Keep the file of a revision whatever the rules of retention, until it is unpinned.

    Example: `mvmdb product pin hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits 3`
    """
    with opened() as (_, engine), transaction(engine) as connection:
        row = pin_product(connection, ProductName.parse(product), revision, by=by or getpass.getuser())
    _print_pin(row, as_json)


def product_unpin(product: Product, revision: Revision, as_json: Json = False) -> None:
    """Leave the file of a revision to the rules of retention again.

    Example: `mvmdb product unpin hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits 3`
    """
    with opened() as (_, engine), transaction(engine) as connection:
        row = unpin_product(connection, ProductName.parse(product), revision)
    _print_pin(row, as_json)


def _print_pin(row: PinRow, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    who = f"pinned by {row.pinned_by}" if row.pinned_by else "not pinned"
    typer.echo(f"{row.product} revision {row.revision}: {who}")
