"""From the pixels of a chip to those of a TAN grid in closed form.

A gnomonic projection takes great circles to straight lines, so that one tangent plane goes to another by a
homography: three sums of products and two divisions, without a sine, exact at the poles and across RA 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from mvmdb.sky.distortion import ChipDistortion
from mvmdb.sky.grid import TanGrid
from mvmdb.sky.sphere import Floats

_RAD_PER_ARCSEC = float(np.radians(1 / 3600))


@dataclass(frozen=True, eq=False)
class TanToTan:
    """Exact mapping of a chip onto a grid; called, it maps 0-based positions, NaN where they face away."""

    distortion: ChipDistortion
    homography: Floats
    """``(3, 3)``: takes (u, v, 1), undistorted pixels from CRPIX, to (x w, y w, w) with 0-based pixels x, y
    of the grid; w is the cosine of the distance from its tangent point, up to a positive factor."""

    @classmethod
    def onto(cls, grid: TanGrid, distortion: ChipDistortion) -> Self:
        """Return the mapping from the pixels of a chip to those of a grid."""
        pixel_rad = grid.scale_arcsec * _RAD_PER_ARCSEC
        to_pixels = np.array(
            [[-1 / pixel_rad, 0, grid.crpix_x - 1], [0, 1 / pixel_rad, grid.crpix_y - 1], [0, 0, 1]]
        )
        to_plane = _axes(grid.crval_ra_deg, grid.crval_dec_deg)
        return cls(
            distortion, to_pixels @ to_plane @ _axes(*distortion.crval_deg).T @ _to_standard(distortion)
        )

    def __call__(self, x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        """Return the positions on the grid of 0-based positions on the chip, arrays of any equal shape."""
        u, v = self.distortion.from_crpix(
            np.asarray(x_pix, dtype=np.float64), np.asarray(y_pix, dtype=np.float64)
        )
        x_w, y_w, w = (row[0] * u + row[1] * v + row[2] for row in self.homography)
        visible = np.where(w > 0, w, np.nan)
        return x_w / visible, y_w / visible


def _axes(ra_deg: float, dec_deg: float) -> Floats:
    """Return unit vectors to the east, to the north and to a tangent point: rows of a rotation."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.array(
        [
            [-np.sin(ra), np.cos(ra), 0],
            [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)],
            [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)],
        ]
    )


def _to_standard(distortion: ChipDistortion) -> Floats:
    """Return the matrix from (u, v, 1), pixels from CRPIX, to (xi, eta, 1), radians."""
    turn = np.radians(180 - distortion.lonpole_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.eye(3)
    matrix[:2, :2] = rotation @ np.radians(distortion.cd_deg)
    return matrix
