"""Tangent planes and unit vectors, in closed form and for arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def tangent_plane(
    ra_deg: ArrayLike, dec_deg: ArrayLike, *, centre_ra_deg: float, centre_dec_deg: float
) -> tuple[Floats, Floats]:
    """Project sky positions gnomonically (FITS TAN) about a centre.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS positions, any equal shapes, degrees.
    centre_ra_deg, centre_dec_deg
        Tangent point, degrees.

    Returns
    -------
    xi_rad, eta_rad
        Standard coordinates, east and north, radians; NaN where the position lies 90 degrees or
        more from the centre.

    Notes
    -----
    Great circles become straight lines, so a polygon of great-circle edges stays exact.
    """
    delta_ra = np.radians(np.asarray(ra_deg, dtype=float) - centre_ra_deg)
    dec = np.radians(np.asarray(dec_deg, dtype=float))
    sin_centre, cos_centre = np.sin(np.radians(centre_dec_deg)), np.cos(np.radians(centre_dec_deg))
    sin_dec, cos_dec = np.sin(dec), np.cos(dec)
    cos_distance = sin_dec * sin_centre + cos_dec * cos_centre * np.cos(delta_ra)
    visible = np.where(cos_distance > 0, cos_distance, np.nan)
    xi_rad = cos_dec * np.sin(delta_ra) / visible
    eta_rad = (sin_dec * cos_centre - cos_dec * sin_centre * np.cos(delta_ra)) / visible
    return xi_rad, eta_rad


def tangent_sky(
    xi_rad: ArrayLike, eta_rad: ArrayLike, *, centre_ra_deg: float, centre_dec_deg: float
) -> tuple[Floats, Floats]:
    """Return the sky position of standard coordinates: the inverse of :func:`tangent_plane`.

    Returns
    -------
    ra_deg, dec_deg
        Degrees; right ascension in [0, 360).
    """
    xi, eta = np.asarray(xi_rad, dtype=float), np.asarray(eta_rad, dtype=float)
    sin_centre, cos_centre = np.sin(np.radians(centre_dec_deg)), np.cos(np.radians(centre_dec_deg))
    toward_centre = cos_centre - eta * sin_centre
    ra_deg = centre_ra_deg + np.degrees(np.arctan2(xi, toward_centre))
    dec_rad = np.arctan2(sin_centre + eta * cos_centre, np.hypot(xi, toward_centre))
    return wrap_ra_deg(ra_deg), np.degrees(dec_rad)


def wrap_ra_deg(ra_deg: ArrayLike) -> Floats:
    """Return right ascension in [0, 360) degrees."""
    wrapped = np.mod(np.asarray(ra_deg, dtype=float), 360.0)
    return np.where(wrapped == 360.0, 0.0, wrapped)


def separation_deg(
    ra1_deg: ArrayLike, dec1_deg: ArrayLike, ra2_deg: ArrayLike, dec2_deg: ArrayLike
) -> Floats:
    """Return the angle between two directions, in degrees, exact at any distance (Vincenty)."""
    delta = np.radians(np.asarray(ra2_deg, dtype=float) - np.asarray(ra1_deg, dtype=float))
    dec1, dec2 = np.radians(np.asarray(dec1_deg, dtype=float)), np.radians(np.asarray(dec2_deg, dtype=float))
    across = np.cos(dec2) * np.sin(delta)
    along = np.cos(dec1) * np.sin(dec2) - np.sin(dec1) * np.cos(dec2) * np.cos(delta)
    toward = np.sin(dec1) * np.sin(dec2) + np.cos(dec1) * np.cos(dec2) * np.cos(delta)
    angle_deg: Floats = np.degrees(np.arctan2(np.hypot(across, along), toward))
    return angle_deg
