"""What builds took, kept for forecasts of others."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, text, update

from mvmdb.catalog.models import build
from mvmdb.catalog.rows import fetch, select_function
from mvmdb.names import SkycellName
from mvmdb.records import BuildUsage, BuildWork, Forecast, LayerPlan


@dataclass(frozen=True)
class LayerForecastRow(Forecast):
    """What a build of a layer would take, as ``mvm.layer_forecasts`` answers."""

    layer: str


@dataclass(frozen=True)
class SkycellCostRow:
    """What building all that is missing or stale in a skycell would take, as in ``mvm.unsettled_costs``."""

    skycell: str
    n_layers: int
    build_s: float
    build_bytes: int


def find_work(connection: Connection, plan: LayerPlan, *, n_threads: int = 1) -> BuildWork:
    """Return how much a build of a plan has to draw."""
    query = text("select n_input_pixels from mvm.layer_work(:skycell, :selection) where layer = :layer")
    values = {"skycell": str(plan.skycell), "selection": plan.selection, "layer": str(plan.layer)}
    n_input_pixels = connection.execute(query, values).scalar() or 0
    n_planes = plan.n_context_planes + plan.parameters.error
    return BuildWork(n_input_pixels, plan.box.n_pixels, n_planes, n_threads)


def find_forecast(connection: Connection, work: BuildWork, *, engine: str, host: str) -> Forecast:
    """Return what a build would take, from the builds of an engine: those of a host, where it has enough."""
    function = func.mvm.forecast(
        engine, host, work.n_input_pixels, work.n_output_pixels, work.n_context_planes, work.n_threads
    )
    [forecast] = fetch(connection, Forecast, select_function(Forecast, function))
    return forecast


def list_forecasts(
    connection: Connection, skycell: SkycellName, selection: str, *, engine: str, host: str
) -> list[LayerForecastRow]:
    """Return what a build of each layer of a skycell would take, on one thread, by name."""
    function = func.mvm.layer_forecasts(str(skycell), engine, host, selection)
    return fetch(connection, LayerForecastRow, select_function(LayerForecastRow, function))


def list_skycell_costs(connection: Connection, *, engine: str, host: str) -> list[SkycellCostRow]:
    """Return what it would take to build what is missing or stale, by skycell, on one thread."""
    function = func.mvm.unsettled_costs(engine, host)
    return fetch(connection, SkycellCostRow, select_function(SkycellCostRow, function))


def record_cost(
    connection: Connection,
    build_id: str,
    *,
    engine: str,
    work: BuildWork,
    usage: BuildUsage,
    output_bytes: int | None,
) -> None:
    """Keep what a build had to do and what it took; forecasts use it once the build is published.

    The size of a compressed file is None: forecasts are those of plain ones.
    """
    measured = update(build).where(build.c.build_id == build_id)
    connection.execute(measured.values(engine=engine, output_bytes=output_bytes, **vars(work), **vars(usage)))
