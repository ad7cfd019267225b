"""Positions and skycells: ``mvm.skycell_at`` and its parts against unit vectors over all projection cells."""

from __future__ import annotations

import numpy as np
import pytest
from psycopg.errors import Diagnostic
from sqlalchemy import Connection, text

from mvmdb.catalog.engine import catalog_errors
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.positions import list_skycells_at
from mvmdb.errors import CatalogError
from tests.support.facts import make_facts, ring_of_pixels
from tests.support.vectors import (
    CELL_RADIUS_DEG,
    Floats,
    TangentPlane,
    angle_deg,
    cell_centres,
    cell_pixels,
    cell_planes,
    sky_of_cell_pixels,
    sky_of_skycell_pixels,
    skycell_bounds_pix,
    unit_vectors,
)

EDGE_PIX = 1e-5
N_POINTS = 3000

Hit = tuple[int, str]


def sky_points(random: np.random.Generator) -> tuple[Floats, Floats]:
    """Return positions all over the sky, most of them where geometry goes wrong."""
    ra_deg = random.uniform(0, 360, N_POINTS)
    dec_deg = np.degrees(np.arcsin(random.uniform(-1, 1, N_POINTS)))
    fifth = N_POINTS // 5
    ra_deg[:fifth] = random.uniform(-1 / 60, 1 / 60, fifth)  # within an arcminute of RA 0
    dec_deg[fifth : 2 * fifth] = random.choice([-1, 1], fifth) * (90 - 10 ** random.uniform(-9, 0.6, fifth))
    seams = -90 + 4 * random.integers(0, 46, fifth) + random.choice([-2.5, -2, 2, 2.5], fifth)
    dec_deg[2 * fifth : 3 * fifth] = np.clip(seams + random.uniform(-0.01, 0.01, fifth), -90, 90)
    ra_deg[3 * fifth : 4 * fifth], dec_deg[3 * fifth : 4 * fifth] = near_skycell_edges(random, fifth)
    return ra_deg % 360, dec_deg


def near_skycell_edges(random: np.random.Generator, n_points: int) -> tuple[Floats, Floats]:
    """Return positions within a few thousandths of a pixel of the edges of random skycells."""
    edges = random.integers(0, 21, (n_points, 2)) * 21442 - 0.5 + random.choice([0, 21954], (n_points, 2))
    offsets = random.choice([-1, 1], (n_points, 2)) * 10 ** random.uniform(-4, -2, (n_points, 2))
    cells = random.integers(0, 2644, n_points)
    sky = [sky_of_cell_pixels(int(cell), *pixel) for cell, pixel in zip(cells, edges + offsets, strict=True)]
    return np.array(sky).T[0], np.array(sky).T[1]


def brute_force(ra_deg: Floats, dec_deg: Floats, margin_pix: float) -> dict[Hit, tuple[float, float, float]]:
    """Return pixel and offset by (point, skycell), for all skycells drawn in by a margin."""
    points, planes = unit_vectors(ra_deg, dec_deg), cell_planes()
    near = np.argwhere(points @ planes.centre.T > np.cos(np.radians(CELL_RADIUS_DEG)))
    n, cell = near.T
    chosen = TangentPlane(planes.centre[cell], planes.east[cell], planes.north[cell])
    x_pix, y_pix = cell_pixels(chosen, points[n])
    offset = angle_deg(points[n], planes.centre[cell])
    found: dict[Hit, tuple[float, float, float]] = {}
    for x in range(1, 22):
        for y in range(1, 22):
            x0, y0, x1, y1 = skycell_bounds_pix(x, y)
            inside = (x_pix >= x0 + margin_pix) & (x_pix < x1 - margin_pix)
            inside &= (y_pix >= y0 + margin_pix) & (y_pix < y1 - margin_pix)
            for i in np.flatnonzero(inside):
                key = (int(n[i]), f"p{cell[i]:04d}x{x:02d}y{y:02d}")
                found[key] = (x_pix[i] - (x - 1) * 21442, y_pix[i] - (y - 1) * 21442, offset[i])
    return found


def test_skycell_at_finds_what_brute_force_finds(connection: Connection) -> None:
    ra_deg, dec_deg = sky_points(np.random.default_rng(4))
    query = text("""
        select p.n - 1 as n, s.skycell, s.x_pix, s.y_pix, s.offset_deg, s.projection_cell, s.x, s.y
        from unnest(cast(:ra as float8[]), cast(:dec as float8[])) with ordinality as p (ra, "dec", n)
        cross join lateral mvm.skycell_at(p.ra, p."dec") as s""")
    rows = connection.execute(query, {"ra": ra_deg.tolist(), "dec": dec_deg.tolist()}).all()
    found = {(row.n, row.skycell): row for row in rows}
    assert len(found) == len(rows)

    certain, possible = brute_force(ra_deg, dec_deg, EDGE_PIX), brute_force(ra_deg, dec_deg, -EDGE_PIX)
    assert set(certain) - set(found) == set()
    assert set(found) - set(possible) == set()
    assert len(possible) - len(certain) < 5
    assert {n for n, _ in found} == set(range(N_POINTS))

    keys = list(found)
    measured = np.array([(found[key].x_pix, found[key].y_pix, found[key].offset_deg) for key in keys])
    expected = np.array([possible[key] for key in keys])
    assert np.abs(measured[:, :2] - expected[:, :2]).max() < 1e-6
    assert np.abs(measured[:, 2] - expected[:, 2]).max() < 1e-7
    names = [f"p{row.projection_cell:04d}x{row.x:02d}y{row.y:02d}" for row in rows]
    assert names == [row.skycell for row in rows]


def test_every_tangent_point_is_in_the_middle_of_its_own_cell(connection: Connection) -> None:
    query = text("""
        select c.projection_cell, first.projection_cell as found, first.x, first.y,
          first.x_pix, first.y_pix, first.offset_deg
        from mvm.projection_cell as c
        cross join lateral (select * from mvm.skycell_at(c.ra_deg, c.dec_deg) limit 1) as first""")
    rows = connection.execute(query).all()
    assert len(rows) == 2644
    middle = 225143 - 10 * 21442
    for row in rows:
        assert (row.found, row.x, row.y) == (row.projection_cell, 11, 11)
        assert (row.x_pix, row.y_pix, row.offset_deg) == pytest.approx((middle, middle, 0), abs=1e-6)


def test_nearest_tangent_point_first(connection: Connection) -> None:
    random = np.random.default_rng(5)
    ra_deg, dec_deg = cell_centres()
    several = 0
    for cell in random.integers(0, 2644, 100):
        position = float(ra_deg[cell] + 180 / 82), float(np.clip(dec_deg[cell] + 2, -90, 90))
        hits = list_skycells_at(connection, *position)
        offsets = [hit.offset_deg for hit in hits]
        assert offsets == sorted(offsets)
        several += len(set(offsets)) > 1
    assert several > 50


def test_positions_of_the_document(connection: Connection) -> None:
    """The tangent point of p1889 and the corners of p1889x07y19 (mvm_facts 1.4)."""
    corners = [
        (181.211089, 27.780953),
        (181.213647, 28.024552),
        (180.937582, 28.026701),
        (180.935606, 27.783082),
    ]
    pixels = [(0, 0), (0, 21953), (21953, 21953), (21953, 0)]
    for corner, pixel in zip(corners, pixels, strict=True):
        inward = np.add(pixel, np.where(np.array(pixel) == 0, 30.0, -30.0))
        ra_deg, dec_deg = sky_of_skycell_pixels("p1889x07y19", *inward)
        hits = {
            hit.skycell: (hit.x_pix, hit.y_pix)
            for hit in list_skycells_at(connection, float(ra_deg), float(dec_deg))
        }
        assert hits["p1889x07y19"] == pytest.approx(tuple(inward), abs=1e-6)
        # The published positions have six decimals: 0.05 pixel.
        assert float(ra_deg) == pytest.approx(corner[0], abs=0.0005)


@pytest.mark.parametrize("turn_deg", [360.0, -360.0, 720.0, -36000.0])
@pytest.mark.parametrize("ra_deg", [0.0, 0.01, 179.99, 180.0, 180.01, 359.99])
def test_whole_turns_change_nothing(connection: Connection, ra_deg: float, turn_deg: float) -> None:
    for dec_deg in (-89.99, -2.0, 61.3):
        here = list_skycells_at(connection, ra_deg, dec_deg)
        there = list_skycells_at(connection, ra_deg + turn_deg, dec_deg)
        assert [hit.skycell for hit in here] == [hit.skycell for hit in there]
        assert [hit.x_pix for hit in here] == pytest.approx([hit.x_pix for hit in there], abs=1e-5)


def test_no_notices_beyond_180_degrees(connection: Connection) -> None:
    """PostGIS says so for each longitude that it has to wrap, and thousands of notices hang some clients."""
    notices: list[str | None] = []
    raw = connection.connection.driver_connection
    assert raw is not None

    def keep(notice: Diagnostic) -> None:
        notices.append(notice.message_primary)

    raw.add_notice_handler(keep)
    connection.execute(text("set local client_min_messages = notice"))
    footprint = ring_of_pixels("p1908x11y11", (100, 100, 900, 900))
    assert 180 < footprint[0][0] < 360
    register_exposure(connection, make_facts("itst0000q", [footprint]))
    for source in ("skycell_at(350, 10)", "coverage(350, 10)", "layers('p1908x11y11')", "layer_depth"):
        connection.execute(text(f"select * from mvm.{source}")).all()
    assert notices == []
    connection.execute(text("select ST_SetSRID(ST_MakePoint(350, 10), 104047)::geography"))
    assert len(notices) == 1
    raw.remove_notice_handler(keep)


@pytest.mark.parametrize("dec_deg", [-90.0, 90.0])
def test_at_a_pole_right_ascension_means_nothing(connection: Connection, dec_deg: float) -> None:
    everywhere = [list_skycells_at(connection, ra_deg, dec_deg) for ra_deg in (0.0, 123.0, 270.0)]
    assert [hit.skycell for hit in everywhere[0]] == [f"p{0 if dec_deg < 0 else 2643:04d}x11y11"]
    assert all(hits[0].x_pix == pytest.approx(225143 - 10 * 21442, abs=1e-6) for hits in everywhere)


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg"),
    [
        (10.0, 91.0),
        (10.0, -90.0000001),
        (10.0, np.nan),
        (np.nan, 10.0),
        (np.inf, 10.0),
        (10.0, -np.inf),
        (1e7, 0.0),
    ],
)
@pytest.mark.parametrize("function", ["skycell_at", "coverage"])
def test_what_is_no_position_is_refused(
    connection: Connection, function: str, ra_deg: float, dec_deg: float
) -> None:
    query = text(f"select * from mvm.{function}(:ra, :dec)")
    with pytest.raises(CatalogError, match=r"position \(.*\) is not on the sky"), catalog_errors():
        connection.execute(query, {"ra": float(ra_deg), "dec": float(dec_deg)})


@pytest.mark.parametrize("name", ["p1889x07y19", "skycell-p1889x07y19", "P1889X07Y19"])
def test_key_of_a_skycell(connection: Connection, name: str) -> None:
    key = connection.execute(text("select * from mvm.skycell_key(:name)"), {"name": name}).one()
    assert tuple(key) == (1889, 7, 19)


@pytest.mark.parametrize("name", ["p2644x07y19", "p1889x00y19", "p1889x07y22", "p1889", "", "p1889x07y19 "])
def test_what_is_no_skycell_is_refused(connection: Connection, name: str) -> None:
    with pytest.raises(CatalogError, match="is not a skycell"), catalog_errors():
        connection.execute(text("select * from mvm.skycell_key(:name)"), {"name": name})


def test_pixels_back_to_the_sky(connection: Connection) -> None:
    """``mvm.sky_of_cell_pixel`` in every ring, to the corners of the planes."""
    random = np.random.default_rng(6)
    cells = [*random.permutation(2644)[:300].tolist(), 0, 2643]
    pixels = random.uniform(-0.5, 450793.5, (len(cells), 2))
    query = text("""
        select ST_X(sky), ST_Y(sky)
        from unnest(cast(:cell as int[]), cast(:x as float8[]), cast(:y as float8[])) with ordinality
          as p (cell, x, y, n)
        join mvm.projection_cell as c on c.projection_cell = p.cell
        join mvm.ring using (ring)
        cross join lateral mvm.sky_of_cell_pixel(ST_MakePoint(p.x, p.y), c.ra_deg, ring.srid) as sky
        order by p.n""")
    rows = connection.execute(
        query, {"cell": cells, "x": pixels[:, 0].tolist(), "y": pixels[:, 1].tolist()}
    ).all()
    found = np.array([tuple(row) for row in rows])
    expected = np.array([sky_of_cell_pixels(cell, *pixel) for cell, pixel in zip(cells, pixels, strict=True)])
    apart_arcsec = 3600 * angle_deg(unit_vectors(*found.T), unit_vectors(*expected.T))
    assert apart_arcsec.max() < 4e-7  # 1e-5 pixel


@pytest.mark.parametrize(
    "skycell", ["p1848x11y11", "p1849x11y11", "p1889x11y11", "p1908x11y11", "p1929x10y11"]
)
def test_shape_on_the_sky_stays_in_one_piece(connection: Connection, skycell: str) -> None:
    """Its longitudes run on across RA 0 and RA 180: 0.244 degrees divided by the cosine of 26 degrees."""
    query = text("""
        select ST_XMax(sky) - ST_XMin(sky), (ST_XMax(sky) + ST_XMin(sky)) / 2
        from mvm.skycell as s
        join mvm.projection_cell as c on c.projection_cell = s.projection_cell
        join mvm.ring on ring.ring = c.ring
        cross join lateral mvm.sky_of_cell_pixel(s.box, c.ra_deg, ring.srid) as sky
        where s.projection_cell = (mvm.skycell_key(:skycell)).projection_cell and s.skycell = :skycell""")
    width_deg, middle_deg = connection.execute(query, {"skycell": skycell}).one()
    assert width_deg == pytest.approx(0.24393 / np.cos(np.radians(26)), rel=0.01)
    assert abs(middle_deg) < 180.1
