"""Pixel grids on tangent planes: projection cell, skycell, subarray; pixel boxes on them.

Pixels are 0-based with their centre at the integer; pixel ``i`` covers ``[i - 0.5, i + 0.5)``.
FITS' 1-based convention appears only in ``crpix``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from mvmdb.errors import EmptyLayerError
from mvmdb.names import Scale, SkycellName
from mvmdb.sky import tessellation
from mvmdb.sky.sphere import Floats, tangent_plane, tangent_sky

_RAD_PER_ARCSEC = float(np.radians(1 / 3600))


@dataclass(frozen=True)
class PixelBox:
    """A half-open box of pixels: columns ``x0 <= x < x1``, rows ``y0 <= y < y1``."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Number of columns; 0 or less when empty."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Number of rows; 0 or less when empty."""
        return self.y1 - self.y0

    @property
    def shape(self) -> tuple[int, int]:
        """Array shape ``(ny, nx)``."""
        return self.height, self.width

    @property
    def n_pixels(self) -> int:
        """Number of pixels, at least 0."""
        return max(self.width, 0) * max(self.height, 0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array ``(ny, nx)``."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def shifted(self, dx: int, dy: int) -> PixelBox:
        """Return the box moved by whole pixels."""
        return PixelBox(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def grown(self, margin: int) -> PixelBox:
        """Return the box widened by ``margin`` pixels on every side."""
        return PixelBox(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)

    def intersection(self, other: PixelBox) -> PixelBox:
        """Return the common box; ``n_pixels`` is 0 when there is none."""
        return PixelBox(
            max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1)
        )

    @classmethod
    def around(cls, boxes: Iterable[PixelBox]) -> Self:
        """Return the smallest box that holds every box.

        Raises
        ------
        EmptyLayerError
            There is no box.
        """
        every = list(boxes)
        if not every:
            raise EmptyLayerError("no pixel box to enclose")
        return cls(
            min(box.x0 for box in every),
            min(box.y0 for box in every),
            max(box.x1 for box in every),
            max(box.y1 for box in every),
        )


@dataclass(frozen=True)
class TanGrid:
    """A north-up TAN pixel grid: what CRVAL, CRPIX, CD and NAXIS say in a FITS header."""

    crval_ra_deg: float
    crval_dec_deg: float
    crpix_x: float
    crpix_y: float
    scale_arcsec: float
    n_x_pix: int
    n_y_pix: int

    @property
    def shape(self) -> tuple[int, int]:
        """Array shape ``(ny, nx)``."""
        return self.n_y_pix, self.n_x_pix

    @property
    def box(self) -> PixelBox:
        """The whole grid as a pixel box."""
        return PixelBox(0, 0, self.n_x_pix, self.n_y_pix)

    @property
    def cd_deg(self) -> float:
        """Degrees per pixel: CD is ``diag(-cd, +cd)``."""
        return self.scale_arcsec / 3600

    @property
    def pixel_area_sr(self) -> float:
        """Area of a pixel at the tangent point, steradians."""
        return (self.scale_arcsec * _RAD_PER_ARCSEC) ** 2

    def sky_to_pixel(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Return 0-based pixel positions; NaN beyond 90 degrees from the tangent point."""
        xi_rad, eta_rad = tangent_plane(
            ra_deg, dec_deg, centre_ra_deg=self.crval_ra_deg, centre_dec_deg=self.crval_dec_deg
        )
        pixel_rad = self.scale_arcsec * _RAD_PER_ARCSEC
        return self.crpix_x - 1 - xi_rad / pixel_rad, self.crpix_y - 1 + eta_rad / pixel_rad

    def pixel_to_sky(self, x_pix: ArrayLike, y_pix: ArrayLike) -> tuple[Floats, Floats]:
        """Return ICRS right ascension in [0, 360) and declination, degrees."""
        pixel_rad = self.scale_arcsec * _RAD_PER_ARCSEC
        return tangent_sky(
            (self.crpix_x - 1 - np.asarray(x_pix, dtype=float)) * pixel_rad,
            (np.asarray(y_pix, dtype=float) - self.crpix_y + 1) * pixel_rad,
            centre_ra_deg=self.crval_ra_deg,
            centre_dec_deg=self.crval_dec_deg,
        )

    def sky_area_ratio(self, x_pix: float, y_pix: float) -> float:
        """Return the true area of a pixel over :attr:`pixel_area_sr`: 1 at the tangent point, else less.

        Notes
        -----
        The tangent plane stretches areas by 1 / cos^3 of the distance to the tangent point.
        """
        pixel_rad = self.scale_arcsec * _RAD_PER_ARCSEC
        xi_rad, eta_rad = (self.crpix_x - 1 - x_pix) * pixel_rad, (y_pix - self.crpix_y + 1) * pixel_rad
        return float((1 + xi_rad**2 + eta_rad**2) ** -1.5)

    def subarray(self, box: PixelBox) -> TanGrid:
        """Return the grid of a box of this grid: the same sky at every pixel, another origin."""
        return TanGrid(
            self.crval_ra_deg,
            self.crval_dec_deg,
            self.crpix_x - box.x0,
            self.crpix_y - box.y0,
            self.scale_arcsec,
            box.width,
            box.height,
        )


def projection_cell_grid(number: int) -> TanGrid:
    """Return the fine grid of a whole projection cell (450287 pixels on a side)."""
    cell = tessellation.projection_cell(number)
    return TanGrid(
        cell.ra_deg,
        cell.dec_deg,
        tessellation.PROJECTION_CELL_CRPIX,
        tessellation.PROJECTION_CELL_CRPIX,
        tessellation.FINE_SCALE_ARCSEC,
        tessellation.PROJECTION_CELL_PIX,
        tessellation.PROJECTION_CELL_PIX,
    )


def skycell_box(skycell: SkycellName) -> PixelBox:
    """Return the skycell as a box of fine pixels of its projection cell (x or y = 21 reach beyond it)."""
    x0 = (skycell.x - 1) * tessellation.SKYCELL_STEP_PIX
    y0 = (skycell.y - 1) * tessellation.SKYCELL_STEP_PIX
    return PixelBox(x0, y0, x0 + tessellation.SKYCELL_PIX, y0 + tessellation.SKYCELL_PIX)


def skycell_grid(skycell: SkycellName, scale: Scale = "fine") -> TanGrid:
    """Return the full grid of a skycell: 21954 fine or 7318 coarse pixels on a side.

    Notes
    -----
    The coarse grid is the reference pipeline's: CRPIX is divided by three without the half-pixel
    term, so 0-based coarse pixel c is centred on fine pixel 3c + 2 and fine pixel 0 has no partner.
    """
    fine = projection_cell_grid(skycell.projection_cell).subarray(skycell_box(skycell))
    if scale == "fine":
        return fine
    factor = tessellation.COARSE_FACTOR
    return TanGrid(
        fine.crval_ra_deg,
        fine.crval_dec_deg,
        fine.crpix_x / factor,
        fine.crpix_y / factor,
        tessellation.COARSE_SCALE_ARCSEC,
        fine.n_x_pix // factor,
        fine.n_y_pix // factor,
    )


def box_at_scale(fine_box: PixelBox, scale: Scale) -> PixelBox:
    """Return the smallest box of a skycell's grid at ``scale`` that holds a box of its fine grid."""
    if scale == "fine":
        return fine_box
    factor = tessellation.COARSE_FACTOR
    last = tessellation.SKYCELL_PIX // factor
    return PixelBox(
        max((fine_box.x0 - 1) // factor, 0),
        max((fine_box.y0 - 1) // factor, 0),
        min(-((1 - fine_box.x1) // factor), last),
        min(-((1 - fine_box.y1) // factor), last),
    )
