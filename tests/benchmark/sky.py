"""What a loaded sky answers, and how fast: positions, skycells, extents, new exposures, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.names import SkycellName
from mvmdb.pipeline.plan import plan_skycell
from mvmdb.records import ExposureFacts
from tests.benchmark.timing import Latency, latency, seconds

Position = tuple[float, float]
CONE_ARCSEC = 60.0

SKYCELLS = "select skycell from mvm.skycell_member where exposure_id = %s"

MEMBERS = """
select m.exposure_id
from mvm.skycell_key(%s) as k
cross join lateral (
  select s.exposure_id from mvm.skycell_member as s
  where s.projection_cell = k.projection_cell and s.x = k.x and s.y = k.y
) as m"""

N_DEEPEST = 20
"""Times the deepest skycell is asked for."""

OCCUPIED = """
create temporary table occupied as
select mvm.skycell_name(projection_cell, x, y) as skycell, count(*) as n_exposures
from mvm.skycell_member group by projection_cell, x, y"""

# A point of the footprint of some exposure of skycells in use, each skycell as likely as any other.
FIELDS = """
select ST_X(point), ST_Y(point)
from (
  select (
    select ST_PointOnSurface(ST_GeometryN(e.footprint::geometry, 1))
    from mvm.skycell_key(o.skycell) as k
    join mvm.skycell_member as m on m.projection_cell = k.projection_cell and m.x = k.x and m.y = k.y
    join mvm.exposure as e using (exposure_id)
    limit 1
  ) as point
  from (select skycell from occupied order by random() limit %s) as o
) as given
where point is not null"""

# Members of every skycell in use, as a client would fetch them to keep its own list.
LISTING = "copy (select exposure_id, projection_cell, x, y from mvm.skycell_member) to stdout"

# What the layers of the whole sky hold, beside the products that were made of them.
ALL_LAYERS = """
select count(*), count(*) filter (where n_inputs is distinct from n_exposures)
from (
  select l.skycell, l.layer, l.selection, count(*) as n_exposures
  from mvm.layer_member as l group by l.skycell, l.layer, l.selection
) as layer
left join (
  select p.skycell, p.layer, p.selection, count(distinct i.exposure_id) as n_inputs
  from mvm.product as p join mvm.product_input as i on i.product_id = p.product_id
  where p.state = 'current'
  group by p.skycell, p.layer, p.selection
) as made using (skycell, layer, selection)"""


@dataclass(frozen=True)
class Places:
    """What to ask for."""

    anywhere: Sequence[Position]
    """Positions all over the sky, degrees."""
    fields: Sequence[Position]
    """Positions within footprints."""
    typical: Sequence[str]
    """Skycells that exposures reach, each as likely as any other."""
    exposures: Sequence[int]
    """Numbers of exposures."""
    deepest: str
    n_occupied: int
    n_deepest: int


def choose_places(connection: psycopg.Connection, n: int, seed: int) -> Places:
    """Return ``n`` places of each kind; makes the temporary table ``occupied``."""
    random = np.random.default_rng(seed)
    connection.execute(OCCUPIED)
    connection.execute("select setseed(0.5)")
    fields = connection.execute(FIELDS, (n,)).fetchall()
    names = connection.execute("select skycell from occupied order by random() limit %s", (n,)).fetchall()
    [deepest] = connection.execute("select * from occupied order by n_exposures desc limit 1").fetchall()
    [(n_occupied,)] = connection.execute("select count(*) from occupied").fetchall()
    [(last,)] = connection.execute("select max(exposure_id) from mvm.exposure").fetchall()
    ra_deg, dec_deg = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    return Places(
        anywhere=list(zip(ra_deg.tolist(), dec_deg.tolist(), strict=True)),
        fields=[(float(ra), float(dec)) for ra, dec in fields],
        typical=[name for (name,) in names],
        exposures=random.integers(1, last + 1, n).tolist(),
        deepest=deepest[0],
        n_occupied=n_occupied,
        n_deepest=deepest[1],
    )


def first_touch(connection: psycopg.Connection) -> Latency:
    """Ask for a position in every ring, and return how long it takes a session to meet a ring.

    PROJ sets up the plane of a ring once per session; what is timed afterwards finds it ready.
    """
    rings = connection.execute("select 10.0, dec_deg from mvm.ring order by ring").fetchall()
    return latency(asker(connection, "select * from mvm.skycell_at(%s, %s)"), rings)


def asker(connection: psycopg.Connection, query: str) -> Callable[[Any], list[Any]]:
    """Return a function that asks a query with its parameters and fetches every row."""
    return lambda values: connection.execute(
        query, values if isinstance(values, tuple) else (values,)
    ).fetchall()


def latencies(connection: psycopg.Connection, places: Places) -> dict[str, Latency]:
    """Return how fast single questions are answered."""
    questions: dict[str, tuple[str, Sequence[object]]] = {
        "skycell_at": ("select * from mvm.skycell_at(%s, %s)", places.anywhere),
        "primary_skycell": ("select * from mvm.primary_skycell(%s, %s)", places.anywhere),
        "coverage": ("select * from mvm.coverage(%s, %s)", places.fields),
        "cone": (f"select * from mvm.coverage(%s, %s, {CONE_ARCSEC})", places.fields),
        "coverage_anywhere": ("select * from mvm.coverage(%s, %s)", places.anywhere),
        "depth_at": ("select * from mvm.depth_at(%s, %s)", places.fields),
        "skycells_of_exposure": (SKYCELLS, places.exposures),
        "members": (MEMBERS, places.typical),
        "layer_members": ("select * from mvm.layer_members(%s)", places.typical),
        "layers": ("select * from mvm.layers(%s)", places.typical),
        "extent_typical": ("select * from mvm.skycell_extent(%s)", places.typical),
        "extent_deepest": ("select * from mvm.skycell_extent(%s)", [places.deepest] * N_DEEPEST),
        "members_deepest": (MEMBERS, [places.deepest] * N_DEEPEST),
        "layer_members_deepest": ("select * from mvm.layer_members(%s)", [places.deepest] * N_DEEPEST),
    }
    return {name: latency(asker(connection, query), asked) for name, (query, asked) in questions.items()}


def whole_sky_seconds(connection: psycopg.Connection) -> dict[str, float]:
    """Return how long answers about everything take."""
    return {
        "all_memberships_s": seconds(connection.execute, "select count(*) from mvm.skycell_member"),
        "all_memberships_copied_s": seconds(lambda query: _copied(connection, query), LISTING),
        "all_extents_s": seconds(connection.execute, "select count(*), sum(x1 - x0) from mvm.skycell_extent"),
        "stale_check_s": seconds(connection.execute, ALL_LAYERS),
    }


def _copied(connection: psycopg.Connection, query: str) -> int:
    with connection.cursor().copy(query.encode()) as copy:
        return sum(len(part) for part in copy)


def plan_latency(engine: Engine, skycells: Sequence[str]) -> Latency:
    """Return how long the plan of all layers of a skycell takes, with the status of each."""

    def ask(skycell: str) -> None:
        with transaction(engine) as connection:
            plan_skycell(connection, SkycellName.parse(skycell))

    return latency(ask, skycells)


def register_latency(engine: Engine, exposures: Sequence[ExposureFacts]) -> Latency:
    """Return how long the catalogue takes to register an exposure, in a transaction of its own."""

    def ask(facts: ExposureFacts) -> None:
        with transaction(engine) as connection:
            register_exposure(connection, facts)

    return latency(ask, exposures)


INSERT = """
with given as (select %s::text as rootname, %s::geography as footprint, %s::integer as n_chips), added as (
  insert into mvm.exposure (
    rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
    target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
  )
  select
    rootname, 1, true, left(rootname, 6), 'acs', 'wfc', 'f814w', 500, 60000, 60000.01,
    'ANY', '/archive/' || rootname || '_flc.fits', 'flc', rootname, 168327360, footprint
  from given
  returning exposure_id
)
insert into mvm.chip (
  exposure_id, chip, part, hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn
)
select exposure_id, part, part, 3 * part - 2, 4096, 2048, 0.05, 'ELECTRONS', 1
from added cross join given cross join generate_series(1, given.n_chips) as part"""


def insert_latency(connection: psycopg.Connection, rows: Sequence[tuple[str, str, int]]) -> Latency:
    """Return how long one insert takes: exposure, chips, placements, extent history, commit.

    Rows are rootname, footprint as EWKB in hexadecimal, number of chips; the connection commits each.
    """
    return latency(lambda row: connection.execute(INSERT, row), rows)


def commit_latency(connection: psycopg.Connection, n: int) -> Latency:
    """Return how long the smallest transaction takes: what the disk needs to keep it is in every insert."""
    connection.execute("create table mvm.bare_commit (number integer)")
    bare = latency(asker(connection, "insert into mvm.bare_commit values (%s) returning number"), range(n))
    connection.execute("drop table mvm.bare_commit")
    return bare


def database_gb(connection: psycopg.Connection) -> float:
    """Return the size of the database, 1e9 bytes."""
    [(n_bytes,)] = connection.execute("select pg_database_size(current_database())").fetchall()
    return round(float(n_bytes) / 1e9, 3)
