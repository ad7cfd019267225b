"""Grids of square bins: every bin holds the same number of pixels of a finer grid on a side."""

from __future__ import annotations

from mvmdb.sky.grid import PixelBox, TanGrid


def n_bins(n_pix: int, bin_pix: int) -> int:
    """Return how many bins cover a row of pixels; the last may stick out."""
    return -(-n_pix // bin_pix)


def binned_grid(grid: TanGrid, bin_pix: int) -> TanGrid:
    """Return the grid whose bin (0, 0) covers the first ``bin_pix`` x ``bin_pix`` pixels of a grid.

    Notes
    -----
    The lower edge of the first pixel, 0.5 in FITS pixels, stays where it is.
    """
    return TanGrid(
        grid.crval_ra_deg,
        grid.crval_dec_deg,
        (grid.crpix_x - 0.5) / bin_pix + 0.5,
        (grid.crpix_y - 0.5) / bin_pix + 0.5,
        grid.scale_arcsec * bin_pix,
        n_bins(grid.n_x_pix, bin_pix),
        n_bins(grid.n_y_pix, bin_pix),
    )


def whole_bins(box: PixelBox, bin_pix: int, limit: PixelBox) -> PixelBox:
    """Return the smallest box of whole bins, counted from pixel 0, around a box; cut at a limit."""
    return PixelBox(
        box.x0 // bin_pix * bin_pix,
        box.y0 // bin_pix * bin_pix,
        n_bins(box.x1, bin_pix) * bin_pix,
        n_bins(box.y1, bin_pix) * bin_pix,
    ).intersection(limit)
