"""Forecasts: what a build would take by what others took, in words, and whether it may."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from mvmdb.catalog.costs import (
    LayerForecastRow,
    SkycellCostRow,
    find_forecast,
    find_work,
    list_forecasts,
    list_skycell_costs,
)
from mvmdb.errors import TooLargeError
from mvmdb.files.storage import is_url
from mvmdb.names import SkycellName
from mvmdb.pipeline.storage import product_store
from mvmdb.records import ENGINE, BuildLimits, BuildWork, Forecast, LayerPlan
from mvmdb.settings import Settings

NO_LIMITS_OPTION = "--no-limits"

_BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_TIMES_WORTH_TELLING = 2.0
"""A build this much larger than all before it is beyond what the others tell."""


@dataclass(frozen=True)
class PlannedWork:
    """What a build has to do, and what it would take."""

    work: BuildWork
    forecast: Forecast


def forecast_build(connection: Connection, plan: LayerPlan, *, n_threads: int = 1) -> PlannedWork:
    """Return what a build of a plan on this machine would take."""
    work = find_work(connection, plan, n_threads=n_threads)
    return PlannedWork(work, find_forecast(connection, work, engine=plan.engine, host=platform.node()))


def forecast_layers(
    connection: Connection, skycell: SkycellName, selection: str = "all"
) -> dict[str, LayerForecastRow]:
    """Return what a build of each layer of a skycell would take on this machine, by layer."""
    rows = list_forecasts(connection, skycell, selection, engine=ENGINE, host=platform.node())
    return {row.layer: row for row in rows}


def forecast_skycells(connection: Connection) -> dict[str, SkycellCostRow]:
    """Return what building all that is missing or stale would take on this machine, by skycell."""
    rows = list_skycell_costs(connection, engine=ENGINE, host=platform.node())
    return {row.skycell: row for row in rows}


def limits_of(settings: Settings) -> BuildLimits:
    """Return what the settings allow one build."""
    return BuildLimits(
        settings.max_build_memory_bytes, settings.max_build_output_bytes, settings.max_build_seconds
    )


def refusal(
    plan: LayerPlan, forecast: Forecast, limits: BuildLimits | None, products_dir: Path | str
) -> TooLargeError | None:
    """Return why a build may not be made: numbers and limits, in the hint what raises them; else None.

    Without limits everything may be built, even more than the disk has free.
    """
    excesses = list(_excesses(forecast, limits, products_dir)) if limits is not None else []
    if not excesses:
        return None
    numbers = "; ".join(f"{excess.expected}, the limit is {excess.allowed}" for excess in excesses)
    remedies = " and ".join(excess.remedy for excess in excesses)
    return TooLargeError(
        f"{plan.layer} of {plan.skycell}: a build would take {numbers}",
        hint=f"{remedies}, or build with {NO_LIMITS_OPTION}",
    )


def require_within(
    plan: LayerPlan, forecast: Forecast, limits: BuildLimits | None, products_dir: Path | str
) -> None:
    """Raise if a build would take more than it may.

    Raises
    ------
    TooLargeError
        As ``refusal`` tells.
    """
    error = refusal(plan, forecast, limits, products_dir)
    if error is not None:
        raise error


@dataclass(frozen=True)
class _Excess:
    expected: str
    allowed: str
    remedy: str


def _excesses(forecast: Forecast, limits: BuildLimits, products_dir: Path | str) -> Iterator[_Excess]:
    memory, size, wall_s = limits.peak_memory_bytes, limits.output_bytes, limits.wall_s
    if memory is not None and forecast.peak_memory_bytes > memory:
        expected = f"{memory_in_words(forecast)} of memory"
        yield _Excess(expected, bytes_in_words(memory), "raise MVMDB_MAX_BUILD_MEMORY_BYTES")
    if size is not None and forecast.output_bytes > size:
        expected = f"{bytes_in_words(forecast.output_bytes)} of output"
        yield _Excess(expected, bytes_in_words(size), "raise MVMDB_MAX_BUILD_OUTPUT_BYTES")
    if wall_s is not None and forecast.wall_s > wall_s:
        yield _Excess(seconds_in_words(forecast), f"{_two_digits(wall_s)} s", "raise MVMDB_MAX_BUILD_SECONDS")
    disk = product_store(products_dir).draft_directory(str(products_dir))
    free = free_bytes(disk)
    if forecast.output_bytes > free:
        expected = f"{bytes_in_words(forecast.output_bytes)} of disk"
        allowed = f"{bytes_in_words(free)}, the free space at {disk}"
        setting = "MVMDB_CACHE_DIR" if is_url(products_dir) else "MVMDB_PRODUCTS_DIR"
        yield _Excess(expected, allowed, f"free space or set {setting} to another disk")


def free_bytes(directory: Path) -> int:
    """Return the free space of the disk on which a directory lies or will lie."""
    existing = next(place for place in (directory, *directory.parents) if place.exists())
    return shutil.disk_usage(existing).free


def forecast_in_words(forecast: Forecast) -> str:
    """Return time, memory, size and what they rest on, in one line."""
    parts = [
        seconds_in_words(forecast),
        f"{memory_in_words(forecast)} of memory",
        f"{bytes_in_words(forecast.output_bytes)} written",
    ]
    return f"{', '.join(parts)}; {ground_in_words(forecast)}"


def ground_in_words(forecast: Forecast) -> str:
    """Return what a forecast rests on: ``from 41 builds here``."""
    if not forecast.n_builds:
        return "the shipped estimate: too few builds to learn from"
    where = "here" if forecast.of_this_host else "on all machines"
    times = forecast.n_times_larger or 0.0
    beyond = f", {times:.0f} times the largest of them" if times >= _TIMES_WORTH_TELLING else ""
    return f"from {forecast.n_builds} builds {where}{beyond}"


def seconds_in_words(forecast: Forecast) -> str:
    """Return the time with its scatter: ``18 s (+-30 %)``."""
    return f"{_two_digits(forecast.wall_s)} s{_scatter(forecast.wall_scatter)}"


def memory_in_words(forecast: Forecast) -> str:
    """Return the memory with its scatter."""
    return f"{bytes_in_words(forecast.peak_memory_bytes)}{_scatter(forecast.memory_scatter)}"


def _scatter(scatter: float | None) -> str:
    return "" if scatter is None else f" (+-{100 * scatter:.0f} %)"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}" if value < 100 else f"{value:.0f}"


def bytes_in_words(n_bytes: float) -> str:
    """Return a number of bytes in powers of 1000: ``3.2 GB``."""
    power = 0
    while n_bytes >= 999.5 and power < len(_BYTE_UNITS) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.3g} {_BYTE_UNITS[power]}"
