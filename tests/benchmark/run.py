"""The whole benchmark on a server: a mission's exposures, the hard ones, the real ones."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from mvmdb.catalog.engine import connect, transaction
from tests.benchmark import peers, sky
from tests.benchmark.archive import Archive, read_hst, read_jwst
from tests.benchmark.exactness import Exactness, compare, read_members
from tests.benchmark.footprints import Outline, Pointings, blocks, clustered
from tests.benchmark.load import load, peak_memory_mb, synthetic_lines
from tests.benchmark.newcomers import as_facts, as_rows
from tests.benchmark.oracle import Floats, Integers, memberships
from tests.benchmark.raster import count_wrong_extents, raster_extents
from tests.benchmark.seams import on_seams
from tests.benchmark.timing import Latency, cpu_seconds, seconds
from tests.support.database import cloned_database

Figures = dict[str, Any]
SEED = 20261122
N_QUESTIONS = 1000
N_PLANS = 100
N_NEWCOMERS = 300
N_RASTERS = 2000
FIRST_NEWCOMER = 40_000_000
"""Numbers that no loaded exposure has."""

UNLIKE_HISTORY = """
select count(*)
from mvm.skycell_extent as e
full join (
  select distinct on (projection_cell, x, y) * from mvm.extent_revision
  order by projection_cell, x, y, revision desc
) as r using (projection_cell, x, y)
where (e.x0, e.y0, e.x1, e.y1) is distinct from (r.x0, r.y0, r.x1, r.y1)"""

SOME_SKYCELLS = (
    "select skycell from mvm.skycell_extent_history where revision = 1 order by md5(skycell) limit %s"
)


@contextmanager
def session(url: str) -> Iterator[psycopg.Connection]:
    """Give a connection as the catalogue's own, that commits every statement."""
    options = "-c client_min_messages=warning -c timezone=UTC"
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        yield connection


def measure_mission(template_url: str, n: int, n_questions: int = N_QUESTIONS) -> Figures:
    """Load exposures in fields of very different depth, and ask ``n_questions`` of each kind."""
    pointings = clustered(n, SEED)
    with cloned_database(template_url) as url, session(url) as connection:
        figures = load_figures(connection, pointings)
        with session(url) as fresh:
            figures |= as_figures("skycell_at_first_touch", sky.first_touch(fresh))
        figures |= answer_figures(connection, n_questions)
        figures |= newcomer_figures(url, pointings, n_questions)
    return figures


def load_figures(connection: psycopg.Connection, pointings: Pointings) -> Figures:
    """Load and return what that took."""
    grown_mb = []
    begin_cpu_s = cpu_seconds(connection.info.backend_pid)
    load_s = seconds(lambda lines: grown_mb.append(load(connection, lines)), synthetic_lines(pointings))
    load_cpu_s = cpu_seconds(connection.info.backend_pid) - begin_cpu_s
    analyze_s = seconds(connection.execute, "vacuum analyze")
    connection.execute("checkpoint")  # else the disk is still busy with the load when questions are timed
    return {
        "n_exposures": len(pointings),
        "load_s": round(load_s, 2),
        "load_cpu_s": round(load_cpu_s, 2),
        "vacuum_analyze_s": round(analyze_s, 2),
        "client_growth_mb": grown_mb[0],
        "client_peak_mb": peak_memory_mb(),
        "database_gb": sky.database_gb(connection),
    }


def answer_figures(connection: psycopg.Connection, n_questions: int) -> Figures:
    """Return how fast questions are answered, one by one and all at once."""
    places = sky.choose_places(connection, n_questions, SEED)
    figures: Figures = {"skycells_in_use": places.n_occupied, "deepest_n_exposures": places.n_deepest}
    sky.first_touch(connection)
    for name, latency in sky.latencies(connection, places).items():
        figures |= as_figures(name, latency)
    figures["extent_typical_ms"] = figures["extent_typical_p50_ms"]
    figures["extent_deepest_ms"] = figures["extent_deepest_p50_ms"]
    figures |= {name: round(value, 2) for name, value in sky.whole_sky_seconds(connection).items()}
    [(figures["n_memberships"],)] = connection.execute(
        "select sum(n_exposures)::bigint from occupied"
    ).fetchall()
    [(figures["extents_unlike_history"],)] = connection.execute(UNLIKE_HISTORY).fetchall()
    return figures


def as_figures(name: str, latency: Latency) -> Figures:
    """Return the figures of one kind of question."""
    return {f"{name}_p50_ms": latency.p50_ms, f"{name}_p99_ms": latency.p99_ms}


def newcomer_figures(url: str, pointings: Pointings, n_questions: int) -> Figures:
    """Return how long single new exposures take: in one SQL statement, and by way of the catalogue."""
    some = pointings.block(0, min(n_questions, N_NEWCOMERS))
    rows, facts = as_rows(some, FIRST_NEWCOMER), as_facts(some, FIRST_NEWCOMER + len(some))
    engine = connect(url)
    with session(url) as connection, transaction(engine) as pooled:
        sky.first_touch(connection)
        pooled.execute(text("select count(*) from mvm.ring cross join lateral mvm.skycell_at(10, dec_deg)"))
        skycells = connection.execute(SOME_SKYCELLS, (min(n_questions, N_PLANS),)).fetchall()
        figures = as_figures("bare_commit", sky.commit_latency(connection, len(rows)))
        begin_cpu_s = cpu_seconds(connection.info.backend_pid)
        figures |= as_figures("insert", sky.insert_latency(connection, rows))
        insert_cpu_s = cpu_seconds(connection.info.backend_pid) - begin_cpu_s
    figures["insert_cpu_ms"] = round(1000 * insert_cpu_s / len(rows), 3)
    figures |= as_figures("register_exposure", sky.register_latency(engine, facts))
    figures |= as_figures("plan_skycell", sky.plan_latency(engine, [name for (name,) in skycells]))
    engine.dispose()
    return figures


def measure_exactness(template_url: str, n: int, outline: Outline = "corners") -> Figures:
    """Load exposures on seams and compare memberships and extents with the oracle's."""
    pointings = on_seams(n, SEED)
    with cloned_database(template_url) as url, session(url) as connection:
        load(connection, synthetic_lines(pointings, outline))
        connection.execute("vacuum analyze")
        expected = memberships(_outlines(pointings, outline))
        found = compare(read_members(connection), expected, n)
        extents = raster_extents(_outlines(pointings, outline), expected, N_RASTERS, SEED)
        n_wrong = count_wrong_extents(connection, extents)
    return exactness_figures(found) | {"extents_checked": len(extents), "extents_wrong": n_wrong}


def _outlines(pointings: Pointings, outline: Outline) -> Iterator[tuple[Integers, Floats]]:
    return ((item.index, item.vectors) for block in blocks(pointings, outline) for item in block)


def exactness_figures(found: Exactness) -> Figures:
    """Return the comparison under the names of the report."""
    return {
        "membership_n_exposures": found.n_exposures,
        "membership_pairs": found.n_pairs,
        "membership_missed": found.n_missed,
        "membership_extra": found.n_extra,
        "membership_within_tolerance": found.n_within_tolerance,
        "membership_widest_difference_mas": found.widest_difference_mas,
    }


def measure_archive(template_url: str, directory: Path) -> Figures:
    """Load the real footprint tables and compare their memberships with the oracle's."""
    if not directory.is_dir():
        return {"skipped": f"no {directory}; set MVMDB_SHARED"}
    archives = {"hst": read_hst(directory), "jwst": read_jwst(directory)}
    return {name: _archive_figures(template_url, archive) for name, archive in archives.items()}


def _archive_figures(template_url: str, archive: Archive) -> Figures:
    with cloned_database(template_url) as url, session(url) as connection:
        load_s = seconds(lambda lines: load(connection, [lines]), archive.lines())
        connection.execute("vacuum analyze")
        expected = memberships((part.index, part.vectors) for part in archive.by_shape())
        found = compare(read_members(connection), expected, len(archive.exposures))
        extents = raster_extents(
            ((part.index, part.vectors) for part in archive.by_shape()), expected, N_RASTERS, SEED
        )
        n_wrong = count_wrong_extents(connection, extents)
        places = sky.choose_places(connection, N_QUESTIONS, SEED)
        sky.first_touch(connection)
        latencies = sky.latencies(connection, places)
    figures = {"load_s": round(load_s, 3), "n_refused": archive.n_refused} | exactness_figures(found)
    figures |= {"extents_checked": len(extents), "extents_wrong": n_wrong}
    for name in ("coverage", "members", "extent_typical"):
        figures |= as_figures(name, latencies[name])
    return figures


def machine(server_url: str) -> Figures:
    """Return where the figures come from."""
    with session(server_url) as connection:
        [(server,)] = connection.execute("select split_part(version(), ' on ', 1)").fetchall()
        [(buffers,)] = connection.execute("select current_setting('shared_buffers')").fetchall()
    return {
        "server": server,
        "shared_buffers": buffers,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "n_cpus": os.cpu_count(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def measure_peers(template_url: str, n: int) -> Figures:
    """Ask mvmdb and its peers the same about the same exposures."""
    with cloned_database(template_url) as url, session(url) as connection:
        return peers.measure(connection, n, SEED)
