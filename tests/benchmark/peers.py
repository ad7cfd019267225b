"""Other ways to ask a database which exposure reaches which skycell: what they take, what they get wrong.

Each gets the same exposures, a fifth of them on seams, and only the skycells in or beside a footprint;
mvmdb has the whole sky.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from tests.benchmark import loops, sky
from tests.benchmark.exactness import MEMBERS, compare, read_members
from tests.benchmark.footprints import Pointings, blocks
from tests.benchmark.load import load, synthetic_lines
from tests.benchmark.oracle import Pairs, memberships
from tests.benchmark.seams import on_seams
from tests.benchmark.timing import latency, seconds

Figures = dict[str, Any]
N_QUESTIONS = 300
LARGEST_RADIUS_DEG = 156 / 3600
"""No footprint reaches farther from where its exposure points."""
SKYCELL_RADIUS_DEG = 621 / 3600
"""From the middle of a skycell to its corners, and a little more."""

SKYCELLS = """
create schema peer;
create table peer.skycell (
  projection_cell integer, x integer, y integer, area geography, ra double precision, dec double precision,
  primary key (projection_cell, x, y)
);
create table peer.pointing (
  exposure_id integer primary key, ra double precision, dec double precision
)"""

OUTLINES = """
update peer.skycell as s
set area = drawn.area, ra = mod(ST_X(drawn.middle)::numeric + 360, 360), dec = ST_Y(drawn.middle)
from (
  select
    k.projection_cell, k.x, k.y,
    mvm.sky_of_cell_pixel(mvm.skycell_box(k.x, k.y), cell.ra_deg, ring.srid)::geography as area,
    mvm.sky_of_cell_pixel(
      ST_Centroid(mvm.skycell_box(k.x, k.y)), cell.ra_deg, ring.srid
    )::geography::geometry as middle
  from peer.skycell as k
  join mvm.projection_cell as cell using (projection_cell)
  join mvm.ring using (ring)
) as drawn
where (s.projection_cell, s.x, s.y) = (drawn.projection_cell, drawn.x, drawn.y)"""


@dataclass(frozen=True)
class Peer:
    """One of the other ways: how it is set up, and its questions."""

    setup: str
    pairs: str
    """All pairs of exposures and skycells: exposure_id, projection_cell, x, y."""
    coverage: str
    """Exposures at a position, right ascension and declination in degrees."""
    extension: str | None = None
    is_final: bool = True
    """False where the answers are candidates for another test."""


# Planar footprints across RA 0 become bow-ties as wide as the sky, on which GEOS stops; hence ST_MakeValid.
PEERS = {
    "geography": Peer(
        setup="create index on peer.skycell using gist (area); analyze peer.skycell",
        pairs="""
            select e.exposure_id, s.projection_cell, s.x, s.y
            from peer.skycell as s join mvm.exposure as e on ST_Intersects(e.footprint, s.area)""",
        coverage="""
            select exposure_id from mvm.exposure
            where ST_Intersects(footprint, ST_SetSRID(ST_MakePoint(%s, %s), 104047)::geography)""",
    ),
    "planar": Peer(
        setup="""
            create function peer.flat(area geography) returns geometry language sql immutable
            return ST_CollectionExtract(ST_MakeValid(ST_SetSRID(ST_ShiftLongitude(area::geometry), 0)), 3);
            create table peer.planar as
            select exposure_id, peer.flat(footprint) as shape from mvm.exposure;
            create index on peer.planar using gist (shape);
            create table peer.planar_skycell as
            select projection_cell, x, y, peer.flat(area) as shape from peer.skycell;
            create index on peer.planar_skycell using gist (shape);
            create unique index on peer.planar_skycell (projection_cell, x, y);
            analyze peer.planar, peer.planar_skycell""",
        pairs="""
            select e.exposure_id, s.projection_cell, s.x, s.y
            from peer.planar_skycell as s join peer.planar as e on ST_Intersects(e.shape, s.shape)""",
        coverage="""
            select exposure_id from peer.planar
            where ST_Intersects(shape, ST_ShiftLongitude(ST_MakePoint(%s, %s)))""",
    ),
    "pgsphere": Peer(
        extension="pg_sphere",
        setup="""
            create function peer.spoly_of(ring geometry) returns spoly language sql immutable
            return (
              select (
                '{' || string_agg(format('(%sd,%sd)', ST_X(p.geom), ST_Y(p.geom)), ',' order by p.path) || '}'
              )::spoly
              from ST_DumpPoints(ring) as p
              where p.path[1] < ST_NPoints(ring)
            );
            create table peer.sphere as
            select exposure_id, peer.spoly_of(ST_ExteriorRing(chip.geom)) as shape
            from mvm.exposure cross join ST_Dump(footprint::geometry) as chip;
            create index on peer.sphere using gist (shape);
            create table peer.sphere_skycell as
            select projection_cell, x, y, peer.spoly_of(ST_ExteriorRing(area::geometry)) as shape
            from peer.skycell;
            create index on peer.sphere_skycell using gist (shape);
            create unique index on peer.sphere_skycell (projection_cell, x, y);
            analyze peer.sphere, peer.sphere_skycell""",
        pairs="""
            select distinct e.exposure_id, s.projection_cell, s.x, s.y
            from peer.sphere_skycell as s join peer.sphere as e on e.shape && s.shape""",
        coverage="""
            select distinct exposure_id from peer.sphere where spoint(radians(%s), radians(%s)) <@ shape""",
    ),
    "q3c": Peer(
        extension="q3c",
        setup="create index on peer.pointing (q3c_ang2ipix(ra, dec)); analyze peer.pointing",
        pairs=f"""
            select e.exposure_id, s.projection_cell, s.x, s.y
            from peer.skycell as s join peer.pointing as e
            on q3c_join(s.ra, s.dec, e.ra, e.dec, {LARGEST_RADIUS_DEG + SKYCELL_RADIUS_DEG})""",
        coverage=f"""
            select exposure_id from peer.pointing
            where q3c_radial_query(ra, dec, %s, %s, {LARGEST_RADIUS_DEG})""",
        is_final=False,
    ),
}

OURS = Peer(setup="", pairs=MEMBERS, coverage="select exposure_id from mvm.coverage(%s, %s)")


def measure(connection: psycopg.Connection, n: int, seed: int) -> Figures:
    """Load exposures and ask mvmdb, the other extensions and the Python loops the same."""
    pointings = on_seams(n, seed)
    load_s = seconds(lambda lines: load(connection, lines), synthetic_lines(pointings))
    expected = memberships((item.index, item.vectors) for block in blocks(pointings) for item in block)
    _add_skycells(connection, expected, pointings)
    places = sky.choose_places(connection, N_QUESTIONS, seed)
    sky.first_touch(connection)
    figures: Figures = {"mvmdb": {"setup_s": round(load_s, 2)} | _answers(connection, OURS, places, expected)}
    for name, peer in PEERS.items():
        figures[name] = _peer_figures(connection, peer, places, expected)
    return figures | loops.measure(pointings, expected)


def _add_skycells(connection: psycopg.Connection, expected: Pairs, pointings: Pointings) -> None:
    connection.execute(SKYCELLS.encode())
    with connection.cursor().copy("copy peer.skycell (projection_cell, x, y) from stdin") as copy:
        for key in loops.skycell_keys(expected).tolist():
            copy.write_row(key)
    with connection.cursor().copy("copy peer.pointing from stdin") as copy:
        positions = zip((pointings.ra_deg % 360).tolist(), pointings.dec_deg.tolist(), strict=True)
        for exposure_id, position in enumerate(positions, start=1):
            copy.write_row((exposure_id, *position))
    connection.execute(OUTLINES)
    connection.execute("vacuum analyze")


def _peer_figures(connection: psycopg.Connection, peer: Peer, places: sky.Places, expected: Pairs) -> Figures:
    try:
        if peer.extension:
            connection.execute(f"create extension if not exists {peer.extension}".encode())
    except psycopg.errors.FeatureNotSupported as error:
        return {"skipped": str(error).splitlines()[0]}
    setup_s = seconds(lambda script: connection.execute(script.encode()), peer.setup)
    return {"setup_s": round(setup_s, 2)} | _answers(connection, peer, places, expected)


def _answers(connection: psycopg.Connection, peer: Peer, places: sky.Places, expected: Pairs) -> Figures:
    count = f"select count(*) from ({peer.pairs}) as pair"
    members = (
        f"select exposure_id from ({peer.pairs}) as pair where projection_cell = %s and x = %s and y = %s"
    )
    keys = [(int(name[1:5]), int(name[6:8]), int(name[9:11])) for name in places.typical]
    all_s = seconds(lambda query: connection.execute(query.encode()), count)
    [(n_exposures,)] = connection.execute("select count(*) from mvm.exposure").fetchall()
    found = compare(read_members(connection, peer.pairs), expected, n_exposures)
    return {
        "n_exposures": n_exposures,
        "memberships_per_exposure_ms": round(1000 * all_s / n_exposures, 4),
        "members_p50_ms": latency(sky.asker(connection, members), keys).p50_ms,
        "coverage_p50_ms": latency(sky.asker(connection, peer.coverage), places.fields).p50_ms,
        "n_pairs": found.n_pairs,
        "missed": found.n_missed,
        "extra": found.n_extra,
        "answers": "final" if peer.is_final else "candidates",
    }
