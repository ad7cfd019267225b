"""Texts of regions: what archives and ds9 write, what is refused and why, and where the shapes lie."""

from __future__ import annotations

import csv
import gzip
import math

import numpy as np
import pytest

from mvmdb.errors import RegionError
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.region import N_CIRCLE_SIDES, parse_region, parse_regions
from tests.support.shared_data import shared_data
from tests.support.vectors import Floats, TangentPlane, angle_deg, unit_vectors

SQUARE: SkyRing = ((10.0, 20.0), (10.0, 21.0), (11.0, 21.0), (11.0, 20.0))
NUMBERS = "10 20 10 21 11 21 11 20"


@pytest.mark.parametrize(
    "text",
    [
        f"POLYGON ICRS {NUMBERS}",
        f"POLYGON {NUMBERS}",
        f"  polygon   icrs\t{NUMBERS}\n",
        f"Polygon J2000 {NUMBERS}",
        f"POLYGON FK5 J2000 {NUMBERS}",
        f"Polygon ICRS TOPOCENTER SPHERICAL2 {NUMBERS}",
        f"POLYGON ICRS {NUMBERS} unit deg",
        f"POLYGON ICRS {NUMBERS} 10 20",
        "POLYGON ICRS 10 20 11 20 11 21 10 21",
        "POLYGON ICRS 10.0000 +2.0e1 10 21. 1.1E1 21 11 20",
        "POLYGON('ICRS', 10, 20, 10, 21, 11, 21, 11, 20)",
        "icrs;polygon(10,20,10,21,11,21,11,20)",
        "icrs; polygon(10d, 20d, 10d, 21d, 11d, 21d, 11d, 20d) # color=red text={POLYGON}",
        "# Region file format: DS9 version 4.1\nglobal color=green dashlist=8 3\nfk5\n"
        "polygon(0:40:00,+20:00:00,0:40:00,+21:00:00,0:44:00,+21:00:00,0:44:00,+20:00:00)",
        "fk5; polygon(0h40m00s,20d00m00s,0h40m00.0s,21d0m0s,0h44m0s,21d0m0.00s,0h44m0s,20d0m0s)",
        f"UNION ICRS (POLYGON {NUMBERS})",
        f"UNION ( Polygon ICRS {NUMBERS} )",
        "+icrs; +polygon(10,20,10,21,11,21,11,20)".removeprefix("+"),
    ],
)
def test_manners_of_writing_one_polygon(text: str) -> None:
    assert parse_region(text) == (SQUARE,)


@pytest.mark.parametrize(
    "text",
    [
        f"POLYGON ICRS {NUMBERS} POLYGON ICRS 0 0 0 1 1 1",
        f"POLYGON ICRS {NUMBERS} POLYGON 0 0 0 1 1 1",
        f"Union ICRS (Polygon {NUMBERS} Polygon 0 0 0 1 1 1)",
        f"UNION ICRS (POLYGON {NUMBERS} UNION (POLYGON 0 0 0 1 1 1))",
        "icrs\npolygon(10,20,10,21,11,21,11,20)\npolygon(0,0,0,1,1,1)",
    ],
)
def test_several_polygons(text: str) -> None:
    assert parse_region(text) == (SQUARE, ((0, 0), (0, 1), (1, 1)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no polygon, circle or box"),
        ("   ", "names no polygon, circle or box"),
        ("# only a comment", "names no polygon, circle or box"),
        ("ICRS", "names no polygon, circle or box"),
        ("10 20 30", "begins with '10', not with a shape"),
        (f"POLYGON GALACTIC {NUMBERS}", "is in the frame GALACTIC, not in ICRS"),
        (f"POLYGON FK4 B1950 {NUMBERS}", "is in the frame FK4, not in ICRS"),
        ("image; circle(100,100,5)", "is in the frame IMAGE, not in ICRS"),
        ("circle(100,80,5)", "names no frame"),
        ("ELLIPSE ICRS 1 2 3 4 5", "holds ELLIPSE, which is not supported"),
        ("POSITION ICRS 1 2", "holds POSITION, which is not supported"),
        (f"NOT (POLYGON ICRS {NUMBERS})", "holds NOT, which is not supported"),
        (f"INTERSECTION ICRS (POLYGON {NUMBERS})", "holds INTERSECTION, which is not supported"),
        ("icrs; -circle(1,2,3)", "takes a shape away, which is not supported"),
        (f"POLYGON ICRS ({NUMBERS}", "brackets do not match"),
        (f"POLYGON ICRS {NUMBERS})", "brackets do not match"),
        ("POLYGON ICRS 1 2 3 x 5 6", "holds 'x', which means nothing here"),
        ("POLYGON ICRS 1 2 3 4x 5 6", "polygon holds '4x', which is no angle"),
        ("POLYGON ICRS 1_0 2 3 4 5 6", "holds an underscore between digits"),
        ("POLYGON ICRS 1 2 3 nan 5 6", "polygon holds a coordinate that is not a finite number"),
        ("POLYGON ICRS NaN NaN NaN NaN NaN NaN", "polygon holds a coordinate that is not a finite number"),
        ("POLYGON ICRS 1 2 3 4 5", "polygon has 5 coordinates, an odd number"),
        ("POLYGON ICRS", "polygon has 0 distinct vertices, fewer than 3"),
        ("POLYGON ICRS 1 2 3 4", "polygon has 2 distinct vertices, fewer than 3"),
        ("POLYGON ICRS 1 2 3 4 5 96", "declination 96 of the polygon lies beyond the pole"),
        (f"POLYGON ICRS {NUMBERS} POLYGON ICRS 0 0 1 1 1 0 0 1", "polygon crosses or touches itself"),
        ("icrs; polygon(1:60:00,2,3,4,5,6)", "minutes and seconds stay below 60"),
        ("CIRCLE ICRS 10 20", "circle has 2 values, not 3"),
        ("CIRCLE ICRS", "circle has 0 values, not 3"),
        ("CIRCLE ICRS 10 20 0", "circle encloses no area: its radius is 0 degrees"),
        ("CIRCLE ICRS 10 20 -1", "circle encloses no area: its radius is -1 degrees"),
        ("CIRCLE ICRS 10 20 90", "circle is as large as a hemisphere"),
        ("CIRCLE ICRS 10 95 1", "declination 95 lies beyond the pole"),
        ("CIRCLE ICRS 1000 5 1", "right ascension 1000 is no angle in degrees"),
        ("CIRCLE ICRS 10 nan 1", "circle holds a value that is not a finite number"),
        ("CIRCLE ICRS 10 20 inf", "circle holds a value that is not a finite number"),
        ("icrs; circle(10, 20, 5p)", "circle holds '5p', which is no angle"),
        ("BOX ICRS 10 20 1", "box has 3 values, not 4 or 5"),
        ("icrs; box(10,20,1,2,3,4,30)", "box has 7 values, not 4 or 5"),
        ("BOX ICRS 10 20 1 0", "box encloses no area: its half height is 0 degrees"),
        ("BOX ICRS 10 20 180 1", "box is as large as a hemisphere"),
    ],
)
def test_reasons(text: str, why: str) -> None:
    with pytest.raises(RegionError) as caught:
        parse_region(text)
    assert why in str(caught.value)


def corners_of(ring: SkyRing) -> Floats:
    return unit_vectors(*np.array(ring).T)


def holds(ring: SkyRing, directions: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which directions lie inside a convex ring: on the same side of every side."""
    corners = corners_of(ring)
    normals = np.cross(corners, np.roll(corners, -1, axis=0) - corners)
    sides = np.sum((directions[:, None] - corners) * normals, axis=-1)
    return np.asarray((sides > 0).all(axis=1) | (sides < 0).all(axis=1))


def around(place: tuple[float, float], radius_deg: float, n: int = 720) -> Floats:
    """Return directions at an angle from a place."""
    plane = TangentPlane.at(*place)
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)[:, None]
    toward = plane.east * np.sin(angles) + plane.north * np.cos(angles)
    return plane.centre * math.cos(math.radians(radius_deg)) + toward * math.sin(math.radians(radius_deg))


PLACES = [(150.0, 2.0), (0.0, 0.0), (0.001, -60.0), (30.0, 89.999), (30.0, 90.0), (0.0, -90.0)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("radius_deg", [1 / 3600, 0.05, 4.0, 60.0])
def test_circle_holds_the_circle_and_hardly_more(place: tuple[float, float], radius_deg: float) -> None:
    (ring,) = parse_region(f"CIRCLE ICRS {place[0]} {place[1]} {radius_deg!r}")
    assert len(ring) == N_CIRCLE_SIDES
    assert holds(ring, around(place, radius_deg * (1 - 1e-6))).all()
    assert not holds(ring, around(place, radius_deg * 1.0022)).any()
    if radius_deg > 0.01:
        touched = holds(ring, around(place, radius_deg * (1 + 1e-6), n=48 * 2))
        assert np.count_nonzero(~touched) == N_CIRCLE_SIDES  # the middles of the sides


@pytest.mark.parametrize("place", PLACES[:4])
@pytest.mark.parametrize("angle_deg_", [0.0, 30.0, -75.0])
def test_box_has_its_sides_half_a_width_away(place: tuple[float, float], angle_deg_: float) -> None:
    width_deg, height_deg = 3.0, 1.0
    (ring,) = parse_region(f"icrs; box({place[0]}, {place[1]}, {width_deg}d, 60', {angle_deg_})")
    plane, angle = TangentPlane.at(*place), math.radians(angle_deg_)
    # turned from north towards east
    across = plane.east * math.cos(angle) - plane.north * math.sin(angle)
    along = plane.east * math.sin(angle) + plane.north * math.cos(angle)
    for axis, half_deg in ((across, width_deg / 2), (along, height_deg / 2)):
        for sign in (1, -1):
            for factor, inside in ((1 - 1e-9, True), (1 + 1e-9, False)):
                reach = math.radians(half_deg * factor)
                middle = plane.centre * math.cos(reach) + sign * axis * math.sin(reach)
                assert holds(ring, middle[None])[0] == inside
    corners = corners_of(ring)
    assert np.ptp(angle_deg(corners, plane.centre)) < 1e-9
    assert len(ring) == 4


def test_box_of_the_standard_is_that_of_ds9_without_angle() -> None:
    assert parse_region("BOX ICRS 10 20 1 2") == parse_region("icrs; box(10,20,3600\",120')")


def test_sexagesimal_south_of_the_equator_by_less_than_a_degree() -> None:
    (ring,) = parse_region('icrs; circle(12:30:00, -00:30:00, 1")')
    middle = corners_of(ring).mean(axis=0)
    middle /= np.linalg.norm(middle)
    assert angle_deg(middle, unit_vectors(187.5, -0.5)) * 3600 < 1e-6


def test_limit_of_size_holds_for_every_shape() -> None:
    for text in ("CIRCLE ICRS 10 20 6", "BOX ICRS 10 20 12 12", "POLYGON ICRS 0 0 15 0 15 15"):
        assert parse_region(text)
        with pytest.raises(RegionError, match="degrees from its middle, more than 5"):
            parse_region(text, largest_radius_deg=5)


def test_many_at_once_are_as_each_alone() -> None:
    texts = [
        f"POLYGON ICRS {NUMBERS}",
        "",
        "CIRCLE ICRS 1 2 3",
        f"POLYGON ICRS {NUMBERS} POLYGON 0 0 0 1 1 1",
    ]
    found = parse_regions(texts * 20)
    assert found[0::4] == [(SQUARE,)] * 20
    assert all(isinstance(item, RegionError) for item in found[1::4])
    assert found[2::4] == [parse_region("CIRCLE ICRS 1 2 3")] * 20
    assert found[3::4] == [(SQUARE, ((0, 0), (0, 1), (1, 1)))] * 20
    assert parse_regions([]) == []


def test_real_regions_keep_their_vertices() -> None:
    """17,626 regions, one in six of two polygons; a million of them are a minute."""
    with gzip.open(shared_data("footprints/jwst_imaging_s_region.csv.gz"), "rt") as file:
        texts = [row["s_region"] for row in csv.DictReader(file)]
    found = [item for item in parse_regions(texts) if not isinstance(item, RegionError)]
    assert len(found) == len(texts) == 17_626
    for text, rings in list(zip(texts, found, strict=True))[::100]:
        given = [tuple(map(float, part.split())) for part in text.split("POLYGON ICRS ")[1:]]
        vertices = [set(zip(part[::2], part[1::2], strict=True)) for part in given]
        assert [set(ring) for ring in rings] == vertices
