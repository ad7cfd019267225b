"""``mvmdb footprint``: tables of footprints in, so that exposures can be planned before their files come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mvmdb.catalog.bulk import BulkCounts, Rejection
from mvmdb.errors import ExposureError, OutputFileError
from mvmdb.files.writing import csv_written_whole
from mvmdb.pipeline.bulk import OnRejection, load_footprints
from mvmdb_cli.output import Json, print_json, staged_progress, talk
from mvmdb_cli.session import opened

app = typer.Typer(no_args_is_help=True, help="Footprints: exposures known by a table, before any file.")

_MOST_PRINTED = 10
"""Refused rows that are printed; all of them go to the file of ``--rejects``."""


@dataclass(frozen=True)
class FootprintReport:
    """What became of tables of footprints."""

    files: list[str]
    """The tables, absolute paths."""
    dry_run: bool
    """Whether nothing was written."""
    counts: BulkCounts
    """What they hold, compared with the catalogue."""
    first_rejections: list[Rejection]
    """The first ten; ``--rejects`` writes all."""


@app.command("load")
def load(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, Parquet or VOTable.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE.csv", help="Write every refused row there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Record exposures from tables of footprints; the same table twice changes nothing.

    A bad row is refused with its reason and the others go on; the exit code is 3 when any was refused.
    Files ingested later take the place of their footprints.

    Example: `mvmdb footprint load hst_observations.csv.gz --rejects refused.csv`
    """
    absolute = [file.absolute() for file in files]
    first: list[Rejection] = []
    with opened() as (_, engine), ExitStack() as stack:
        write = stack.enter_context(_rejects_file(rejects, absolute)) if rejects else None

        def refuse(row: Rejection) -> None:
            if len(first) < _MOST_PRINTED:
                first.append(row)
            if write is not None:
                write(row)

        report = stack.enter_context(staged_progress(quiet=as_json))
        counts = load_footprints(engine, absolute, dry_run=dry_run, on_rejection=refuse, on_progress=report)
    result = FootprintReport([str(file) for file in absolute], dry_run, counts, first)
    if as_json:
        print_json(result)
    else:
        _summarise(result, rejects)
    if counts.n_rejected:
        raise typer.Exit(ExposureError.exit_code)


@contextmanager
def _rejects_file(path: Path, tables: list[Path]) -> Iterator[OnRejection]:
    """Give a function that writes one refused row."""
    if any(path.exists() and table.exists() and path.samefile(table) for table in tables):
        raise OutputFileError(
            str(path), "is one of the tables", hint="name another file for the refused rows"
        )
    with csv_written_whole(path, [item.name for item in fields(Rejection)]) as write:
        yield lambda row: write(list(asdict(row).values()))


def _summarise(result: FootprintReport, rejects: Path | None) -> None:
    counts = result.counts
    for row in result.first_rejections:
        where = f"{row.file_path}:{row.line} {row.identifier}: {row.reason}"
        talk.print(f"[red]refused[/red] {escape(where)}", highlight=False)
    n_more = counts.n_rejected - len(result.first_rejections)
    if n_more:
        where = f"all of them are in {rejects}" if rejects else "--rejects FILE.csv writes them all"
        talk.print(f"and {n_more} more: {where}", highlight=False)
    typer.echo(
        f"{counts.n_rows} rows: {counts.n_rejected} rejected, {counts.n_repeated} repeated;"
        f" {counts.n_exposures} exposures: {counts.n_new} new, {counts.n_unchanged} unchanged,"
        f" {counts.n_revised} revised, {counts.n_outranked} outranked"
        f"{' (dry run: nothing was written)' if result.dry_run else ''}"
    )
