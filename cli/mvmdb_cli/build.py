"""``mvmdb ingest`` and ``mvmdb layer``: exposures in, products out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import list_layers, list_skycells_with_layers
from mvmdb.catalog.parameters import DEFAULT_SET
from mvmdb.catalog.selections import SelectionCostRow, list_selection_costs, require_selection
from mvmdb.errors import ExposureError
from mvmdb.names import LayerName, SkycellName, parse_selection
from mvmdb.parameters import parse_overrides
from mvmdb.pipeline.build import BuildOrder
from mvmdb.pipeline.database import database_url
from mvmdb.pipeline.forecast import (
    NO_LIMITS_OPTION,
    forecast_build,
    forecast_in_words,
    limits_of,
    refusal,
)
from mvmdb.pipeline.ingest import IngestResult, find_exposure_files, ingest_files
from mvmdb.pipeline.plan import (
    LayerTask,
    ParameterChoice,
    choice_of,
    longest_first,
    plan_layer,
    plan_skycell,
)
from mvmdb.pipeline.staleness import check_products, list_unsettled
from mvmdb.records import BuildLimits, Forecast
from mvmdb.settings import Settings
from mvmdb_cli.ask import LAYER_COLUMNS
from mvmdb_cli.building import report_results, run_orders
from mvmdb_cli.output import Form, Format, Json, print_facts, print_json, print_rows, progress, talk
from mvmdb_cli.selection import Selection, cost_in_words
from mvmdb_cli.session import asking, opened

layer_app = typer.Typer(no_args_is_help=True, help="Layers: one detector and filter of one skycell.")

Skycell = Annotated[str, typer.Argument(metavar="SKYCELL", help="Like p1889x07y19.")]
Layer = Annotated[
    str | None, typer.Argument(metavar="LAYER", help="Like wfc3_ir_f160w_coarse; all if left out.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")]
ParameterSet = Annotated[
    str, typer.Option("--parameters", metavar="NAME", help="Parameter set: see `mvmdb parameters list`.")
]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="NAME=VALUE", help="Replace one parameter, like pixfrac=0.8.")
]
NoLimits = Annotated[
    bool,
    typer.Option(NO_LIMITS_OPTION, help="Build whatever it takes (MVMDB_MAX_BUILD_...)."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of processes (MVMDB_WORKERS).")]


def ingest(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, patterns or URLs.")],
    dry_run: DryRun = False,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Read the headers of exposures and record them; the same file twice changes nothing.

    A bad file is refused with its reason and the others go on; the exit code is 3 when any was refused.

    Example: `mvmdb ingest exposures/ more/*_flc.fits.gz`
    """
    files = find_exposure_files(paths)
    results = []
    with opened() as (settings, engine), progress("ingest", len(files), quiet=as_json) as advance:
        for result in ingest_files(engine, files, workers=workers or settings.workers, dry_run=dry_run):
            results.append(result)
            advance()
    results.sort(key=lambda result: result.file_path)
    if as_json:
        print_json(results)
    else:
        _summarise(results)
    if any(result.outcome == "failed" for result in results):
        raise typer.Exit(ExposureError.exit_code)


def _summarise(results: list[IngestResult]) -> None:
    noteworthy = [
        result for result in results if result.exclusion or result.message or result.withdrawn_skycells
    ]
    for result in noteworthy:
        if result.message:
            talk.print(f"[red]{result.error}[/red] {result.message}", highlight=False)
        elif result.exclusion:
            talk.print(f"excluded {result.exposure}: {result.exclusion}", highlight=False)
        if result.withdrawn_skycells:
            skycells = ", ".join(result.withdrawn_skycells)
            talk.print(f"withdrawn {result.exposure}: from the layers of {skycells}", highlight=False)
    counts = Counter(result.outcome for result in results)
    outcome = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no files"
    typer.echo(f"{len(results)} files: {outcome}")


@layer_app.command("list")
def layer_list(
    skycell: Annotated[
        str | None, typer.Argument(metavar="SKYCELL", help="Only of this skycell, like p1889x07y19.")
    ] = None,
    selection: Selection = "all",
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the layers of a skycell that a selection gives exposures to, or the skycells that have layers.

    Example: `mvmdb layer list p1889x07y19`
    """
    with asking() as connection:
        if skycell is None:
            headings = {"skycell": "skycell", "n_layers": "layers", "n_exposures": "exposures"}
            print_rows(list_skycells_with_layers(connection), headings, form=form, as_json=as_json)
            return
        name = parse_selection(selection)
        require_selection(connection, name)
        rows = list_layers(connection, SkycellName.parse(skycell), name)
    columns = LAYER_COLUMNS if name == "all" else {"selection": "selection", **LAYER_COLUMNS}
    print_rows(rows, columns, form=form, as_json=as_json)


@layer_app.command("plan")
def layer_plan(
    skycell: Skycell,
    layer: Layer = None,
    parameter_set: ParameterSet = DEFAULT_SET,
    overrides: Overrides = [],  # noqa: B006
    selection: Selection = "all",
    as_json: Json = False,
) -> None:
    """Show what a build would do: inputs in drizzle order, subarray, size, file; nothing is written.

    The forecast of time, memory and size rests on earlier builds, on this machine where there are enough.

    Of another selection than all it also shows what that loses against all: exposures, seconds and sky.

    Example: `mvmdb layer plan p1889x07y19 wfc3_ir_f160w_coarse`
    """
    with opened() as (settings, engine), transaction(engine) as connection:
        choice = ParameterChoice(parameter_set, parse_overrides(overrides))
        name = parse_selection(selection)
        tasks = plan_skycell(connection, SkycellName.parse(skycell), _layers(layer), choice, name)
        outlook = _outlook(connection, tasks, settings, limits_of(settings))
    _print_plans(tasks, outlook, as_json)


Costs = dict[tuple[str, str, str], SelectionCostRow]


def _selection_costs(connection: Connection, tasks: list[LayerTask]) -> Costs:
    """Return what other selections than all lose, by skycell, layer and selection."""
    places = {(task.plan.skycell, task.plan.selection) for task in tasks if task.plan.selection != "all"}
    return {
        (row.skycell, row.layer, name): row
        for skycell, name in places
        for row in list_selection_costs(connection, name, skycell)
    }


@dataclass(frozen=True)
class Outlook:
    """What is told with plans: losses of selections, forecasts (none where no exposure is left), limits."""

    costs: Costs
    forecasts: list[Forecast | None]
    limits: BuildLimits | None
    products_dir: Path


def _outlook(
    connection: Connection, tasks: list[LayerTask], settings: Settings, limits: BuildLimits | None
) -> Outlook:
    n_threads = settings.workers if len(tasks) == 1 else 1
    forecasts = [
        forecast_build(connection, task.plan, n_threads=n_threads).forecast if task.plan.inputs else None
        for task in tasks
    ]
    return Outlook(_selection_costs(connection, tasks), forecasts, limits, settings.products_dir)


def _print_plans(tasks: list[LayerTask], outlook: Outlook, as_json: bool) -> None:
    plans = [
        _plan_facts(task, forecast, outlook) for task, forecast in zip(tasks, outlook.forecasts, strict=True)
    ]
    if as_json:
        print_json(plans)
        return
    for task, facts in zip(tasks, plans, strict=True):
        hidden = ("inputs", "parameters", "extent", "without_file", "reasons", "selection_cost", "refused")
        shown = {name: value for name, value in facts.items() if name not in hidden}
        if task.plan.rootnames_without_file:
            shown["without_file"] = f"{len(task.plan.rootnames_without_file)} exposures, to be ingested first"
        if facts["selection_cost"]:
            shown["loses"] = cost_in_words(facts["selection_cost"])
        shown["forecast"] = facts["forecast"] and forecast_in_words(facts["forecast"])
        if facts["refused"]:
            shown["refused"] = facts["refused"]
        shown["excluded"] = ", ".join(f"{item.exposure} ({item.code})" for item in task.plan.excluded)
        print_facts(shown)
        headings = {
            "context_index": "order",
            "rootname": "exposure",
            "chip": "chip",
            "exptime_s:.1f": "exptime/s",
            "start_mjd:.3f": "start/MJD",
            "wcsname": "wcsname",
            "has_file": "file",
        }
        print_rows(task.plan.inputs, headings)
        typer.echo()


def _plan_facts(task: LayerTask, forecast: Forecast | None, outlook: Outlook) -> dict[str, Any]:
    plan, products_dir = task.plan, outlook.products_dir
    refused = forecast and refusal(plan, forecast, outlook.limits, products_dir)
    path = str(products_dir / str(plan.skycell) / str(plan.product_name)) if plan.inputs else None
    return {
        "skycell": str(plan.skycell),
        "layer": str(plan.layer),
        "selection": plan.selection,
        "selection_cost": outlook.costs.get((str(plan.skycell), str(plan.layer), plan.selection)),
        "status": task.status,
        "reason": task.reason,
        "reasons": task.reasons,
        "road": task.road.words if plan.inputs else None,
        "product": str(plan.product_name),
        "writes": path,
        "extent": plan.extent,
        "n_x_pix": plan.box.width,
        "n_y_pix": plan.box.height,
        "output_gb": round(plan.output_bytes / 1e9, 3) if plan.inputs else 0.0,
        "forecast": forecast,
        "refused": f"{refused}; {refused.hint}" if refused else None,
        "n_inputs": len(plan.inputs),
        "excluded": plan.excluded,
        "exptime_s": sum({item.exposure_id: item.exptime_s for item in plan.inputs}.values()),
        "without_file": plan.rootnames_without_file,
        "parameters": plan.parameters,
        "parameter_set": plan.parameter_choice,
        "recipe_sha256": plan.recipe_sha256(),
        "inputs": plan.inputs,
    }


def _layers(layer: str | None) -> list[LayerName]:
    return [LayerName.parse(layer)] if layer else []


@layer_app.command("build")
def layer_build(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SKYCELL [LAYER]",
            help="A skycell and one of its layers, all if left out; with --all any skycells; with --stale"
            " too, all if none.",
        ),
    ] = None,
    every_layer: Annotated[
        bool, typer.Option("--all", help="All layers of all the skycells that are named.")
    ] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Build what is missing or stale, each product with its own parameters."),
    ] = False,
    selection: Selection = "all",
    parameter_set: ParameterSet = DEFAULT_SET,
    overrides: Overrides = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="Build although nothing has changed.")] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Drizzle every input, even those that the product holds."),
    ] = False,
    compress: Annotated[
        bool | None,
        typer.Option("--compress/--no-compress", help="Compress images without loss (MVMDB_COMPRESS)."),
    ] = None,
    no_limits: NoLimits = False,
    dry_run: DryRun = False,
    workers: Workers = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Build on the workers of this Dask scheduler, like tcp://head:8786."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build one layer of a skycell, or all of them; a layer whose recipe has not changed is left alone.

    The product of a layer that has lost its last exposure is retired. Products of different selections lie
    side by side. A build that is expected to take more than the settings allow is refused before it starts.

    Several layers are built at once, each by one process, the one with most pixels first. A process that
    dies costs only its layer, which is built again.

    A compressed product has the same pixels, and every command reads it. So one that is current is left as
    it is, compressed or not, unless --force builds it again.

    Examples: `mvmdb layer build p1889x07y19`, `mvmdb layer build --stale`,
    `mvmdb layer build p1889x07y19 p1889x08y19 --all --scheduler tcp://head:8786`
    """
    if scheduler is not None and workers is not None:
        raise typer.BadParameter("--scheduler has workers of its own; leave out --workers")
    with opened() as (settings, engine):
        if stale:
            if every_layer or force or overrides or parameter_set != DEFAULT_SET or selection != "all":
                raise typer.BadParameter(
                    "--stale goes without --all, --force, --parameters, --set and --selection"
                )
            wanted = _stale_tasks(engine, [SkycellName.parse(name) for name in names or []])
        else:
            choice = ParameterChoice(parameter_set, parse_overrides(overrides))
            wanted = _named_tasks(engine, names or [], choice, parse_selection(selection), every_layer)
        tasks = [task for task, _ in wanted]
        limits = None if no_limits else limits_of(settings)
        if dry_run:
            with transaction(engine) as connection:
                outlook = _outlook(connection, tasks, settings, limits)
            _print_plans(tasks, outlook, as_json)
            return
        wanted = _longest_first(engine, wanted)
        tasks, url = [task for task, _ in wanted], database_url(settings)
        orders = [
            BuildOrder(
                url,
                settings.products_dir,
                task.plan.skycell,
                task.plan.layer,
                choice,
                force,
                task.plan.selection,
                settings.lease_s,
                limits=limits,
                full=full,
                compress=settings.compress if compress is None else compress,
            )
            for task, choice in wanted
        ]
        results = run_orders(
            orders, tasks, workers=workers or settings.workers, scheduler=scheduler, quiet=as_json
        )
    report_results(results, as_json)


Wanted = list[tuple[LayerTask, ParameterChoice]]


def _named_tasks(
    engine: Engine, names: list[str], choice: ParameterChoice, selection: str, every_layer: bool
) -> Wanted:
    if not names or (len(names) > 2 and not every_layer):
        raise typer.BadParameter(
            "name a skycell and, if you like, one layer of it; or several skycells with --all; or use --stale"
        )
    n_skycells = len(names) if every_layer else 1
    skycells = [SkycellName.parse(name) for name in dict.fromkeys(names[:n_skycells])]
    layers = [LayerName.parse(name) for name in names[n_skycells:]]
    with transaction(engine) as connection:
        return [
            (task, choice)
            for skycell in skycells
            for task in plan_skycell(connection, skycell, layers, choice, selection)
        ]


def _longest_first(engine: Engine, wanted: Wanted) -> Wanted:
    with transaction(engine) as connection:
        return longest_first(connection, wanted)


def _stale_tasks(engine: Engine, skycells: list[SkycellName]) -> Wanted:
    """Return the tasks of missing and stale layers, of every selection that has products."""
    check_products(engine, skycells, thorough=False)
    wanted = []
    with transaction(engine) as connection:
        for row in list_unsettled(connection, skycells):
            names = SkycellName.parse(row.skycell), LayerName.parse(row.layer)
            task = plan_layer(connection, *names, choice_of(row), row.selection)
            wanted.append((task, choice_of(row)))
    return wanted
