"""Areas of polygons on the sphere from their angles, beside what databases and libraries say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.support.vectors import unit_vectors


def spherical_excess_sr(polygon: NDArray[np.float64]) -> float:
    """Return the area of a convex polygon, vertices ``(n, 2)`` in degrees, from its angles (Girard)."""
    corners = unit_vectors(*polygon.T)
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    a, b = np.cross(corners, before), np.cross(corners, after)
    angles = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.sum(a * b, axis=1))
    return float(angles.sum() - (len(corners) - 2) * np.pi)
