"""Sound rings against shapely and against unit vectors, wherever on the sphere they lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import Polygon

from mvmdb.errors import RegionError
from mvmdb.sky.footprint import SkyRing, ring_area_sr
from mvmdb.sky.polygon import sound_rings
from tests.support.vectors import Floats, TangentPlane, angle_deg, unit_vectors

PLACES = [
    (180.0, 26.0),
    (0.0, 0.0),
    (359.9999, -45.0),
    (180.0, 3.0),
    (77.0, 89.9999),
    (200.0, 90.0),
    (10.0, -90.0),
]
Points = list[tuple[float, float]]


def check(ring: list[float], **options: float) -> SkyRing | RegionError:
    (found,) = sound_rings([ring], **options)
    return found


def sound(ring: list[float]) -> SkyRing:
    found = check(ring)
    assert not isinstance(found, RegionError), found
    return found


def reason(ring: list[float], **options: float) -> str:
    found = check(ring, **options)
    assert isinstance(found, RegionError), found
    return str(found)


def at(place: tuple[float, float], points_arcsec: Points) -> list[float]:
    """Return points of the tangent plane about a place (east, north) as positions, flat."""
    xi, eta = np.radians(np.array(points_arcsec) / 3600).T
    ra_deg, dec_deg = TangentPlane.at(*place).deproject(xi, eta)
    return np.stack([ra_deg, dec_deg], axis=-1).ravel().tolist()


def in_plane(place: tuple[float, float], ring: SkyRing) -> Floats:
    return np.stack(TangentPlane.at(*place).project(unit_vectors(*np.array(ring).T)), axis=-1)


SQUARE: Points = [(-50, -50), (-50, 50), (50, 50), (50, -50)]
"""Clockwise on a map with east to the right: counter-clockwise on the sky."""


@pytest.mark.parametrize("place", PLACES)
def test_vertices_stay_where_they_were(place: tuple[float, float]) -> None:
    given = at(place, SQUARE)
    ring = sound(given)
    expected = unit_vectors(given[::2], given[1::2])
    assert angle_deg(unit_vectors(*np.array(ring).T), expected).max() * 3600 < 1e-6
    assert all(0 <= ra_deg < 360 for ra_deg, _ in ring)


@pytest.mark.parametrize("place", PLACES)
def test_order_is_counter_clockwise_as_seen_from_inside(place: tuple[float, float]) -> None:
    """On a map with east to the left, which is the mirror image of the plane with east to the right."""
    one_way, other_way = sound(at(place, SQUARE)), sound(at(place, [SQUARE[0], *SQUARE[:0:-1]]))
    for ring in (one_way, other_way):
        east, north = in_plane(place, ring).T
        assert Polygon(np.stack([-east, north], axis=-1)).exterior.is_ccw
    assert one_way[0] == other_way[0]
    assert np.allclose(in_plane(place, one_way), in_plane(place, other_way), rtol=0, atol=1e-15)


def test_order_of_the_standard() -> None:
    """STC 1.33, erratum 1: (90, 0), (0, 0), (0, 90) is counter-clockwise as seen from inside."""
    assert sound([90, 0, 0, 0, 0, 90]) == ((90, 0), (0, 0), (0, 90))
    assert sound([90, 0, 0, 90, 0, 0]) == ((90, 0), (0, 0), (0, 90))


@pytest.mark.parametrize("place", PLACES)
def test_repeated_vertices_are_dropped(place: tuple[float, float]) -> None:
    plain = sound(at(place, SQUARE))
    closed = at(place, [*SQUARE, SQUARE[0]])
    doubled = at(place, [point for point in SQUARE for _ in range(3)])
    for found in (sound(closed), sound(doubled)):
        assert np.allclose(in_plane(place, found), in_plane(place, plain), rtol=0, atol=1e-15)


def test_pole_under_several_right_ascensions_is_one_vertex() -> None:
    assert len(sound([0, 89, 0, 90, 90, 90, 90, 89])) == 3


def test_right_ascension_below_zero_and_above_a_turn() -> None:
    assert sound([-1, 0, -1, 1, 1, 1, 1, 0]) == ((359, 0), (359, 1), (1, 1), (1, 0))
    assert sound([359, 0, 359, 1, 361, 1, 361, 0]) == ((359, 0), (359, 1), (1, 1), (1, 0))


def test_ring_that_holds_a_pole_has_the_area_of_the_cap() -> None:
    """360 vertices on a small circle, whose polygon is smaller by far less than a thousandth."""
    n, dec_deg = 360, -80.0
    ring = sound([value for k in range(n) for value in (360.0 * k / n, dec_deg)])
    cap_sr = 2 * math.pi * (1 - math.sin(math.radians(80)))
    assert ring_area_sr(ring) == pytest.approx(cap_sr, rel=1e-3)


def test_random_rings_are_sound_where_shapely_calls_them_valid() -> None:
    random = np.random.default_rng(20)
    n_sound = 0
    for n_vertices in (3, 4, 5, 8):
        points = random.uniform(-100, 100, (500, n_vertices, 2))
        places = [PLACES[index % len(PLACES)] for index in range(len(points))]
        rings = [at(place, ring.tolist()) for place, ring in zip(places, points, strict=True)]
        for ring, checked in zip(points, sound_rings(rings), strict=True):
            assert Polygon(ring).is_valid == (not isinstance(checked, RegionError)), ring
            n_sound += not isinstance(checked, RegionError)
    assert 700 < n_sound < 1300


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "outline",
    [
        [(0, 0), (60, 0), (60, 40), (40, 40), (40, 20), (20, 20), (20, 40), (0, 40)],
        [(0, 0), (20, 0), (40, 0), (40, 10), (40, 40), (0, 40)],
        [(0, 0), (30, 0), (30, 10), (20, 10), (20, 20), (30, 20), (30, 30), (0, 30)],
    ],
    ids=["U, its arms end on one line", "vertices along a side", "C"],
)
def test_sides_on_one_line_are_no_crossing(place: tuple[float, float], outline: Points) -> None:
    assert len(sound(at(place, outline))) == len(outline)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "outline",
    [
        [(0, 0), (50, 50), (50, 0), (0, 50)],
        [(0, 0), (40, 0), (40, 40), (20, 0), (0, 40)],
        [(0, 0), (40, 0), (40, 40), (0, 40), (40, 0), (10, 50)],
        [(0, 0), (40, 0), (40, 40), (40, 80), (40, 20), (0, 40)],
        [(0, 0), (40, 0), (40, 40), (40, 10), (0, 40)],
        [(-40, 0), (0, 40), (40, 0), (0, -40), (-40, 0), (-20, 0), (0, 20), (20, 0), (0, -20), (-20, 0)],
    ],
    ids=["bow tie", "vertex on a side", "vertex twice", "out and back", "back beside", "keyhole"],
)
def test_rings_that_cross_or_touch_themselves(place: tuple[float, float], outline: Points) -> None:
    assert reason(at(place, outline)) == "polygon crosses or touches itself"


@pytest.mark.parametrize("place", PLACES)
def test_no_area(place: tuple[float, float]) -> None:
    line: Points = [(-50, -25), (0, 0), (50, 25), (100, 50)]
    assert reason(at(place, line)) == "polygon encloses no area"
    assert reason(at(place, [*line, *line[-2:0:-1]])) == "polygon encloses no area"
    # a slit of 0.1 x 50 arcsec is narrow, not flat; so is one as wide as a thousandth of a pixel
    for half_width_arcsec in (0.05, 0.001):
        slit: Points = [(-25, -half_width_arcsec), (25, -half_width_arcsec), (25, half_width_arcsec)]
        assert len(sound(at(place, slit))) == 3


def test_smallest_ring_keeps_its_shape() -> None:
    """One pixel of 0.04 arcsec."""
    pixel: Points = [(0, 0), (0, 0.04), (0.04, 0.04), (0.04, 0)]
    for place in PLACES:
        assert ring_area_sr(sound(at(place, pixel))) == pytest.approx((0.04 / 206264.806) ** 2, rel=1e-6)


@pytest.mark.parametrize(
    ("ring", "why"),
    [
        ([0, 0, 1, 0, 1], "polygon has 5 coordinates, an odd number"),
        ([], "polygon has 0 distinct vertices, fewer than 3"),
        ([0, 0, 1, 0], "polygon has 2 distinct vertices, fewer than 3"),
        ([0, 0, 1, 0, 0, 0], "polygon has 2 distinct vertices, fewer than 3"),
        ([5, 5] * 4, "polygon has 0 distinct vertices, fewer than 3"),
        ([0, 0, math.nan, 0, 1, 1], "polygon holds a coordinate that is not a finite number"),
        ([0, 0, 1, 0, 1, math.inf], "polygon holds a coordinate that is not a finite number"),
        ([0, 0, 1, 0, 1, 90.5], "declination 90.5 of the polygon lies beyond the pole"),
        ([0, 0, 1, 0, 1, -91], "declination -91 of the polygon lies beyond the pole"),
        ([1000, 0, 1001, 0, 1001, 1], "right ascension 1000 of the polygon is no angle in degrees"),
        ([0, 0, 120, 0, 240, 0], "polygon is as large as a hemisphere or larger"),
        ([0, -10, 90, -10, 180, -10, 270, -10], None),
        ([0, 0, 90, 0, 180, 0, 270, 0], "polygon is as large as a hemisphere or larger"),
        ([0, 10, 150, -10, 210, -10], "polygon is as large as a hemisphere or larger"),
        ([0, 0, 0, 180], "polygon has 2 distinct vertices, fewer than 3"),
    ],
)
def test_reasons(ring: list[float], why: str | None) -> None:
    if why is None:
        assert len(sound(ring)) == 4
    else:
        assert reason(ring) == why


def test_ring_is_its_smaller_side() -> None:
    """The southern cap, although a map in right ascension and declination suggests the north."""
    ring = sound([0, -30, 90, -30, 180, -30, 270, -30])
    assert ring_area_sr(ring) < 2 * math.pi
    inside = unit_vectors(0, -90)
    corners = unit_vectors(*np.array(ring).T)
    left = np.sum(np.cross(corners, np.roll(corners, -1, axis=0)) * inside, axis=-1)
    assert np.all(left > 0) or np.all(left < 0)


def test_limit_of_size() -> None:
    square = at((359.0, 60.0), [(1000 * x, 1000 * y) for x, y in SQUARE])
    assert reason(square, largest_radius_deg=5).startswith("polygon reaches 18.9 degrees from its middle")
    assert not isinstance(check(square, largest_radius_deg=30), RegionError)


def test_too_many_vertices() -> None:
    ring = [value for k in range(1001) for value in (360.0 * k / 1001, 80.0)]
    assert reason(ring) == "polygon has 1001 vertices, more than 1000"
    assert len(sound(ring[:2000])) == 1000


def test_each_ring_is_judged_by_itself() -> None:
    """In order, whatever the others are."""
    good, closed, bad = [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 95]
    many = [good, bad, closed, [], good, [0, 0, 0, 1, 1, 1, 1, 0]] * 300
    found = sound_rings(many)
    assert len(found) == len(many)
    kinds = [isinstance(item, RegionError) for item in found]
    assert kinds == [False, True, False, True, False, False] * 300
    assert found[0] == found[2] == found[4] == ((0, 0), (0, 1), (1, 1))
    assert sound_rings([]) == []
