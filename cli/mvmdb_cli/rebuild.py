"""``mvmdb catalog rebuild``: rows from files."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from mvmdb.errors import ProvenanceError
from mvmdb.pipeline.rebuild import RebuildReport, list_candidates, rebuild_catalog
from mvmdb_cli.output import Json, print_json, print_rows, progress, talk
from mvmdb_cli.session import opened

catalog_app = typer.Typer(no_args_is_help=True, help="The catalogue as a whole.")

_RESTORED_COLUMNS = {"product": "product", "revision": "revision", "state": "state", "n_inputs": "inputs"}
_LACK_COLUMNS = {"kind": "not restored", "name": "name", "detail": "detail"}


@catalog_app.callback()
def catalog() -> None:
    """Work on the catalogue as a whole."""


@catalog_app.command("rebuild")
def catalog_rebuild(
    directory: Annotated[
        str,
        typer.Argument(metavar="DIR", help="Directory of product files, or a URL like s3://bucket/products."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be restored and restore nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Restore products and their provenance from product files alone, and say what cannot be restored.

    Ingest the exposures first. Rows that are there stay as they are. The exit code is 6 when something
    could not be restored.

    Example: `mvmdb catalog rebuild ~/.local/share/mvmdb/products`
    """
    paths = list_candidates(directory)
    with opened() as (_, engine), progress("read", len(paths), quiet=as_json) as advance:
        report = rebuild_catalog(engine, paths, dry_run=dry_run, on_file=advance)
    if as_json:
        print_json(report)
    else:
        _print(report, dry_run=dry_run)
    if report.not_restored:
        raise typer.Exit(ProvenanceError.exit_code)


def _print(report: RebuildReport, *, dry_run: bool) -> None:
    if report.restored:
        print_rows(report.restored, _RESTORED_COLUMNS)
    if report.not_restored:
        print_rows(report.not_restored, _LACK_COLUMNS)
    verb = "would be restored" if dry_run else "restored"
    typer.echo(
        f"{report.n_files} sound files: {len(report.restored)} {verb}, {report.n_found} found again,"
        f" {report.n_known} known; {len(report.not_restored)} things not restored"
    )
    for lacking in report.never_in_files:
        talk.print(f"[dim]never in files:[/dim] {escape(lacking)}", highlight=False)
