"""``mvmdb verify``: files against rows."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from mvmdb.errors import ProvenanceError
from mvmdb.names import SkycellName
from mvmdb.pipeline.verify import Scope, VerifyReport, count_files
from mvmdb.pipeline.verify import verify as verify_files
from mvmdb_cli.output import Json, print_json, print_rows, progress, talk
from mvmdb_cli.session import opened

_COLUMNS = {
    "problem": "problem",
    "outcome": "outcome",
    "state": "state",
    "revision": "revision",
    "file_path": "file",
    "detail": "detail",
}


def verify(
    skycell: Annotated[
        str | None, typer.Argument(metavar="SKYCELL", help="Only its products, like p1889x07y19.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Record what is lost or damaged, take back what is there again.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare sizes and headers only, not every byte.")
    ] = False,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Check the files of the exposures as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold the files of products against the catalogue: missing, damaged, moved, half written, unknown.

    Every byte is read and hashed, former revisions too. The exit code is 6 when anything is wrong and has
    not been repaired.

    Examples: `mvmdb verify`, `mvmdb verify p1889x07y19 --repair`
    """
    with opened() as (settings, engine):
        scope = Scope(
            settings.products_dir,
            SkycellName.parse(skycell) if skycell else None,
            thorough=not quick,
            repair=repair,
            inputs=inputs,
        )
        with progress("verify", count_files(engine, scope), quiet=as_json) as advance:
            report = verify_files(engine, scope, advance)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report.n_unrepaired:
        raise typer.Exit(ProvenanceError.exit_code)


def _print(report: VerifyReport) -> None:
    if report.findings:
        print_rows(report.findings, _COLUMNS)
    for remedy in dict.fromkeys(item.remedy for item in report.findings if item.outcome != "repaired"):
        talk.print(f"[dim]remedy:[/dim] {escape(remedy)}", highlight=False)
    checked = f"{report.n_products} products, {report.n_bytes:,} bytes"
    if report.n_exposures:
        checked += f", {report.n_exposures} exposures"
    typer.echo(f"{checked}: {len(report.findings)} findings, {report.n_unrepaired} not repaired")
