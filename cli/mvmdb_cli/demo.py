"""``mvmdb demo``: one command that shows the whole road on simulated exposures."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from mvmdb.catalog.layers import LayerRow
from mvmdb.catalog.products import ProductRow
from mvmdb.errors import MosaicError
from mvmdb.pipeline.build import BuildOrder, BuildResult
from mvmdb.pipeline.database import database_url
from mvmdb.pipeline.demo import (
    DemoSetting,
    demo_files,
    demo_layers,
    demo_position_deg,
    demo_skycell,
    draw_pictures,
    refuse_real_data,
    simulate_field,
)
from mvmdb.pipeline.forecast import limits_of
from mvmdb.pipeline.ingest import IngestResult, ingest_files
from mvmdb.pipeline.plan import plan_skycell
from mvmdb.settings import Settings
from mvmdb_cli.building import run_orders
from mvmdb_cli.output import Json, print_json, print_rows, progress
from mvmdb_cli.session import opened

Output = Annotated[
    Path | None, typer.Option(help="Directory of exposures and pictures; MVMDB_HOME/demo if left out.")
]
Small = Annotated[bool, typer.Option("--small", help="A few tiny exposures: the same layers in seconds.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of processes (MVMDB_WORKERS).")]


def demo(output: Output = None, small: Small = False, workers: Workers = None, as_json: Json = False) -> None:
    """Simulate a field, ingest it, build the nine layers of skycell p1889x07y19, and look at them.

    The exposures are simulated, not observed: their headers say SIMULATE = T. A second run changes nothing.

    Example: `mvmdb demo --output ./demo`
    """
    started_s = time.monotonic()
    with opened() as (settings, engine):
        setting = DemoSetting(output or settings.home / "demo", small)
        n_workers = workers or settings.workers
        refuse_real_data(engine)
        if not as_json:
            typer.echo("The exposures of this demo are SIMULATED: no telescope took them.\n")
        ingested = _simulate_and_ingest(engine, setting, n_workers, quiet=as_json)
        built = _build(settings, engine, n_workers, quiet=as_json)
        layers, products = demo_layers(engine)
        with progress("draw", len(products) + 1, quiet=as_json) as advance:
            pictures = [advance() or picture for picture in draw_pictures(products, setting)]
    _report(ingested, built, layers, products, pictures, as_json=as_json)
    if not as_json:
        _questions(products, time.monotonic() - started_s)
    if any(result.outcome == "failed" for result in built):
        raise typer.Exit(MosaicError.exit_code)


def _simulate_and_ingest(
    engine: Engine, setting: DemoSetting, workers: int, *, quiet: bool
) -> list[IngestResult]:
    files = demo_files(setting)
    with progress("simulate", len(files), quiet=quiet) as advance:
        simulate_field(setting, workers=workers, on_done=advance)
    with progress("ingest", len(files), quiet=quiet) as advance:
        return [advance() or result for result in ingest_files(engine, files, workers=workers)]


def _build(settings: Settings, engine: Engine, workers: int, *, quiet: bool) -> list[BuildResult]:
    with engine.connect() as connection:
        tasks = plan_skycell(connection, demo_skycell())
    url = database_url(settings)
    limits = limits_of(settings)
    lease_s = settings.lease_s
    orders = [
        BuildOrder(
            url,
            settings.products_dir,
            demo_skycell(),
            task.plan.layer,
            limits=limits,
            lease_s=lease_s,
            compress=settings.compress,
        )
        for task in tasks
    ]
    return run_orders(orders, tasks, workers=workers, quiet=quiet)


def _report(
    ingested: list[IngestResult],
    built: list[BuildResult],
    layers: list[LayerRow],
    products: list[ProductRow],
    pictures: list[Path],
    *,
    as_json: bool,
) -> None:
    if as_json:
        files = [str(picture) for picture in pictures]
        print_json(
            {"simulated": True, "ingested": ingested, "built": built, "products": products, "pictures": files}
        )
        return
    new = sum(result.outcome != "unchanged" for result in ingested)
    published = sum(result.outcome == "published" for result in built)
    typer.echo(f"{len(ingested)} exposures, {new} new.")
    typer.echo(f"{len(built)} layers of {demo_skycell()}, {published} built now.\n")
    headings = {
        "layer": "layer",
        "n_exposures": "exposures",
        "exptime_s:.0f": "exptime/s",
        "first_date": "first",
        "last_date": "last",
        "area_arcmin2:.2f": "area/arcmin2",
        "product": "product",
    }
    print_rows(layers, headings)
    for result in built:
        if result.outcome == "failed":
            typer.echo(f"failed: {result.layer}: {result.reason}", err=True)
    if products:
        typer.echo(f"\nproducts in {Path(products[0].file_path).parent}")
    if pictures:
        typer.echo(f"pictures in {pictures[0].parent}; in colour: {pictures[-1]}")


def _questions(products: list[ProductRow], elapsed_s: float) -> None:
    ra_deg, dec_deg = demo_position_deg()
    product = products[0].product if products else "PRODUCT"
    program = "mvmdb" if shutil.which("mvmdb") else os.path.relpath(sys.argv[0])
    sql = "select skycell, layer, deepest_exptime_s, area_arcmin2 from mvm.deep_layers('F160W', 2000)"
    typer.echo(
        f"""
Done in {elapsed_s:.0f} s. What you might ask next:

  Which exposures light the middle of the field?
    {program} coverage {ra_deg:.5f} {dec_deg:.5f}

  Where did this product come from?
    {program} provenance {product}

  Where is there F160W deeper than 2 ks?
    psql "$({program} db url)" -c "{sql}"
"""
    )
