"""``mvmdb selection`` and ``mvmdb layer epochs``: named rules of which exposures layers take."""

from __future__ import annotations

import getpass
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.selections import (
    SelectionCostRow,
    SelectionExclusion,
    SelectionRow,
    SelectionRule,
    add_selection,
    change_selection,
    find_selection,
    list_epochs,
    list_selections,
)
from mvmdb.errors import SelectionError
from mvmdb.names import LayerName, SkycellName, parse_observation_id, parse_selection
from mvmdb.pipeline.selections import (
    RemovedSelection,
    SelectionReport,
    SelectionShown,
    discard_selection,
    report_selection,
    show_selection,
    store_epochs,
)
from mvmdb_cli.output import Form, Format, Json, print_facts, print_json, print_rows
from mvmdb_cli.session import asking, opened

selection_app = typer.Typer(
    no_args_is_help=True, help="Selections: named rules of which exposures layers take."
)

Selection = Annotated[
    str, typer.Option("--selection", metavar="NAME", help="Which exposures: see `mvmdb selection list`.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters and digits, like early.")]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="Starting at this time or later, UTC, ISO 8601.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Starting before this time, UTC, ISO 8601.")
]
WcsName = Annotated[
    str | None,
    typer.Option(
        "--wcsname", metavar="PATTERN", help="WCSNAME fits, whatever the case: * is any text, ? a character."
    ),
]
MinExptime = Annotated[
    float | None, typer.Option("--min-exptime", metavar="SECONDS", help="Of at least this exposure time.")
]
Exclude = Annotated[
    list[str], typer.Option("--exclude", metavar="ROOTNAME", help="Without this exposure; may be repeated.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why without them; kept with --exclude.")]
OnlySkycell = Annotated[
    str | None, typer.Option("--skycell", metavar="SKYCELL", help="Without them in this skycell only.")
]
OnlyLayer = Annotated[
    str | None, typer.Option("--layer", metavar="LAYER", help="Without them in layers of this name only.")
]
Description = Annotated[str | None, typer.Option("--description", help="What the selection is for.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides it; your login name if left out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change and change nothing.")]


class Condition(StrEnum):
    """The parts of a rule that can be dropped."""

    FROM = "from"
    UNTIL = "until"
    WCSNAME = "wcsname"
    MIN_EXPTIME = "min-exptime"


_FIELD_OF = {
    Condition.FROM: "from_utc",
    Condition.UNTIL: "until_utc",
    Condition.WCSNAME: "wcsname_pattern",
    Condition.MIN_EXPTIME: "min_exptime_s",
}
_COLUMNS = {
    "selection": "selection",
    "from_utc:%Y-%m-%d %H:%M:%S": "from",
    "until_utc:%Y-%m-%d %H:%M:%S": "until",
    "wcsname_pattern": "wcsname",
    "min_exptime_s": "min exptime/s",
    "n_excluded": "excluded",
    "n_products": "products",
    "description": "description",
}
_COST_COLUMNS = {
    "skycell": "skycell",
    "layer": "layer",
    "n_exposures": "exposures",
    "n_exposures_lost": "lost",
    "exptime_s:.0f": "exptime/s",
    "exptime_lost_s:.0f": "lost/s",
    "area_arcmin2:.3f": "area/arcmin2",
    "area_lost_arcmin2:.3f": "lost/arcmin2",
    "area_lost_fraction:.1%": "of all",
}
_EXCLUSION_COLUMNS = {
    "rootname": "without",
    "skycell": "skycell",
    "layer": "layer",
    "reason": "reason",
    "excluded_by": "by",
    "excluded_at": "since",
}
_PRODUCT_COLUMNS = {
    "skycell": "skycell",
    "layer": "layer",
    "status": "status",
    "reasons": "reasons",
    "product": "product",
}
_EPOCH_COLUMNS = {
    "epoch": "epoch",
    "from_utc:%Y-%m-%d %H:%M:%S": "from",
    "until_utc:%Y-%m-%d %H:%M:%S": "until",
    "n_exposures": "exposures",
    "exptime_s:.0f": "exptime/s",
    "first_date": "first",
    "last_date": "last",
    "area_arcmin2:.3f": "area/arcmin2",
    "area_fraction:.1%": "of all",
    "selection": "selection",
}


@selection_app.command("list")
def selection_list(as_json: Json = False, form: Form = Format.TABLE) -> None:
    """List the selections with their rules.

    Example: `mvmdb selection list`
    """
    with asking() as connection:
        rows = list_selections(connection)
    print_rows(rows, _COLUMNS, form=form, as_json=as_json)


@selection_app.command("show")
def selection_show(
    name: Name,
    skycell: Annotated[str | None, typer.Option(help="What it costs in this skycell only.")] = None,
    as_json: Json = False,
) -> None:
    """Show a selection: its rule, its exclusions, and what it loses of each layer against all exposures.

    Example: `mvmdb selection show early --skycell p1889x07y19`
    """
    place = SkycellName.parse(skycell) if skycell else None
    with asking() as connection:
        shown = show_selection(connection, parse_selection(name), place)
    if as_json:
        print_json(shown)
    else:
        _print_shown(shown)


def _print_shown(shown: SelectionShown) -> None:
    print_facts(_facts(shown.selection))
    if shown.exclusions:
        print_rows(shown.exclusions, _EXCLUSION_COLUMNS)
    print_rows(shown.costs, _COST_COLUMNS)


def _facts(row: SelectionRow) -> dict[str, Any]:
    return {
        "selection": row.selection,
        "description": row.description,
        "from": row.from_utc and row.from_utc.isoformat(),
        "until": row.until_utc and row.until_utc.isoformat(),
        "wcsname": row.wcsname_pattern,
        "min exptime": row.min_exptime_s and f"{row.min_exptime_s:g} s",
        "products": row.n_products,
        "changed": f"{row.changed_at:%Y-%m-%dT%H:%M:%SZ} by {row.changed_by or row.created_by}",
    }


@selection_app.command("add")
def selection_add(
    name: Name,
    from_utc: From = None,
    until_utc: Until = None,
    wcsname: WcsName = None,
    min_exptime_s: MinExptime = None,
    exclude: Exclude = [],  # noqa: B006
    reason: Reason = "",
    skycell: OnlySkycell = None,
    layer: OnlyLayer = None,
    description: Description = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a selection: exposures that fulfil every condition, but for those that are excluded.

    The same again changes nothing; another rule under the same name is refused.

    Example: `mvmdb selection add early --until 2012-01-01`
    """
    rule = SelectionRule(_moment(from_utc), _moment(until_utc), wcsname, min_exptime_s)
    with opened() as (_, engine), transaction(engine) as connection:
        savepoint = connection.begin_nested()
        added = add_selection(
            connection,
            parse_selection(name),
            rule,
            description=description or "",
            by=by or getpass.getuser(),
            without=_exclusions(exclude, reason, skycell, layer),
        )
        report = report_selection(connection, added.selection)
        if dry_run:
            savepoint.rollback()
    _print_report(report, "would be stored" if dry_run else "is stored", as_json)


@selection_app.command("change")
def selection_change(
    name: Name,
    from_utc: From = None,
    until_utc: Until = None,
    wcsname: WcsName = None,
    min_exptime_s: MinExptime = None,
    drop: Annotated[
        list[Condition], typer.Option("--drop", help="No longer ask for this; may be repeated.")
    ] = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    reason: Reason = "",
    skycell: OnlySkycell = None,
    layer: OnlyLayer = None,
    include: Annotated[
        list[str],
        typer.Option("--include", metavar="ROOTNAME", help="End the exclusions of this exposure."),
    ] = [],  # noqa: B006
    description: Description = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Change the rule or the exclusions of a selection, and say which of its products become stale.

    What is not named stays as it is.

    Example: `mvmdb selection change early --until 2013-01-01 --dry-run`
    """
    given: dict[str, Any] = {
        "from_utc": _moment(from_utc),
        "until_utc": _moment(until_utc),
        "wcsname_pattern": wcsname,
        "min_exptime_s": min_exptime_s,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    changes |= {_FIELD_OF[item]: None for item in drop}
    with opened() as (_, engine), transaction(engine) as connection:
        savepoint = connection.begin_nested()
        before = find_selection(connection, parse_selection(name))
        change_selection(
            connection,
            before.selection,
            replace(before.rule, **changes),
            by=by or getpass.getuser(),
            description=description,
            without=_exclusions(exclude, reason, skycell, layer),
            with_again=[parse_observation_id(item) for item in include],
        )
        report = report_selection(connection, before.selection)
        if dry_run:
            savepoint.rollback()
    _print_report(report, "would be changed" if dry_run else "is changed", as_json)


@selection_app.command("remove")
def selection_remove(
    name: Name,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also when it has products: they are retired, their files removed."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Remove a selection. One that has products is kept unless --force retires them.

    Example: `mvmdb selection remove early`
    """
    with opened() as (settings, engine):
        removed: RemovedSelection = discard_selection(
            engine, parse_selection(name), force=force, dry_run=dry_run, lease_s=settings.lease_s
        )
    if as_json:
        print_json(removed)
    else:
        verbs = ("would be", "would be") if dry_run else ("is", "are")
        typer.echo(
            f"{removed.selection} {verbs[0]} removed, {len(removed.retired)} products {verbs[1]} retired"
        )


def layer_epochs(
    skycell: Annotated[str, typer.Argument(metavar="SKYCELL", help="Like p1889x07y19.")],
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="Like wfc3_ir_f160w_coarse.")],
    gap_days: Annotated[
        float, typer.Option(min=0.0, help="An epoch ends where no exposure starts for longer than this.")
    ] = 30.0,
    length_days: Annotated[
        float | None,
        typer.Option(min=0.001, help="Epochs of this length instead, from the day of the first exposure."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--add", metavar="PREFIX", help="Store them as selections PREFIX1, PREFIX2.")
    ] = None,
    by: By = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Propose how to split a layer in time: exposures, seconds, dates and covered sky of each epoch.

    Example: `mvmdb layer epochs p1889x07y19 wfc3_ir_f160w_coarse --gap-days 20`
    """
    names = SkycellName.parse(skycell), LayerName.parse(layer)
    with opened() as (_, engine), transaction(engine) as connection:
        epochs = list_epochs(connection, *names, gap_days=gap_days, length_days=length_days)
        rows = store_epochs(connection, *names, epochs, prefix=prefix, by=by or getpass.getuser())
    print_rows(rows, _EPOCH_COLUMNS, form=form, as_json=as_json)


def cost_in_words(cost: SelectionCostRow) -> str:
    """Return in one line what a selection loses of a layer."""
    return (
        f"{cost.n_exposures_lost} of {cost.n_exposures + cost.n_exposures_lost} exposures,"
        f" {cost.exptime_lost_s:.0f} of {cost.exptime_s + cost.exptime_lost_s:.0f} s,"
        f" {cost.area_lost_arcmin2:.3f} of {cost.area_arcmin2 + cost.area_lost_arcmin2:.3f} arcmin2"
        f" ({cost.area_lost_fraction:.1%} of the sky that all cover)"
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SelectionError(
            f"{text!r} is no time", hint="write it like 2012-01-01 or 2012-01-01T12:30:00"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _exclusions(
    rootnames: list[str], reason: str, skycell: str | None, layer: str | None
) -> list[SelectionExclusion]:
    place = str(SkycellName.parse(skycell)) if skycell else None
    within = str(LayerName.parse(layer)) if layer else None
    return [
        SelectionExclusion(parse_observation_id(name), reason, place, within)
        for name in dict.fromkeys(rootnames)
    ]


def _print_report(report: SelectionReport, verb: str, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    row = report.selection
    typer.echo(
        f"{row.selection} {verb}: {report.n_products_stale} of its {row.n_products} products are stale"
    )
    print_facts(_facts(row))
    if report.products:
        print_rows(report.products, _PRODUCT_COLUMNS)
