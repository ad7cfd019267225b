"""``mvmdb status`` and ``mvmdb layer explain``: what is missing or stale, why, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.selections import require_selection
from mvmdb.catalog.staleness import LayerStatusRow, list_product_files, list_skycell_statuses
from mvmdb.names import LayerName, SkycellName, parse_selection
from mvmdb.pipeline.forecast import bytes_in_words, forecast_in_words
from mvmdb.pipeline.staleness import (
    LayerExplanation,
    PricedSkycell,
    PricedStatus,
    check_products,
    explain_layer,
    price_layers,
    price_skycells,
)
from mvmdb_cli.output import Form, Format, Json, print_facts, print_json, print_rows, progress
from mvmdb_cli.selection import Selection
from mvmdb_cli.session import asking, opened

_SKYCELL_COLUMNS = {
    "skycell": "skycell",
    "n_layers": "layers",
    "n_missing": "missing",
    "n_stale": "stale",
    "n_current": "current",
    "reasons": "reasons",
}
_COST_COLUMNS = {"build_s:.3g": "to build/s", "build_bytes:,d": "to write/bytes"}
_LAYER_COLUMNS = {
    "layer": "layer",
    "selection": "selection",
    "status": "status",
    "reasons": "reasons",
    "since": "since",
    "n_exposures": "exposures",
    **_COST_COLUMNS,
    "product": "product",
}
_CHANGE_COLUMNS = {
    "reason": "reason",
    "exposure": "exposure",
    "chip": "chip",
    "before": "product has",
    "after": "a build takes",
    "since": "since",
}


def status(
    skycell: Annotated[
        str | None, typer.Argument(metavar="SKYCELL", help="Its layers one by one, like p1889x07y19.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="First compare the hashes of the products' files.")
    ] = False,
    selection: Annotated[
        str | None,
        typer.Option(help="With SKYCELL: only this selection, and also what it lacks."),
    ] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Also what building all that is missing or stale would take.")
    ] = False,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Tell which layers are missing, current or stale, and why: counts per skycell, or the layers of one.

    Layers of the selection all are told whether they are built or not, those of others when they are.

    A product is stale when a build with its own parameter set and overrides would make other pixels, or
    when its file is lost or damaged.

    Of the layers of one skycell it also tells what building would take; of all skycells with --cost.

    Example: `mvmdb status p1889x07y19`
    """
    names = [SkycellName.parse(skycell)] if skycell else []
    if selection and not names:
        raise typer.BadParameter("--selection goes with a skycell")
    with opened() as (_, engine):
        if check:
            with transaction(engine) as connection:
                total = len(list_product_files(connection, **({"skycell": str(names[0])} if names else {})))
            with progress("check", total, quiet=as_json) as advance:
                check_products(engine, names, thorough=True, on_product=advance)
        with transaction(engine) as connection:
            if names:
                chosen = selection and parse_selection(selection)
                if chosen:
                    require_selection(connection, chosen)
                rows = price_layers(connection, names[0], chosen)
                print_rows(rows, _LAYER_COLUMNS, form=form, as_json=as_json)
                _print_total(rows, quiet=as_json or form is not Format.TABLE)
            elif cost:
                cells = price_skycells(connection)
                print_rows(cells, {**_SKYCELL_COLUMNS, **_COST_COLUMNS}, form=form, as_json=as_json)
                _print_total(cells, quiet=as_json or form is not Format.TABLE)
            else:
                print_rows(list_skycell_statuses(connection), _SKYCELL_COLUMNS, form=form, as_json=as_json)


def _print_total(rows: Sequence[PricedStatus | PricedSkycell], *, quiet: bool) -> None:
    """Tell what building everything would take, where there is something to build."""
    if quiet or not any(row.build_s for row in rows):
        return
    seconds, n_bytes = sum(row.build_s or 0 for row in rows), sum(row.build_bytes or 0 for row in rows)
    typer.echo(
        f"to build all of it: {seconds:,.3g} s, one after the other on one thread;"
        f" {bytes_in_words(n_bytes)} written"
    )


def layer_explain(
    skycell: Annotated[str, typer.Argument(metavar="SKYCELL", help="Like p1889x07y19.")],
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="Like wfc3_ir_f160w_coarse.")],
    selection: Selection = "all",
    as_json: Json = False,
) -> None:
    """Explain why a layer is stale: what has changed, since when, by which exposures, and what a build costs.

    Example: `mvmdb layer explain p1889x07y19 wfc3_ir_f160w_coarse`
    """
    with asking() as connection:
        explanation = explain_layer(
            connection, SkycellName.parse(skycell), LayerName.parse(layer), parse_selection(selection)
        )
    if as_json:
        print_json(explanation)
        return
    print_facts(
        {
            "layer": f"{explanation.layer} of {explanation.skycell}",
            "selection": explanation.selection,
            "status": explanation.status,
            "since": _since(explanation),
            "product": explanation.product,
            "reasons": ", ".join(explanation.reasons),
            "cost": _cost(explanation),
            "forecast": explanation.forecast and forecast_in_words(explanation.forecast),
        }
    )
    if explanation.changes:
        print_rows(explanation.changes, _CHANGE_COLUMNS)


def _since(row: LayerStatusRow) -> str | None:
    return row.since.strftime("%Y-%m-%dT%H:%M:%SZ") if row.since else None


def _cost(row: LayerExplanation) -> str:
    if row.n_inputs == 0:
        return "no exposure is left; a build retires the product"
    missing = f"; {row.n_without_file} exposures to be ingested first" if row.n_without_file else ""
    size = f"{row.n_x_pix} x {row.n_y_pix} pixels"
    return f"{row.n_inputs} inputs, {size}, {row.output_gb:.3f} GB written{missing}"
