"""Primary regions: every position has one owner, and the regions tile the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Connection, text

from mvmdb.sky.primary import core_parts
from mvmdb.sky.tessellation import projection_cells
from tests.support.vectors import Floats

STEP_PIX, SIZE_PIX, CENTRE_PIX = 21442, 21954, 225143
FINE_RAD = np.radians(0.04 / 3600)


def unit_vectors(ra_deg: Floats, dec_deg: Floats) -> Floats:
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def random_positions(n: int, seed: int) -> tuple[Floats, Floats]:
    """Return positions over the whole sky, a third of them beside the equator, and the poles."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1, 1, n)
    z[: n // 3] = np.sin(np.radians(rng.choice([-1, 1], n // 3) * rng.uniform(4.4, 4.6, n // 3)))
    ra_deg = rng.uniform(0, 360, n)
    dec_deg = np.degrees(np.arcsin(z))
    ra_deg[:4], dec_deg[:4] = [0, 10, 0, 359.9999999], [90, -90, 0, 26]
    return ra_deg, dec_deg


def owner(ra_deg: float, dec_deg: float) -> str | None:
    """Return the owner by brute force over all tangent points; None where it is a matter of rounding."""
    cells = projection_cells()
    centres = unit_vectors(*np.array([(cell.ra_deg, cell.dec_deg) for cell in cells]).T)
    here = unit_vectors(np.float64(ra_deg), np.float64(dec_deg))
    apart = np.arccos(np.clip(centres @ here, -1, 1))
    last = None
    for k in np.argsort(apart, kind="stable")[:12]:
        pole = np.array([0.0, 0.0, 1.0])
        east = np.cross(pole, centres[k])
        east /= np.linalg.norm(east)
        north = np.cross(centres[k], east)
        depth = here @ centres[k]
        x = CENTRE_PIX - here @ east / depth / FINE_RAD
        y = CENTRE_PIX + here @ north / depth / FINE_RAD
        if not (min(x, y) > -0.5 and max(x, y) < 20 * STEP_PIX + SIZE_PIX - 0.5):
            continue
        if last is not None and abs(apart[k] - last[0]) < 1e-9:
            return None
        if last is not None:
            break
        column, row = (np.clip(np.floor((axis - 255.5) / STEP_PIX), 0, 20) for axis in (x, y))
        edges = [(axis - 255.5) / STEP_PIX - round((axis - 255.5) / STEP_PIX) for axis in (x, y)]
        if min(np.abs(edges)) * STEP_PIX < 1e-3:
            return None
        last = (apart[k], f"p{k:04d}x{int(column) + 1:02d}y{int(row) + 1:02d}")
    return last[1] if last else None


def test_every_position_has_the_owner_that_brute_force_finds(connection: Connection) -> None:
    query = text("select skycell from mvm.primary_skycell(cast(:ra as float8), cast(:dec as float8))")
    compared = 0
    for ra_deg, dec_deg in zip(*random_positions(600, seed=5), strict=True):
        expected = owner(ra_deg, dec_deg)
        if expected is not None:
            rows = connection.execute(query, {"ra": ra_deg, "dec": dec_deg}).scalars().all()
            assert rows == [expected], (ra_deg, dec_deg)
            compared += 1
    assert compared > 590


def test_the_owner_holds_the_position_in_its_region(connection: Connection) -> None:
    query = text(
        "select ST_Intersects(mvm.primary_region(s.skycell),"
        " mvm.sky_point(cast(:ra as float8), cast(:dec as float8)))"
        " from mvm.primary_skycell(cast(:ra as float8), cast(:dec as float8)) as s"
    )
    for ra_deg, dec_deg in zip(*random_positions(200, seed=6), strict=True):
        assert connection.execute(query, {"ra": ra_deg, "dec": dec_deg}).scalar() is True


def test_the_cores_cover_the_sphere_once(connection: Connection) -> None:
    """Expected: 4 pi steradians, by PostGIS on the sphere."""
    area_sr = connection.execute(
        text(
            "select sum(ST_Area(mvm.sky_of_cell_pixel(p.shape, c.ra_deg, r.srid)::geography))"
            " / 6371008.7714 ^ 2 from mvm.projection_core as p"
            " join mvm.projection_cell as c using (projection_cell)"
            " join mvm.ring as r using (ring)"
        )
    ).scalar_one()
    assert area_sr == pytest.approx(4 * np.pi, rel=1e-12)


@pytest.mark.parametrize("cell", [0, 2643, 1232, 1889])
def test_the_regions_of_a_cell_make_up_its_core(connection: Connection, cell: int) -> None:
    areas = connection.execute(
        text(
            "select (select sum(ST_Area(mvm.primary_region(skycell))) from mvm.skycell"
            "  where projection_cell = :cell),"
            " (select sum(ST_Area(mvm.sky_of_cell_pixel(p.shape, c.ra_deg, r.srid)::geography))"
            "  from mvm.projection_core as p join mvm.projection_cell as c using (projection_cell)"
            "  join mvm.ring as r using (ring) where p.projection_cell = :cell)"
        ),
        {"cell": cell},
    ).one()
    assert areas[0] == pytest.approx(areas[1], rel=1e-9)


def test_tips_beside_the_equator_have_heirs() -> None:
    """16 cells there have a corner nearest to them and beyond their skycells; none is lost."""
    parts = list(core_parts())
    extra = [part for part in parts if len(part.polygon) == 3]
    assert len(parts) - len(projection_cells()) >= 16
    assert {abs(projection_cells()[part.projection_cell].dec_deg) for part in extra} <= {2.0, 6.0}
