"""``mvmdb deep``: where a filter reaches an exposure time."""

from __future__ import annotations

from typing import Annotated

import typer

from mvmdb.catalog.layers import list_deep_layers
from mvmdb.names import SkycellName
from mvmdb_cli.output import Form, Format, Json, print_rows
from mvmdb_cli.session import asking

_COLUMNS = {
    "skycell": "skycell",
    "layer": "layer",
    "deepest_exptime_s:.0f": "deepest/s",
    "area_arcmin2:.2f": "area/arcmin2",
}


def deep(
    filter_name: Annotated[str, typer.Argument(metavar="FILTER", help="Like F160W.")],
    min_exptime_s: Annotated[float, typer.Argument(metavar="SECONDS", min=0, help="Exposure time to reach.")],
    skycell: Annotated[
        str | None, typer.Option(metavar="SKYCELL", help="Only in this skycell, like p1889x07y19.")
    ] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Find where exposures of a filter add up to some exposure time, and how much sky that is.

    Neighbouring skycells overlap: the same sky may be listed twice.

    Example: `mvmdb deep F160W 2000`
    """
    name = SkycellName.parse(skycell) if skycell else None
    with asking() as connection:
        rows = list_deep_layers(connection, filter_name, min_exptime_s, skycell=name)
    print_rows(rows, _COLUMNS, form=form, as_json=as_json)
