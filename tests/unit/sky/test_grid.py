"""Skycell grids against astropy.wcs, the document's example and exact pixel arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from astropy.wcs import WCS

from mvmdb.errors import EmptyLayerError
from mvmdb.names import SkycellName
from mvmdb.sky.grid import PixelBox, TanGrid, box_at_scale, projection_cell_grid, skycell_box, skycell_grid
from tests.support.vectors import angle_deg, cell_centres, unit_vectors

EXAMPLE = SkycellName(1889, 7, 19)


def fits_wcs(grid: TanGrid) -> WCS:
    """Return what astropy makes of the same keywords."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [grid.crval_ra_deg, grid.crval_dec_deg]
    wcs.wcs.crpix = [grid.crpix_x, grid.crpix_y]
    wcs.wcs.cd = np.diag([-grid.scale_arcsec, grid.scale_arcsec]) / 3600
    wcs.array_shape = grid.shape
    wcs.wcs.set()
    return wcs


@pytest.mark.parametrize(
    ("name", "crval", "fine", "coarse"),
    [
        ("p1889x07y19", (180, 26), (96492, -160812), (32164.0, -53604.0)),
        ("p0081x14y15", (87.2727272727, -70), (-53602, -75044), (-17867.333, -25014.667)),
        ("p2643x06y10", (0, 89.999999999997), (117934, 32166), (39311.333, 10722.0)),
        ("p0000x11y11", (0, -89.999999999997), (10724, 10724), (3574.667, 3574.667)),
        ("p1970x15y03", (182.2784810127, 30), (-75044, 182260), (-25014.667, 60753.333)),
        ("p0498x16y19", (55, -38), (-96486, -160812), (-32162.0, -53604.0)),
        ("p0121x12y16", (138.4615384615, -66), (-10718, -96486), (-3572.667, -32162.0)),
    ],
)
def test_worked_examples(
    name: str, crval: tuple[float, float], fine: tuple[int, int], coarse: tuple[float, float]
) -> None:
    grid = skycell_grid(SkycellName.parse(name))
    assert (grid.crval_ra_deg, grid.crval_dec_deg) == pytest.approx(crval, abs=1e-10)
    assert (grid.crpix_x, grid.crpix_y, grid.n_x_pix, grid.n_y_pix) == (*fine, 21954, 21954)
    assert grid.scale_arcsec == 0.04
    coarse_grid = skycell_grid(SkycellName.parse(name), "coarse")
    assert (coarse_grid.crpix_x, coarse_grid.crpix_y) == pytest.approx(coarse, abs=1e-3)
    assert coarse_grid.shape == (7318, 7318)
    assert coarse_grid.scale_arcsec == 0.12


def test_corners_of_the_example() -> None:
    grid = skycell_grid(EXAMPLE)
    ra_deg, dec_deg = grid.pixel_to_sky([0, 0, 21953, 21953], [0, 21953, 21953, 0])
    np.testing.assert_allclose(ra_deg, [181.211089, 181.213647, 180.937582, 180.935606], rtol=0, atol=6e-7)
    np.testing.assert_allclose(dec_deg, [27.780953, 28.024552, 28.026701, 27.783082], rtol=0, atol=6e-7)


def test_subarray_of_the_document() -> None:
    box = PixelBox(2132, 10281, 2132 + 10840, 10281 + 11672)
    grid = skycell_grid(EXAMPLE).subarray(box)
    assert (grid.crpix_x, grid.crpix_y) == (94360.0, -171093.0)
    assert (grid.n_x_pix, grid.n_y_pix) == (10840, 11672)
    assert grid.cd_deg == pytest.approx(1.1111111111111e-05, rel=1e-13)


def test_agrees_with_astropy_on_every_ring() -> None:
    """Pixel positions within 1e-7 pixel, over cells of all rings, seams at RA 0 and both poles included."""
    random = np.random.default_rng(3)
    ra_deg, _ = cell_centres()
    first_and_last = np.flatnonzero((ra_deg == 0) | (np.roll(ra_deg, -1) == 0))
    cells = np.unique(np.concatenate([first_and_last, random.integers(0, 2644, 100)]))
    for cell in cells.tolist():
        skycell = SkycellName(cell, *random.integers(1, 22, 2).tolist())
        for grid in (skycell_grid(skycell), skycell_grid(skycell, "coarse")):
            x_pix, y_pix = random.uniform(-0.5, grid.n_x_pix - 0.5, (2, 20))
            wcs = fits_wcs(grid)
            sky = wcs.wcs_pix2world(x_pix, y_pix, 0)
            np.testing.assert_allclose(grid.sky_to_pixel(*sky), [x_pix, y_pix], rtol=0, atol=1e-7)
            ours = grid.pixel_to_sky(x_pix, y_pix)
            apart_arcsec = 3600 * angle_deg(unit_vectors(*ours), unit_vectors(*sky))
            assert apart_arcsec.max() < 1e-7 * grid.scale_arcsec
            np.testing.assert_allclose(grid.sky_to_pixel(*ours), [x_pix, y_pix], rtol=0, atol=1e-7)


def test_behind_the_plane_is_no_pixel() -> None:
    assert np.isnan(projection_cell_grid(1889).sky_to_pixel(0.0, -26.0)).all()


def test_same_sky_in_layer_skycell_and_projection_cell() -> None:
    box = PixelBox(2132, 10281, 12972, 21953)
    x_pix, y_pix = np.array([0.0, 5000.25]), np.array([0.0, 11671.5])
    of_layer = skycell_grid(EXAMPLE).subarray(box).pixel_to_sky(x_pix, y_pix)
    of_skycell = skycell_grid(EXAMPLE).pixel_to_sky(x_pix + 2132, y_pix + 10281)
    of_cell = projection_cell_grid(1889).pixel_to_sky(x_pix + 2132 + 6 * 21442, y_pix + 10281 + 18 * 21442)
    np.testing.assert_allclose(of_layer, of_skycell, rtol=0, atol=1e-12)
    np.testing.assert_allclose(of_layer, of_cell, rtol=0, atol=1e-12)


def test_coarse_pixel_lies_on_a_fine_one() -> None:
    """Coarse pixel c is centred on fine pixel 3c + 2 (mvm_facts 1.5, 0-based)."""
    coarse = np.array([0.0, 1.0, 7317.0])
    x_pix, y_pix = skycell_grid(EXAMPLE).sky_to_pixel(
        *skycell_grid(EXAMPLE, "coarse").pixel_to_sky(coarse, coarse)
    )
    np.testing.assert_allclose(x_pix, [2, 5, 21953], rtol=0, atol=1e-6)
    np.testing.assert_allclose(y_pix, [2, 5, 21953], rtol=0, atol=1e-6)


def test_neighbours_overlap_by_512_pixels() -> None:
    here, right, above = (skycell_box(SkycellName(9, x, y)) for x, y in ((4, 5), (5, 5), (4, 6)))
    assert here.intersection(right).shape == (21954, 512)
    assert here.intersection(above).shape == (512, 21954)
    last = skycell_box(SkycellName(9, 21, 21))
    assert (last.x1, last.y1) == (450794, 450794)


@pytest.mark.parametrize("fine", list(itertools.pairwise([0, 1, 2, 3, 4, 5, 21951, 21952, 21953, 21954])))
def test_coarse_box_holds_every_fine_pixel_that_it_can(fine: tuple[int, int]) -> None:
    """Pixel c of the coarse grid covers the fine pixels 3c + 1 to 3c + 3: counted one by one."""
    x0, x1 = fine
    partners = [c for c in range(7318) if any(x0 <= 3 * c + k < x1 for k in (1, 2, 3))]
    box = box_at_scale(PixelBox(x0, x0, x1, x1), "coarse")
    if partners:
        assert (box.x0, box.x1) == (box.y0, box.y1) == (partners[0], partners[-1] + 1)
    else:
        assert box.n_pixels == 0


def test_fine_box_stays() -> None:
    assert box_at_scale(PixelBox(1, 2, 30, 40), "fine") == PixelBox(1, 2, 30, 40)


def test_boxes() -> None:
    box = PixelBox(2, 10, 5, 14)
    assert (box.width, box.height, box.shape, box.n_pixels) == (3, 4, (4, 3), 12)
    assert np.ones((20, 20))[box.slices].shape == box.shape
    assert box.shifted(-2, 1) == PixelBox(0, 11, 3, 15)
    assert box.grown(2) == PixelBox(0, 8, 7, 16)
    assert box.intersection(PixelBox(4, 0, 9, 12)) == PixelBox(4, 10, 5, 12)
    assert box.intersection(PixelBox(5, 10, 9, 14)).n_pixels == 0
    assert PixelBox.around([box, PixelBox(0, 12, 3, 20)]) == PixelBox(0, 10, 5, 20)
    with pytest.raises(EmptyLayerError, match="no pixel box"):
        PixelBox.around([])


def test_pixel_area_of_the_sphere() -> None:
    """The sky has 4 pi steradians: 4 pi (180 x 3600 / pi)^2 square arcsec."""
    whole_sky_arcsec2 = 4 * np.pi * (180 * 3600 / np.pi) ** 2
    n_pixels = 4 * np.pi / projection_cell_grid(0).pixel_area_sr
    assert n_pixels * 0.04**2 == pytest.approx(whole_sky_arcsec2, rel=1e-12)


@pytest.mark.parametrize("name", ["p1889x07y19", "p1889x21y21", "p0000x11y11"])
def test_true_area_of_a_pixel_is_the_solid_angle_of_its_corners(name: str) -> None:
    """The area of a spherical quadrilateral from its corners, against the closed form."""
    grid = skycell_grid(SkycellName.parse(name), "coarse")
    x, y = 7000.0, 250.0
    corners = unit_vectors(
        *grid.pixel_to_sky(x + 50 * np.array([-1, 1, 1, -1]), y + 50 * np.array([-1, -1, 1, 1]))
    )
    first, second = corners[2] - corners[0], corners[3] - corners[1]
    area_sr = 0.5 * np.linalg.norm(np.cross(first, second))  # 100 x 100 pixels, flat to 1e-9
    assert grid.sky_area_ratio(x, y) == pytest.approx(area_sr / (1e4 * grid.pixel_area_sr), rel=1e-6)
