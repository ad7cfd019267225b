"""Outlines of masks, against counts of pixels and other implementations."""

import numpy as np
import pytest
import shapely
from astropy.wcs import WCS
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mvmdb.names import SkycellName
from mvmdb.sky.footprint import ring_area_sr
from mvmdb.sky.grid import PixelBox, TanGrid, skycell_grid
from mvmdb.sky.outline import (
    MOST_VERTICES,
    MOST_VERTICES_OF_ONE,
    boundary_loops,
    closed,
    island_polygons,
    pixel_outline,
    s_region,
    sky_outline,
)
from mvmdb.sky.region import parse_region

Mask = NDArray[np.bool_]


def drawn(shape: tuple[int, int], *shapes: tuple[list[tuple[float, float]], int]) -> Mask:
    """Return a mask on which polygons were filled (1) or cut out (0), by another library."""
    picture = Image.new("1", shape[::-1])
    for corners, fill in shapes:
        ImageDraw.Draw(picture).polygon(corners, fill=fill)
    return np.array(picture)


def two_islands_with_holes() -> Mask:
    return drawn(
        (600, 800),
        ([(50, 90), (420, 30), (470, 350), (100, 420)], 1),
        ([(200, 150), (300, 140), (310, 250), (210, 260)], 0),
        ([(240, 180), (270, 180), (270, 210), (240, 210)], 1),  # an island in the hole
        ([(120, 300), (180, 300), (180, 340), (120, 340)], 0),
        ([(550, 400), (750, 380), (760, 560), (560, 590)], 1),
    )


@pytest.mark.parametrize("seed", range(60))
def test_boundaries_of_random_pixels_enclose_exactly_those(seed: int) -> None:
    """Half of all pixels set: every way in which pixels touch occurs."""
    random = np.random.default_rng(seed)
    mask = random.random(random.integers(1, 12, 2)) < 0.5
    polygons = island_polygons(list(boundary_loops(mask)))
    assert shapely.union_all(polygons).area == mask.sum() == sum(polygon.area for polygon in polygons)
    y, x = np.nonzero(mask)
    assert shapely.contains_xy(shapely.union_all(polygons), x, y).all()


def test_boundaries_cross_the_strips_in_which_they_are_found() -> None:
    mask = np.zeros((1500, 40), dtype=bool)
    mask[3:1490, 5:30] = True
    mask[500:530, 10:20] = False
    (outer, hole) = boundary_loops(mask)
    assert sorted(map(tuple, outer.corners)) == [(5, 3), (5, 1490), (30, 3), (30, 1490)]
    assert sorted(map(tuple, hole.corners)) == [(10, 500), (10, 530), (20, 500), (20, 530)]


def test_closing_fills_pin_holes_and_hairlines_and_nothing_else() -> None:
    mask = np.zeros((1200, 60), dtype=bool)
    mask[10:1100, 5:50] = True
    expected = mask.copy()
    mask[510:514, :] = False  # a gap of four rows, where two strips join
    mask[700, 20] = False
    mask[0, 0] = mask[1199, 59] = True
    expected[0, 0] = expected[1199, 59] = True
    expected[300:305, 20:25] = mask[300:305, 20:25] = False  # five pixels wide: it stays
    assert (closed(mask, np.s_[0:1200, 0:60], 2) == expected).all()
    assert (closed(mask, np.s_[505:520, 3:40], 2) == expected[505:520, 3:40]).all()


def test_area_is_that_of_the_mask_with_islands_and_holes() -> None:
    mask = two_islands_with_holes()
    polygons = pixel_outline(mask)
    assert not any(polygon.interiors for polygon in polygons)
    assert sum(polygon.area for polygon in polygons) == pytest.approx(mask.sum(), rel=0.01)
    assert shapely.union_all(polygons).area == pytest.approx(sum(p.area for p in polygons), rel=1e-9)
    far = shapely.hausdorff_distance(
        shapely.union_all(polygons).boundary,
        shapely.union_all(island_polygons(list(boundary_loops(mask)))).boundary,
        densify=0.01,
    )
    assert far <= 2.0  # pixels


def test_pixels_are_inside_or_outside_as_in_the_mask() -> None:
    mask = two_islands_with_holes()
    y, x = np.indices(mask.shape)
    inside = shapely.contains_xy(shapely.union_all(pixel_outline(mask)), x.ravel(), y.ravel())
    wrong = inside.reshape(mask.shape) != mask
    assert wrong.sum() < 0.005 * mask.sum()
    edge = np.zeros_like(mask)
    for shift in (-2, 2):
        for axis in (0, 1):
            edge |= np.roll(mask, shift, axis) != mask
    assert not (wrong & ~edge).any()


@pytest.mark.parametrize("skycell", ["p1889x07y19", "p0000x11y11", "p1848x11y11"])
@pytest.mark.parametrize("place", [0, 20000])
def test_region_is_read_back_with_the_area_on_the_sky(skycell: str, place: int) -> None:
    """The area of the mask, from the solid angles of its pixels: three cells, at the pole and at RA 0 too."""
    mask = two_islands_with_holes()
    grid = skycell_grid(SkycellName.parse(skycell)).subarray(PixelBox(place, place, place + 800, place + 600))
    rings = parse_region(s_region(sky_outline(mask, grid)))
    assert sum(map(ring_area_sr, rings)) == pytest.approx(solid_angle_sr(mask, grid), rel=0.01)


def solid_angle_sr(mask: Mask, grid: TanGrid) -> float:
    y, x = np.nonzero(mask)
    step_rad = np.radians(grid.scale_arcsec / 3600)
    xi, eta = (grid.crpix_x - 1 - x) * step_rad, (grid.crpix_y - 1 - y) * step_rad
    return float(np.sum(step_rad**2 / (1 + xi**2 + eta**2) ** 1.5))


def test_vertices_are_where_astropy_puts_them() -> None:
    grid = skycell_grid(SkycellName(1889, 7, 19)).subarray(PixelBox(100, 200, 400, 500))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[20:200, 30:250] = True
    (ring,) = parse_region(s_region(sky_outline(mask, grid)))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [grid.crval_ra_deg, grid.crval_dec_deg]
    wcs.wcs.crpix = [grid.crpix_x, grid.crpix_y]
    wcs.wcs.cd = np.diag([-grid.cd_deg, grid.cd_deg])
    corners = np.array([[29.5, 19.5], [249.5, 19.5], [249.5, 199.5], [29.5, 199.5]])
    expected = wcs.all_pix2world(corners, 0)
    assert sorted(ring) == pytest.approx(np.array(sorted(map(tuple, expected))), abs=1e-8)


def test_specks_and_nothing() -> None:
    mask = np.zeros((50, 60), dtype=bool)
    assert pixel_outline(mask) == []
    mask[5:14, 5:14] = True  # 81 pixels
    assert pixel_outline(mask) == []
    assert s_region(sky_outline(mask, skycell_grid(SkycellName(1889, 7, 19)))) == ""
    mask[5:16, 5:16] = True
    assert [polygon.area for polygon in pixel_outline(mask)] == [121]


def test_many_turned_chips_with_bad_pixels_have_a_short_outline() -> None:
    random = np.random.default_rng(4)
    chips = []
    for x, y, angle in zip(*random.uniform(500, 2000, (2, 40)), random.uniform(0, 6.3, 40), strict=True):
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        offsets = [(-300, -130), (300, -130), (300, 130), (-300, 130)]
        chips.append(([tuple((x, y) + u * along + v * across) for u, v in offsets], 1))
    whole = drawn((2500, 2600), *chips)
    mask = whole & (random.random(whole.shape, dtype=np.float32) > 0.02)
    polygons = pixel_outline(mask)
    assert sum(polygon.area for polygon in polygons) == pytest.approx(whole.sum(), rel=0.01)
    vertices = [len(polygon.exterior.coords) - 1 for polygon in polygons]
    assert sum(vertices) <= MOST_VERTICES
    assert max(vertices) <= MOST_VERTICES_OF_ONE


def test_a_ragged_mask_has_no_more_vertices_than_allowed() -> None:
    random = np.random.default_rng(7)
    blocks = np.kron(random.random((60, 60)) < 0.5, np.ones((12, 12), dtype=bool))
    polygons = pixel_outline(blocks)
    assert sum(len(polygon.exterior.coords) - 1 for polygon in polygons) <= MOST_VERTICES
