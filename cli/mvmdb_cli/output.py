"""What commands print: tables for people on stdout, JSON or CSV for programs, talk on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from mvmdb.files import results

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs (docs/json.md).")]


class Format(StrEnum):
    """The forms in which rows can be printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    VOTABLE = "votable"
    PARQUET = "parquet"
    DS9 = "ds9"


Form = Annotated[
    Format, typer.Option("--format", help="How to print the rows; redirect to a file as you like.")
]

talk = Console(stderr=True)
"""Where progress, hints and errors go, so that stdout holds results only."""


def plain(value: Any) -> Any:
    """Return a value in JSON types: dataclasses as objects, times as ISO 8601."""
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def print_rows(
    rows: Sequence[Any], columns: Mapping[str, str], *, form: Format = Format.TABLE, as_json: bool = False
) -> None:
    """Print dataclass rows: every field for programs, chosen columns for people.

    Parameters
    ----------
    rows
        Dataclass instances of one class.
    columns
        Heading by field name, in the order of the table; ``"exptime_s:.0f"`` names a field and its format.
    form, as_json
        The form; ``as_json`` is short for JSON.
    """
    if as_json or form is Format.JSON:
        print_json(list(rows))
    elif form is Format.TABLE:
        _print_table(rows, columns)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(_file_content([plain(row) for row in rows], columns, form))


def _file_content(rows: list[dict[str, Any]], columns: Mapping[str, str], form: Format) -> bytes:
    names = list(rows[0]) if rows else [column.partition(":")[0] for column in columns]
    if form is Format.CSV:
        return results.as_csv(rows)
    if form is Format.DS9:
        return results.as_ds9(rows)
    return results.as_votable(rows, names) if form is Format.VOTABLE else results.as_parquet(rows, names)


def _print_table(rows: Sequence[Any], columns: Mapping[str, str]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row, name) for name in columns))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(row: Any, column: str) -> str:
    name, _, form = column.partition(":")
    value = getattr(row, name)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime(form or "%Y-%m-%d")
    if isinstance(value, list):
        return " ".join(map(str, value))
    return format(value, form)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print named values, one per line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, "" if value is None else str(value))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@contextmanager
def progress(what: str, total: int, *, quiet: bool) -> Iterator[Any]:
    """Show a progress bar on stderr; give a function that moves it on by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, disable=quiet or not talk.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda *_: bar.advance(task)


@contextmanager
def staged_progress(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show one bar per stage on stderr; give a function that takes a stage and the fraction done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, disable=quiet or not talk.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, fraction: float) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, completed=1.0)
                tasks[stage] = bar.add_task(stage, total=1.0)
            bar.update(tasks[stage], completed=fraction)

        yield report
