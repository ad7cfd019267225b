"""``mvmdb exposure withdraw``, ``restore`` and ``withdrawals``: exposures out of layers and back."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.withdrawals import (
    WithdrawalReport,
    list_withdrawals,
    restore_exposure,
    withdraw_exposure,
)
from mvmdb.names import SkycellName, parse_observation_id
from mvmdb_cli.output import Form, Format, Json, print_json, print_rows
from mvmdb_cli.session import asking, opened

Rootname = Annotated[str, typer.Argument(metavar="ROOTNAME", help="Like ib6o03n9q.")]
Skycells = Annotated[
    list[str], typer.Option("--skycell", metavar="SKYCELL", help="Only in this skycell; may be repeated.")
]
By = Annotated[str | None, typer.Option("--by", help="Who decides it; your login name if left out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change and change nothing.")]

_EFFECT_COLUMNS = {
    "skycell": "skycell",
    "layer": "layer",
    "selection": "selection",
    "status_before": "before",
    "status": "now",
    "reasons": "reasons",
    "n_pixels_contributed": "pixels",
    "exptime_s:.1f": "exptime/s",
    "product": "product",
}
_WITHDRAWAL_COLUMNS = {
    "rootname": "exposure",
    "skycell": "skycell",
    "reason": "reason",
    "withdrawn_by": "by",
    "withdrawn_at": "withdrawn",
    "restored_by": "restored by",
    "restored_at": "restored",
}


def exposure_withdraw(
    rootname: Rootname,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the withdrawal.")],
    skycells: Skycells = [],  # noqa: B006
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take an exposure out of all layers, or out of those of a skycell, and say which products that concerns.

    Example: `mvmdb exposure withdraw ib6o03n9q --reason "trailed"`
    """
    name, places = parse_observation_id(rootname), [SkycellName.parse(item) for item in skycells]
    with opened() as (_, engine), transaction(engine) as connection:
        savepoint = connection.begin_nested()
        report = withdraw_exposure(
            connection, name, reason=reason, by=by or getpass.getuser(), skycells=places
        )
        if dry_run:
            savepoint.rollback()
    _print_report(report, "would be withdrawn" if dry_run else "is withdrawn", as_json)


def exposure_restore(
    rootname: Rootname,
    skycells: Skycells = [],  # noqa: B006
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put a withdrawn exposure back into its layers; the withdrawal stays in the history.

    Example: `mvmdb exposure restore ib6o03n9q`
    """
    name, places = parse_observation_id(rootname), [SkycellName.parse(item) for item in skycells]
    with opened() as (_, engine), transaction(engine) as connection:
        savepoint = connection.begin_nested()
        report = restore_exposure(connection, name, by=by or getpass.getuser(), skycells=places)
        if dry_run:
            savepoint.rollback()
    _print_report(report, "would be restored" if dry_run else "is restored", as_json)


def exposure_withdrawals(
    rootname: Annotated[str | None, typer.Argument(metavar="ROOTNAME", help="Only of this exposure.")] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the withdrawals, also those that have ended: who, when and why.

    Example: `mvmdb exposure withdrawals`
    """
    with asking() as connection:
        rows = list_withdrawals(connection, parse_observation_id(rootname) if rootname else None)
    print_rows(rows, _WITHDRAWAL_COLUMNS, form=form, as_json=as_json)


def _print_report(report: WithdrawalReport, verb: str, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    typer.echo(
        f"{report.exposure} {verb}: {report.n_products_stale} products become stale,"
        f" {report.n_pixels_contributed} of their pixels hold its light"
    )
    if report.effects:
        print_rows(report.effects, _EFFECT_COLUMNS)
