"""The tessellation once more, from published numbers and unit vectors: the second opinion of the tests.

Nothing here imports the code under test. Sources: the ring table and the formulas of the reference
pipeline (DrizzlePac 3.11, ``allsky_cells.fits``): 0.04 arcsec pixels, projection cells with CRPIX
225144, skycells of 21954 pixels every 21442.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Projection cells per ring, from the south pole to the ring at -2 degrees; the north mirrors the south.
SOUTHERN_RINGS = (1, 9, 15, 21, 27, 33, 39, 45, 50, 55, 60, 64, 68, 72, 76, 79, 82, 84, 86, 88, 89, 89, 90)
RINGS = SOUTHERN_RINGS + SOUTHERN_RINGS[::-1]
POLE_DEC_DEG = 89.999999999997

PIXEL_RAD = np.radians(0.04 / 3600)
CELL_ORIGIN_PIX = 225143.0
"""CRPIX of a projection cell, 0-based."""
SKYCELL_STEP_PIX = 21442
SKYCELL_PIX = 21954
CELL_RADIUS_DEG = 3.6
"""Nothing of the 21 x 21 skycells lies farther from their tangent point."""


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
    """Return Cartesian unit vectors, shape ``(..., 3)``."""
    ra, dec = np.radians(np.asarray(ra_deg, float)), np.radians(np.asarray(dec_deg, float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def sky_of(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension in [0, 360) and declination of vectors of any length, degrees."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    ra_deg = np.degrees(np.arctan2(y, x)) % 360.0
    return np.where(ra_deg == 360.0, 0.0, ra_deg), np.degrees(np.arctan2(z, np.hypot(x, y)))


def angle_deg(a: Floats, b: Floats) -> Floats:
    """Return the angle between unit vectors from the length of their chord: exact for small angles."""
    angles: Floats = 2 * np.degrees(np.arcsin(np.linalg.norm(a - b, axis=-1) / 2))
    return angles


@dataclass(frozen=True)
class TangentPlane:
    """A gnomonic plane, or an array of them: the tangent points and the east and north of each."""

    centre: Floats
    east: Floats
    north: Floats

    @classmethod
    def at(cls, ra_deg: ArrayLike, dec_deg: ArrayLike) -> TangentPlane:
        """Return the north-up plane that touches the sky at a position."""
        ra, dec = np.radians(np.asarray(ra_deg, float)), np.radians(np.asarray(dec_deg, float))
        east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
        north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
        return cls(unit_vectors(ra_deg, dec_deg), east, north)

    def project(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return standard coordinates, east and north, radians."""
        along = np.sum(vectors * self.centre, axis=-1)
        return np.sum(vectors * self.east, axis=-1) / along, np.sum(vectors * self.north, axis=-1) / along

    def deproject(self, xi_rad: ArrayLike, eta_rad: ArrayLike) -> tuple[Floats, Floats]:
        """Return the sky position of standard coordinates, degrees."""
        xi, eta = np.asarray(xi_rad, float)[..., None], np.asarray(eta_rad, float)[..., None]
        return sky_of(self.centre + xi * self.east + eta * self.north)


def cell_centres() -> tuple[Floats, Floats]:
    """Return right ascension and declination of the 2,644 tangent points, by number, degrees."""
    dec_deg = np.clip(-90.0 + 4.0 * np.arange(len(RINGS)), -POLE_DEC_DEG, POLE_DEC_DEG)
    ra_deg = np.concatenate([np.arange(n) * 360.0 / n for n in RINGS])
    return ra_deg, np.repeat(dec_deg, RINGS)


def cell_planes() -> TangentPlane:
    """Return the tangent planes of all projection cells, by number."""
    return TangentPlane.at(*cell_centres())


def cell_plane(projection_cell: int) -> TangentPlane:
    """Return the tangent plane of one projection cell."""
    ra_deg, dec_deg = cell_centres()
    return TangentPlane.at(ra_deg[projection_cell], dec_deg[projection_cell])


def cell_pixels(plane: TangentPlane, vectors: Floats) -> tuple[Floats, Floats]:
    """Return 0-based fine pixels of projection cells: x grows to the west, y to the north."""
    xi_rad, eta_rad = plane.project(vectors)
    return CELL_ORIGIN_PIX - xi_rad / PIXEL_RAD, CELL_ORIGIN_PIX + eta_rad / PIXEL_RAD


def sky_of_cell_pixels(projection_cell: int, x_pix: ArrayLike, y_pix: ArrayLike) -> tuple[Floats, Floats]:
    """Return the sky positions of 0-based fine pixels of a projection cell, degrees."""
    xi_rad = (CELL_ORIGIN_PIX - np.asarray(x_pix, float)) * PIXEL_RAD
    eta_rad = (np.asarray(y_pix, float) - CELL_ORIGIN_PIX) * PIXEL_RAD
    return cell_plane(projection_cell).deproject(xi_rad, eta_rad)


def sky_of_skycell_pixels(skycell: str, x_pix: ArrayLike, y_pix: ArrayLike) -> tuple[Floats, Floats]:
    """Return the sky positions of 0-based fine pixels of a skycell like p1889x07y19, degrees."""
    cell, x, y = int(skycell[1:5]), int(skycell[6:8]), int(skycell[9:11])
    return sky_of_cell_pixels(
        cell,
        np.asarray(x_pix, float) + (x - 1) * SKYCELL_STEP_PIX,
        np.asarray(y_pix, float) + (y - 1) * SKYCELL_STEP_PIX,
    )


def skycell_bounds_pix(x: int, y: int) -> tuple[float, float, float, float]:
    """Return the outer pixel edges of a skycell in its projection cell: x and y minimum, x and y maximum."""
    left, bottom = (x - 1) * SKYCELL_STEP_PIX - 0.5, (y - 1) * SKYCELL_STEP_PIX - 0.5
    return left, bottom, left + SKYCELL_PIX, bottom + SKYCELL_PIX
