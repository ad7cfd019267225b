"""Which overlaps count: real ones, however small, and none that rounding makes of aligned frames."""

from __future__ import annotations

from math import cos, sin, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mvmdb.mosaic import compiled
from mvmdb.mosaic.compiled import Target, drizzle_onto, instruction_sets
from mvmdb.mosaic.inputs import Part
from mvmdb.sky.distortion import ChipDistortion
from mvmdb.sky.grid import PixelBox, TanGrid
from mvmdb.sky.tan_mapping import TanToTan

pytestmark = pytest.mark.skipif(not compiled.is_available(), reason="installed without a C++ compiler")

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
FAR_PIX = 17_000


def weights_on(box: PixelBox, weight: Float32s, mapping: Any, **options: Any) -> Float32s:
    """Return what some pixels give to a box of the output."""
    science, total = (np.zeros(box.shape, dtype=np.float32) for _ in range(2))
    target = Target(box, science, total, np.zeros(box.shape, dtype=np.int32), None, 0)
    drizzle_onto(target, Part(np.ones_like(weight), weight, None), mapping, origin=(0, 0), **options)
    return total


def turned_pixel(share: float, side: float, angle_rad: float, far_pix: float) -> Floats:
    """Return where one pixel and its ring fall: so much of it lies above the upper edge of row ``far_pix``.

    What lies there is a right-angled triangle: of height h over its hypotenuse, and h (tan + cot) wide.
    """
    height = side * sqrt(2 * share / (np.tan(angle_rad) + 1 / np.tan(angle_rad)))
    along, across = side * cos(angle_rad), side * sin(angle_rad)
    top = far_pix + 0.5 + height
    centre = np.array([far_pix + 0.5 + (across - along) / 2, top - (along + across) / 2])
    j, i = np.mgrid[-1:2, -1:2]
    return np.stack([centre[0] + along * i - across * j, centre[1] + across * i + along * j], axis=-1)


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("side", [0.6, 1.25, 3.2])
@pytest.mark.parametrize("share", [1e-9, 1e-11, 1e-12])
def test_a_real_overlap_counts_however_small(share: float, side: float, name: str) -> None:
    box = PixelBox(FAR_PIX - 9, FAR_PIX - 9, FAR_PIX + 9, FAR_PIX + 9)
    options = {"kernel": "square", "pixfrac": 1.0, "area_ratio": side**-2, "instructions": name}
    weight = np.ones((1, 1), dtype=np.float32)
    total = weights_on(box, weight, turned_pixel(share, side, 0.5, FAR_PIX), **options)

    above = total[box.shape[0] // 2 + 1 :]
    # positions so far out are known to 4e-12 pixel, the height of the smallest triangle is some 1e-6
    assert above.sum(dtype=float) == pytest.approx(share, rel=1e-3)
    assert total.sum(dtype=float) == pytest.approx(1, rel=1e-6)


ALIGNED = [(1, 0), (0, 1), (-1, 0), (0, -1)]


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("kernel", ["square", "turbo"])
@pytest.mark.parametrize(("cosine", "sine"), ALIGNED)
@pytest.mark.parametrize("side", [1, 3])
def test_aligned_positions_that_are_rounded_reach_their_own_pixels_only(
    side: int, cosine: int, sine: int, kernel: str, name: str
) -> None:
    random, shape = np.random.default_rng(side), (40, 50)
    weight = (random.random(shape) < 0.2).astype(np.float32)
    j, i = np.mgrid[-1 : shape[0] + 1, -1 : shape[1] + 1]
    aligned = np.stack([side * (cosine * i - sine * j), side * (sine * i + cosine * j)], axis=-1) + FAR_PIX
    rounded = aligned + random.uniform(-2e-9, 2e-9, aligned.shape)
    reach = 200
    box = PixelBox(FAR_PIX - reach, FAR_PIX - reach, FAR_PIX + reach, FAR_PIX + reach)

    expected = np.zeros(box.shape, dtype=bool)
    for y, x in np.argwhere(weight > 0):
        column, row = aligned[y + 1, x + 1] - FAR_PIX + reach - side // 2
        expected[row : row + side, column : column + side] = True
    options = {"kernel": kernel, "pixfrac": 1.0, "area_ratio": side**-2, "instructions": name}
    total = weights_on(box, weight, rounded, **options)
    np.testing.assert_array_equal(total > 0, expected)
    np.testing.assert_allclose(total[expected], side**-2, rtol=1e-6)


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(0.0, 0.0), (189.3, 62.2), (301.7, -88.1)])
@pytest.mark.parametrize(("n_per_side", "kernel"), [(1, "square"), (1, "turbo"), (3, "square")])
def test_a_frame_on_the_grid_itself_reaches_its_own_pixels_only(
    ra_deg: float, dec_deg: float, n_per_side: int, kernel: str
) -> None:
    """Through the closed form: pixels of the grid, or of 3 x 3 of it, far from the tangent point."""
    shape, first = (150, 300), (12_000, 16_500)
    grid = TanGrid(ra_deg, dec_deg, -30_010.0, 41_003.0, 0.04, 22_000, 22_000)
    cd_deg = grid.cd_deg * n_per_side
    # the centre of the first pixel of the frame is that of n x n pixels of the grid, from `first` on
    middle = [first[axis] + (n_per_side - 1) / 2 + 1 for axis in range(2)]
    crpix = tuple(
        (at - near) / n_per_side + 1 for at, near in zip((grid.crpix_x, grid.crpix_y), middle, strict=True)
    )
    frame = ChipDistortion((crpix[0], crpix[1]), (ra_deg, dec_deg), np.diag([-cd_deg, cd_deg]), 180.0)
    weight = (np.random.default_rng(3).random(shape) < 0.3).astype(np.float32)
    box = PixelBox(first[0] - 3, first[1] - 3, first[0] + 3 + 900, first[1] + 3 + 450)

    options = {"kernel": kernel, "pixfrac": 1.0, "area_ratio": n_per_side**-2}
    total = weights_on(box, weight, TanToTan.onto(grid, frame), **options)
    own = np.kron(weight, np.ones((n_per_side, n_per_side)))
    expected = np.zeros(box.shape)
    expected[3 : 3 + own.shape[0], 3 : 3 + own.shape[1]] = own / n_per_side**2
    np.testing.assert_array_equal(total > 0, expected > 0)
    np.testing.assert_allclose(total, expected, rtol=1e-6)
