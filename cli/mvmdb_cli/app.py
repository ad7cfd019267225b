"""The entry point: commands put together, expected errors turned into exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

import mvmdb
from mvmdb.errors import MvmdbError
from mvmdb_cli import (
    ask,
    build,
    coverage,
    database,
    deep,
    demo,
    difference,
    exclusion,
    footprint,
    history,
    maps,
    parameters,
    pixel,
    preview,
    publication,
    rebuild,
    retention,
    selection,
    status,
    verify,
    withdrawal,
)
from mvmdb_cli.output import talk
from mvmdb_cli.positions import NEGATIVE_NUMBERS

app = typer.Typer(
    name="mvmdb",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Multi-visit Hubble mosaics, planned, built and explained by a PostGIS database.",
)
app.add_typer(database.app, name="db")
app.command("ingest")(build.ingest)
app.add_typer(footprint.app, name="footprint")
build.layer_app.command("explain")(status.layer_explain)
build.layer_app.command("epochs")(selection.layer_epochs)
app.add_typer(build.layer_app, name="layer")
app.command("status")(status.status)
app.command("verify")(verify.verify)
app.add_typer(rebuild.catalog_app, name="catalog")
app.add_typer(parameters.parameters_app, name="parameters")
app.command("coverage", context_settings=NEGATIVE_NUMBERS)(coverage.coverage)
app.command("deep")(deep.deep)
app.add_typer(ask.skycell_app, name="skycell")
ask.exposure_app.command("withdraw")(withdrawal.exposure_withdraw)
ask.exposure_app.command("restore")(withdrawal.exposure_restore)
ask.exposure_app.command("withdrawals")(withdrawal.exposure_withdrawals)
app.add_typer(ask.exposure_app, name="exposure")
ask.exposure_app.command("contributions")(history.exposure_contributions)
app.add_typer(ask.product_app, name="product")
ask.product_app.command("history")(history.product_history)
ask.product_app.command("links")(publication.product_links)
ask.product_app.command("provenance")(publication.product_provenance_document)
ask.product_app.command("diff")(difference.product_diff)
ask.product_app.command("prune")(retention.product_prune)
ask.product_app.command("pin")(retention.product_pin)
ask.product_app.command("unpin")(retention.product_unpin)
app.add_typer(retention.retention_app, name="retention")
app.add_typer(history.build_app, name="build")
app.add_typer(exclusion.exclusion_app, name="exclusion")
app.add_typer(selection.selection_app, name="selection")
app.command("provenance")(ask.provenance)
app.command("pixel", context_settings=NEGATIVE_NUMBERS)(pixel.pixel)
app.add_typer(maps.map_app, name="map")
app.command("moc")(maps.moc)
app.command("preview")(preview.preview)
app.command("demo")(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mvmdb {mvmdb.__version__}")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main() -> None:
    """Run the command line; an expected error is a line on stderr and an exit code, never a traceback."""
    try:
        app()
    except MvmdbError as error:
        talk.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        if error.hint:
            talk.print(f"[dim]hint:[/dim] {escape(error.hint)}", highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
