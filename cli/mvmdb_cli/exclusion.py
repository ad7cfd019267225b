"""``mvmdb exclusion``: what keeps exposures out of layers, and how to decide otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exclusions import ExclusionChange, change_exclusion, list_exclusions
from mvmdb_cli.output import Form, Format, Json, print_json, print_rows
from mvmdb_cli.session import asking, opened

exclusion_app = typer.Typer(no_args_is_help=True, help="What keeps exposures out of layers.")

_COLUMNS = {
    "code": "code",
    "excludes": "excludes",
    "n_exposures": "exposures",
    "n_excluded": "excluded",
    "description": "meaning",
    "source": "source",
}


@exclusion_app.command("list")
def exclusion_list(as_json: Json = False, form: Form = Format.TABLE) -> None:
    """List what can speak against an exposure, whether it excludes, and how many exposures it concerns.

    Example: `mvmdb exclusion list`
    """
    with asking() as connection:
        rows = list_exclusions(connection)
    print_rows(rows, _COLUMNS, form=form, as_json=as_json)


@exclusion_app.command("set")
def exclusion_set(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Like small_detector; see the list.")],
    excludes: Annotated[
        bool, typer.Option("--exclude/--include", help="Whether exposures with this finding are excluded.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide whether a finding excludes exposures; layers follow at once, products at their next build.

    Example: `mvmdb exclusion set not_cte_corrected --exclude`
    """
    with opened() as (_, engine), transaction(engine) as connection:
        savepoint = connection.begin_nested()
        change = change_exclusion(connection, code, excludes=excludes)
        if dry_run:
            savepoint.rollback()
    if as_json:
        print_json(change)
    else:
        typer.echo(_in_words(change, dry_run=dry_run))


def _in_words(change: ExclusionChange, *, dry_run: bool) -> str:
    verb = "would exclude" if dry_run else "excludes"
    negation = "" if change.excludes else " nothing any more"
    return (
        f"{change.code} {verb}{negation}: {change.n_now_excluded} exposures leave their layers,"
        f" {change.n_now_taken} enter layers"
    )
