"""Binned grids: the same sky, and whole bins."""

from __future__ import annotations

import numpy as np
import pytest

from mvmdb.names import SkycellName
from mvmdb.sky.binning import binned_grid, n_bins, whole_bins
from mvmdb.sky.grid import PixelBox, skycell_grid
from tests.support.vectors import angle_deg, sky_of_skycell_pixels, unit_vectors


@pytest.mark.parametrize("skycell", ["p1889x07y19", "p0000x11y11", "p2643x01y21", "p1848x21y01"])
@pytest.mark.parametrize("bin_pix", [1, 3, 25, 64])
def test_bin_centres_lie_where_their_pixels_do(skycell: str, bin_pix: int) -> None:
    """The middle of a bin is the middle of its pixels, on the sky, for a part of a skycell."""
    box = PixelBox(50 * bin_pix, 20 * bin_pix, 21954, 21954)
    grid = binned_grid(skycell_grid(SkycellName.parse(skycell)).subarray(box), bin_pix)
    x_bin, y_bin = np.array([0, 5, grid.n_x_pix - 1]), np.array([0, 17, grid.n_y_pix - 1])
    middle = (bin_pix - 1) / 2
    expected = sky_of_skycell_pixels(
        skycell, box.x0 + x_bin * bin_pix + middle, box.y0 + y_bin * bin_pix + middle
    )
    found = grid.pixel_to_sky(x_bin, y_bin)
    assert np.all(angle_deg(unit_vectors(*found), unit_vectors(*expected)) * 3600 < 1e-6)
    assert grid.scale_arcsec == pytest.approx(0.04 * bin_pix)


@pytest.mark.parametrize(
    ("n_pix", "bin_pix", "expected"), [(21954, 25, 879), (21954, 1, 21954), (75, 25, 3), (76, 25, 4)]
)
def test_bins_cover_the_row(n_pix: int, bin_pix: int, expected: int) -> None:
    assert n_bins(n_pix, bin_pix) == expected


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (PixelBox(0, 25, 25, 50), PixelBox(0, 25, 25, 50)),
        (PixelBox(24, 26, 26, 27), PixelBox(0, 25, 50, 50)),
        (PixelBox(21953, 100, 21954, 101), PixelBox(21950, 100, 21954, 125)),
    ],
)
def test_whole_bins(box: PixelBox, expected: PixelBox) -> None:
    assert whole_bins(box, 25, PixelBox(0, 0, 21954, 21954)) == expected
