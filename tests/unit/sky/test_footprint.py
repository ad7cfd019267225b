from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import LinearRing, Point, Polygon

from mvmdb.sky.footprint import PixelToSky, SkyRing, outline, ring_area_sr
from mvmdb.sky.grid import TanGrid
from mvmdb.sky.sphere import Floats, separation_deg, tangent_plane, tangent_sky

ARCSEC = math.radians(1 / 3600)
PIXEL_RAD = 0.05 * ARCSEC
N_X, N_Y = 4096, 2048


def bowed(ra_deg: float, dec_deg: float, *, bow: float = 2e-6, kink_pix: float = 0.0) -> PixelToSky:
    """Pixels of 0.05 arcsec whose rows and columns are parabolas; at ``kink_pix`` > 0 they bend every 64."""

    def pixel_to_sky(x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        x, y = x_pix - N_X / 2, y_pix - N_Y / 2
        u = x + bow * y**2 + kink_pix * np.interp(y_pix % 128, [0, 64, 128], [0.0, 1.0, 0.0])
        v = y + bow * x**2 + kink_pix * np.interp(x_pix % 128, [0, 64, 128], [0.0, 1.0, 0.0])
        return tangent_sky(-u * PIXEL_RAD, v * PIXEL_RAD, centre_ra_deg=ra_deg, centre_dec_deg=dec_deg)

    return pixel_to_sky


def in_pixels(ra_deg: Floats, dec_deg: Floats, *, about: tuple[float, float]) -> Floats:
    """Sky positions in the tangent plane about a field's centre, 0.05 arcsec pixels, shape (n, 2)."""
    plane = tangent_plane(ra_deg, dec_deg, centre_ra_deg=about[0], centre_dec_deg=about[1])
    return np.stack(plane, axis=-1) / PIXEL_RAD


def edge_pixels(n_x: int, n_y: int) -> tuple[Floats, Floats]:
    """Every half pixel of the four edges."""
    along_x, along_y = np.arange(-0.5, n_x, 0.5), np.arange(-0.5, n_y, 0.5)
    x = np.concatenate([along_x, along_x, np.full(len(along_y), -0.5), np.full(len(along_y), n_x - 0.5)])
    y = np.concatenate([np.full(len(along_x), -0.5), np.full(len(along_x), n_y - 0.5), along_y, along_y])
    return x, y


def largest_deviation_pix(ring: SkyRing, mapping: PixelToSky, about: tuple[float, float]) -> float:
    polygon = LinearRing(in_pixels(*np.array(ring).T, about=about))
    edge = in_pixels(*mapping(*edge_pixels(N_X, N_Y)), about=about)
    return max(polygon.distance(Point(xy)) for xy in edge[::3])


FIELDS = [
    (180.0, 26.0),
    (0.0, 0.0),
    (0.01, -45.0),
    (359.99, 62.0),
    (77.0, 89.99),
    (200.0, 90.0),
    (10.0, -90.0),
]


@pytest.mark.parametrize("field", FIELDS)
def test_the_outline_follows_bowed_edges_to_a_tenth_of_a_pixel_anywhere_on_the_sky(
    field: tuple[float, float],
) -> None:
    mapping = bowed(*field)
    ring = outline(mapping, N_X, N_Y)

    # the lower and upper edge sag by 2e-6 * 2048^2 = 8.4 pixels: corners alone would not do
    assert largest_deviation_pix(ring, mapping, field) < 0.1
    # a side of chord c sags by c^2 / 8R: at 0.08 pixel c is 400 pixels
    assert len(ring) == 2 * (11 + 6)


def test_the_outline_follows_the_bends_of_lookup_tables() -> None:
    mapping = bowed(180.0, 26.0, bow=0.0, kink_pix=0.3)
    ring = outline(mapping, N_X, N_Y)

    assert largest_deviation_pix(ring, mapping, (180.0, 26.0)) < 0.1


def test_a_looser_tolerance_needs_fewer_vertices_and_is_used_up() -> None:
    mapping = bowed(180.0, 26.0)
    loose = outline(mapping, N_X, N_Y, tolerance_pix=2.0)

    assert len(loose) < len(outline(mapping, N_X, N_Y))
    assert 0.1 < largest_deviation_pix(loose, mapping, (180.0, 26.0)) < 2.0


def test_an_undistorted_detector_has_its_four_corners_from_pixel_0_0_along_x() -> None:
    grid = TanGrid(180.0, 26.0, 33.0, 17.0, 0.05, 64, 32)
    corners = grid.pixel_to_sky([-0.5, 63.5, 63.5, -0.5], [-0.5, -0.5, 31.5, 31.5])

    np.testing.assert_array_equal(np.array(outline(grid.pixel_to_sky, 64, 32)), np.transpose(corners))


def test_across_right_ascension_zero_the_outline_is_the_one_elsewhere_turned() -> None:
    across, elsewhere = (np.array(outline(bowed(ra, 40.0), N_X, N_Y)) for ra in (0.0, 100.0))

    assert across[:, 0].min() >= 0
    assert across[:, 0].max() < 360
    assert np.ptp(across[:, 0]) > 359
    # rounding may choose the neighbouring one of the points 4 pixels apart
    apart_deg = separation_deg(across[:, 0] + 100.0, across[:, 1], *elsewhere.T)
    assert apart_deg.max() * 3600 < 0.05 * 4.1


def test_negative_right_ascension_of_a_mapping_is_wrapped() -> None:
    def from_minus_180(x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        ra_deg, dec_deg = bowed(350.0, 10.0)(x_pix, y_pix)
        return ra_deg - 360.0, dec_deg

    np.testing.assert_allclose(
        outline(from_minus_180, N_X, N_Y), outline(bowed(350.0, 10.0), N_X, N_Y), atol=1e-9
    )


@pytest.mark.parametrize("pole_deg", [90.0, -90.0])
def test_a_pole_inside_is_inside(pole_deg: float) -> None:
    ring = np.array(outline(bowed(123.0, pole_deg), N_X, N_Y))
    from_pole_deg = 90.0 - np.abs(ring[:, 1])
    plane = np.stack([from_pole_deg * f(np.radians(ring[:, 0])) for f in (np.cos, np.sin)], axis=-1)

    assert Polygon(plane).contains(Point(0.0, 0.0))
    # half the 102.4 arcsec of the short side away, at least
    assert LinearRing(plane).distance(Point(0.0, 0.0)) == pytest.approx(51.2 / 3600, rel=0.01)


def test_one_pixel_has_an_outline() -> None:
    grid = TanGrid(10.0, 89.0, 1.0, 1.0, 0.04, 1, 1)
    ring = outline(grid.pixel_to_sky, 1, 1)

    assert len(ring) == 4
    assert ring_area_sr(ring) == pytest.approx(grid.pixel_area_sr, rel=1e-9)


def test_the_area_of_an_octant_is_an_eighth_of_the_sphere() -> None:
    assert ring_area_sr(((0.0, 0.0), (90.0, 0.0), (0.0, 90.0))) == pytest.approx(math.pi / 2, rel=1e-14)


@pytest.mark.parametrize("field", FIELDS)
def test_the_area_of_a_tangent_rectangle_is_that_of_the_closed_formula(field: tuple[float, float]) -> None:
    half_x, half_y = 0.01, 0.004
    ra_deg, dec_deg = tangent_sky(
        [-half_x, half_x, half_x, -half_x],
        [-half_y, -half_y, half_y, half_y],
        centre_ra_deg=field[0],
        centre_dec_deg=field[1],
    )
    # solid angle of a rectangular pyramid, apex in the middle
    expected_sr = 4 * math.asin(half_x * half_y / math.sqrt((1 + half_x**2) * (1 + half_y**2)))

    assert ring_area_sr(tuple(zip(ra_deg.tolist(), dec_deg.tolist(), strict=True))) == pytest.approx(
        expected_sr, rel=1e-10
    )


def test_the_area_does_not_depend_on_the_sense_or_the_first_vertex() -> None:
    ring = outline(bowed(0.0, 80.0), N_X, N_Y)
    area_sr = ring_area_sr(ring)

    assert ring_area_sr(ring[::-1]) == pytest.approx(area_sr, rel=1e-10)
    assert ring_area_sr(ring[5:] + ring[:5]) == pytest.approx(area_sr, rel=1e-10)


def flat(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    return tangent_sky(u * PIXEL_RAD, v * PIXEL_RAD, centre_ra_deg=50.0, centre_dec_deg=-20.0)


IMPOSSIBLE: dict[str, tuple[PixelToSky, str]] = {
    "nan": (lambda x, y: (np.where(x > 10, np.nan, x), y), "no finite position"),
    "infinite": (lambda x, y: (x, y + np.inf), "no finite position"),
    "line": (lambda x, y: flat(x, 0 * y + 0.3 * x), "share one position|no area"),
    "point": (lambda x, y: flat(0 * x, 0 * y), "share one position"),
    "bow tie": (lambda x, y: flat(x * (y - 400) / 1e3, y), "crosses itself"),
    "half the sky": (lambda x, y: (x / 20, y / 40), "wider than 4 degrees"),
    "whole sky": (lambda x, y: (x / 11.38, y / 11.38 - 90), "wider than 4 degrees"),
    "rough": (lambda x, y: flat(x, y + 3 * np.sin(x / 8)), "too rough"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_is_no_outline_is_refused(name: str) -> None:
    mapping, reason = IMPOSSIBLE[name]

    with pytest.raises(ValueError, match=reason):
        outline(mapping, N_X, N_Y)


@pytest.mark.parametrize(("n_x_pix", "n_y_pix"), [(0, 5), (5, 0), (-3, -3)])
def test_a_detector_without_pixels_is_refused(n_x_pix: int, n_y_pix: int) -> None:
    with pytest.raises(ValueError, match="has no outline"):
        outline(bowed(0.0, 0.0), n_x_pix, n_y_pix)


def test_vertices_lie_on_the_true_edge() -> None:
    mapping = bowed(180.0, 26.0)
    edge = mapping(*edge_pixels(N_X, N_Y))
    for ra_deg, dec_deg in outline(mapping, N_X, N_Y):
        # between two of the half-pixel samples at worst
        assert separation_deg(ra_deg, dec_deg, *edge).min() * 3600 < 0.05 * 0.26
