"""Outlines that break programs, in one table: handled rightly or refused by row; judged by unit vectors."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
from astropy.io.votable import from_table
from astropy.table import Table
from pyarrow import parquet

from tests.support.command_line import CommandLine
from tests.support.memberships import overlaps
from tests.support.vectors import Floats, TangentPlane, angle_deg, sky_of, unit_vectors

Ring = tuple[tuple[float, float], ...]

ARCMIN_RAD = np.radians(1 / 60)
ARCSEC_DEG = 1 / 3600
UNCERTAIN_PIX = 0.01
"""No skycell's edge comes nearer to any outline, so that every membership is certain."""
HEADER = ("obs_id", "instrument_name", "filters", "t_min", "t_exptime", "s_region")


def square(ra_deg: float, dec_deg: float, turn_deg: float = 20.0) -> Ring:
    """Return a square of 2.2 arcmin, turned, as seen in the tangent plane about a position."""
    angles = np.radians(turn_deg + np.array([0, 90, 180, 270]))
    reach = 1.1 * np.sqrt(2) * ARCMIN_RAD
    ra, dec = TangentPlane.at(ra_deg, dec_deg).deproject(reach * np.cos(angles), reach * np.sin(angles))
    return tuple(zip(ra.tolist(), dec.tolist(), strict=True))


def polygon(*rings: Sequence[tuple[float, float]]) -> str:
    return " ".join("POLYGON ICRS " + " ".join(f"{ra!r} {dec!r}" for ra, dec in ring) for ring in rings)


def repeated(ring: Ring) -> Ring:
    """Return every vertex twice, and the first once more at the end."""
    return tuple(vertex for vertex in ring for _ in range(2)) + ring[:1]


RA_0 = square(0.004, 12.3)
NORTH, SOUTH = square(77.0, 89.995), square(200.0, -89.999)
FIELD, BESIDE = square(150.1, 2.2), square(150.1 + 0.04, 2.2)
BELOW_0 = tuple((ra - 360 if ra > 180 else ra, dec) for ra, dec in RA_0)
ABOVE_360 = tuple((ra + 360 if ra < 180 else ra, dec) for ra, dec in RA_0)
A, B, C, D = FIELD

GOOD: dict[str, tuple[str, tuple[Ring, ...]]] = {
    "itst0001q": (polygon(RA_0), (RA_0,)),
    "itst0002q": (polygon(BELOW_0), (RA_0,)),
    "itst0003q": (polygon(ABOVE_360), (RA_0,)),
    "itst0004q": (polygon(NORTH), (NORTH,)),
    "itst0005q": (polygon(SOUTH), (SOUTH,)),
    "itst0006q": (polygon(repeated(FIELD)), (FIELD,)),
    "itst0007q": (polygon(FIELD[::-1]), (FIELD,)),
    "itst0008q": (polygon(NORTH[::-1]), (NORTH,)),
    "itst0009q": (polygon(FIELD, BESIDE), (FIELD, BESIDE)),
    "itst0010q": (
        f"UNION ICRS (POLYGON {polygon(FIELD)[13:]} POLYGON {polygon(BESIDE[::-1])[13:]})",
        (FIELD, BESIDE),
    ),
    "itst0011q": (polygon(square(359.99999, -89.2)), (square(359.99999, -89.2),)),
}
"""What a row says, and the polygons that it means."""

BAD: dict[str, tuple[str, str]] = {
    "itst0101q": (polygon((A, B, (float("nan"), C[1]), D)), "a coordinate that is not a finite number"),
    "itst0102q": (polygon((A, B, (float("inf"), C[1]), D)), "a coordinate that is not a finite number"),
    "itst0103q": (polygon((A, C, B, D)), "crosses or touches itself"),
    "itst0104q": (polygon(((0, 0), (90, 0), (180, 0), (270, 0))), "as large as a hemisphere or larger"),
    "itst0105q": (
        polygon(((0, -10), (120, -10), (240, -10))),
        "reaches 80 degrees from its middle, more than 5",
    ),
    "itst0106q": (polygon(square(10, 10)[:2]), "fewer than 3"),
    "itst0107q": (polygon((A, A, A, B)), "fewer than 3"),
    "itst0108q": (polygon(((10, 10), (10, 10.02), (10, 10.01))), "encloses no area"),
    "itst0109q": (polygon((A, B, (C[0], 91.0), D)), "declination 91 of the polygon lies beyond the pole"),
    "itst0110q": (polygon(FIELD) + " 150.0", "an odd number"),
    "itst0111q": (polygon(FIELD).replace("ICRS", "GALACTIC"), "is in the frame GALACTIC"),
    "itst0112q": (polygon(RA_0, (A, C, B, D)), "crosses or touches itself"),
    "itst0113q": (polygon(FIELD, RA_0), "polygons more than 10 degrees apart"),
    "itst0114q": ("", "names no polygon, circle or box"),
    "itst0115q": ("CIRCLE ICRS 10 20 -0.1", "encloses no area"),
    "itst0116q": (polygon(((0, 0), (20, 0), (20, 20), (0, 20))), "degrees from its middle, more than 5"),
}
"""What a row says, and why it is refused."""


def table_rows() -> list[tuple[Any, ...]]:
    """Return good and bad rows by turns, as far as there are both."""
    regions = {name: text for name, (text, _) in [*GOOD.items(), *BAD.items()]}
    names = sorted(regions, key=lambda name: (name[-3:], name))
    return [(name, "WFC3/IR", "F160W", 55000.25, 1202.9, regions[name]) for name in names]


def write_csv(path: Path) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *table_rows()])
    return path


def write_parquet(path: Path) -> Path:
    columns = dict(zip(HEADER, map(list, zip(*table_rows(), strict=True)), strict=True))
    parquet.write_table(arrow.table(columns), path)
    return path


def write_votable(path: Path) -> Path:
    from_table(Table(rows=table_rows(), names=HEADER)).to_xml(str(path), tabledata_format="tabledata")
    return path


@pytest.fixture(scope="module")
def loaded(mvmdb: CommandLine) -> Any:
    """What the load of the CSV table prints."""
    table = write_csv(mvmdb.home / "table.csv")
    return mvmdb.json("footprint", "load", table, "--rejects", mvmdb.home / "refused.csv", expect=3)


def test_every_bad_row_is_refused_and_every_good_one_is_there(mvmdb: CommandLine, loaded: Any) -> None:
    counts = {name: value for name, value in loaded["counts"].items() if value}
    assert counts == {
        "n_rows": len(GOOD) + len(BAD),
        "n_rejected": len(BAD),
        "n_exposures": len(GOOD),
        "n_new": len(GOOD),
    }
    known = mvmdb.sql("select rootname from mvm.exposure order by 1")
    assert [name for (name,) in known] == sorted(GOOD)


def test_refused_rows_are_told_by_line_name_and_reason(mvmdb: CommandLine, loaded: Any) -> None:
    names = [row[0] for row in table_rows()]
    with (mvmdb.home / "refused.csv").open(newline="") as file:
        refused = list(csv.DictReader(file))
    assert [(int(row["line"]), row["identifier"]) for row in refused] == [
        (line, name) for line, name in enumerate(names, start=2) if name in BAD
    ]
    reasons = {row["identifier"]: row["reason"] for row in refused}
    assert [(name, why) for name, why in reasons.items() if BAD[name][1] not in why] == []


def test_members_are_those_of_unit_vectors(mvmdb: CommandLine, loaded: Any) -> None:
    found = mvmdb.sql(
        "select e.rootname, m.skycell from mvm.skycell_member as m join mvm.exposure as e using (exposure_id)"
    )
    expected = set().union(*(overlaps(name, rings, UNCERTAIN_PIX) for name, (_, rings) in GOOD.items()))
    assert expected == set().union(*(overlaps(name, rings, 0.0) for name, (_, rings) in GOOD.items()))
    assert set(found) == expected
    assert {name for name, _ in expected} == set(GOOD)
    assert {"p0000x11y11", "p2643x11y11"} <= {skycell for _, skycell in expected}


def test_covered_is_what_lies_inside_the_outlines(mvmdb: CommandLine, loaded: Any) -> None:
    """An arcsec to either side of every edge's middle, and the middle itself; the poles among them."""
    positions = [*(point for _, rings in GOOD.values() for ring in rings for point in probes(ring))]
    query = (
        "select p.number, c.exposure"
        " from unnest(%s::float8[], %s::float8[]) with ordinality as p (ra, dec, number)"
        " cross join lateral mvm.coverage(p.ra, p.dec) as c"
    )
    ra, dec = (values.tolist() for values in sky_of(np.array(positions)))
    found = {(number - 1, name) for number, name in mvmdb.sql(query, ra, dec)}
    expected = {
        (number, name)
        for number, position in enumerate(positions)
        for name, (_, rings) in GOOD.items()
        if any(holds(ring, position) for ring in rings)
    }
    assert found == expected
    assert len({number for number, _ in expected}) < len(positions)


def probes(ring: Ring) -> list[Floats]:
    """Return the middle of a square, and two positions at each edge: one arcsec inside, one outside."""
    corners = unit_vectors(*np.array(ring).T)
    middle = unit(corners.sum(axis=0))
    edges = [unit(one + other) for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    steps = [np.radians(ARCSEC_DEG) * unit(edge - middle) for edge in edges]
    return [middle, *(unit(e + way * s) for e, s in zip(edges, steps, strict=True) for way in (-1, 1))]


def unit(vector: Floats) -> Floats:
    length: float = float(np.linalg.norm(vector))
    return vector / length


def holds(ring: Ring, position: Floats) -> bool:
    """Tell whether a position lies on the same side of all edges of a convex ring, and near it."""
    corners = unit_vectors(*np.array(ring).T)
    sides = np.cross(corners, np.roll(corners, -1, axis=0)) @ position
    is_near = float(angle_deg(unit(corners.sum(axis=0)), position)) < 1
    return is_near and bool((sides > 0).all() or (sides < 0).all())


@pytest.mark.parametrize(("name", "write"), [("table.parquet", write_parquet), ("table.xml", write_votable)])
def test_other_forms_say_the_same(mvmdb: CommandLine, loaded: Any, name: str, write: Any) -> None:
    counts = mvmdb.json("footprint", "load", write(mvmdb.home / name), expect=3)["counts"]
    assert (counts["n_unchanged"], counts["n_rejected"], counts["n_new"]) == (len(GOOD), len(BAD), 0)


def test_table_that_is_cut_off_leaves_nothing(mvmdb: CommandLine, loaded: Any) -> None:
    before = mvmdb.sql("select count(*), max(exposure_id) from mvm.exposure")
    names = (f"itsu{number:04d}q" for number in range(9000))
    rows = [f"{name},WFC3/IR,F160W,55000.25,1202.9,{polygon(FIELD)}" for name in names]
    cut = mvmdb.home / "cut.csv.gz"
    cut.write_bytes(gzip.compress("\n".join([",".join(HEADER), *rows]).encode())[:-5000])
    said = mvmdb.run("footprint", "load", cut, expect=2)
    assert "damaged or cut off" in " ".join(said.stderr.split())
    assert mvmdb.sql("select count(*), max(exposure_id) from mvm.exposure") == before
