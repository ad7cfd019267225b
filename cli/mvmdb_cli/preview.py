"""``mvmdb preview``: pictures of products."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvmdb.names import LayerName, SkycellName, parse_selection
from mvmdb.pipeline.preview import draw_pictures, skycell_products
from mvmdb_cli.output import Json, print_json, progress
from mvmdb_cli.selection import Selection
from mvmdb_cli.session import asking

Skycell = Annotated[str, typer.Argument(metavar="SKYCELL", help="A skycell, like p1889x07y19.")]
Layer = Annotated[
    str | None, typer.Argument(metavar="[LAYER]", help="Only this layer, like wfc3_ir_f160w_coarse.")
]
Output = Annotated[Path, typer.Option(help="Directory of the pictures; made if it does not exist.")]


def preview(
    skycell: Skycell,
    layer: Layer = None,
    selection: Selection = "all",
    output: Output = Path(),
    as_json: Json = False,
) -> None:
    """Draw the products of a skycell: a PNG of every layer, and one in colour.

    The pictures have AVM tags, so that Aladin, WorldWide Telescope and others can place them on the sky.
    The colour picture shows the three layers that overlap best, the longest wavelength red.

    Example: `mvmdb preview p1889x07y19 --output ./pictures`
    """
    wanted = LayerName.parse(layer) if layer else None
    with asking() as connection:
        products = skycell_products(
            connection, SkycellName.parse(skycell), wanted, parse_selection(selection)
        )
    with progress("draw", len(products) + 1, quiet=as_json) as advance:
        pictures = [advance() or picture for picture in draw_pictures(products, output)]
    if as_json:
        print_json(pictures)
        return
    for picture in pictures:
        typer.echo(f"{picture.path}: {', '.join(picture.layers)}")
