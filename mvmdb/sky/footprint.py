"""Outlines of detectors on the sky: polygons that follow the distorted pixel edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mvmdb.sky.sphere import Floats, tangent_plane, wrap_ra_deg

PixelToSky = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""Maps 0-based pixel positions x, y to ICRS right ascension and declination, degrees."""

SkyRing = tuple[tuple[float, float], ...]
"""Vertices (ra_deg, dec_deg) of a spherical polygon with great-circle edges; not closed."""

_SAMPLE_STEP_PIX = 4
"""A bend of a lookup table (every 64 pixels) halfway between two samples costs less than 0.01 pixel."""
_LARGEST_RADIUS_DEG = 2.0
_MOST_VERTICES_PER_SIDE = 100
_SMALLEST_AREA_RATIO = 0.01
"""A sound outline fills about the product of its sides; a folded or collapsed one does not."""


def outline(pixel_to_sky: PixelToSky, n_x_pix: int, n_y_pix: int, *, tolerance_pix: float = 0.08) -> SkyRing:
    """Return the polygon of the outer pixel edges of a detector, through its full distortion.

    Parameters
    ----------
    pixel_to_sky
        Sky positions of 0-based pixel positions, given as equal 1-D arrays.
    n_x_pix, n_y_pix
        Size of the detector; its edges run from -0.5 to n - 0.5.
    tolerance_pix
        Largest distance between the polygon and the true edge, in the smallest pixel side found
        along the edge.

    Returns
    -------
    SkyRing
        Vertices on the true edge, from the corner at pixel (0, 0) along x first; right ascension in
        [0, 360). Valid across RA 0 and around a pole.

    Raises
    ------
    ValueError
        The mapping is not finite, or the outline is collapsed, crosses itself, is far too rough or
        wider than 4 degrees.

    Notes
    -----
    Each side of the polygon reaches as far as the tolerance lets it, in the tangent plane about the
    centre of the detector, where great circles are straight.
    """
    if n_x_pix < 1 or n_y_pix < 1:
        raise ValueError(f"a detector of {n_x_pix} x {n_y_pix} pixels has no outline")
    x_pix, y_pix, sides = _edge_samples(n_x_pix, n_y_pix)
    ra_deg, dec_deg = pixel_to_sky(x_pix, y_pix)
    points = _around_centre(ra_deg, dec_deg)
    pixel_rad = _smallest_pixel_side(points, x_pix, y_pix)
    kept = np.concatenate([side[_vertices(points[side], tolerance_pix * pixel_rad)][:-1] for side in sides])
    _require_simple(points[kept], n_x_pix * n_y_pix * pixel_rad**2)
    vertices = zip(wrap_ra_deg(ra_deg[kept]).tolist(), dec_deg[kept].tolist(), strict=True)
    return tuple(vertices)


def ring_area_sr(ring: SkyRing) -> float:
    """Return the area inside a spherical polygon smaller than a hemisphere, steradians.

    Notes
    -----
    Signed spherical triangles fanned out from the first vertex (van Oosterom and Strackee 1983); the
    triple product is taken from differences of vectors, so that a ring of one pixel keeps its digits.
    """
    corners = _unit_vectors(*np.array(ring).T)
    apex, left, right = corners[0], corners[1:-1], corners[2:]
    triple = np.cross(left - apex, right - apex) @ apex
    denominator = 1 + left @ apex + right @ apex + np.sum(left * right, axis=1)
    return abs(float(np.sum(2 * np.arctan2(triple, denominator))))


def _unit_vectors(ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Return directions as Cartesian unit vectors, shape ``(n, 3)``."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _edge_samples(n_x_pix: int, n_y_pix: int) -> tuple[Floats, Floats, list[NDArray[np.intp]]]:
    """Return points around the edge (first = last) and, for each side, the indices of its points."""
    along_x, along_y = _side_samples(n_x_pix), _side_samples(n_y_pix)
    right, top = np.full(len(along_y), n_x_pix - 0.5), np.full(len(along_x), n_y_pix - 0.5)
    left, bottom = np.full(len(along_y), -0.5), np.full(len(along_x), -0.5)
    sides = [(along_x, bottom), (right, along_y), (along_x[::-1], top), (left, along_y[::-1])]
    x_pix = np.concatenate([x[:-1] for x, _ in sides] + [left[:1]])
    y_pix = np.concatenate([y[:-1] for _, y in sides] + [bottom[:1]])
    ends = np.cumsum([0] + [len(x) - 1 for x, _ in sides])
    return x_pix, y_pix, [np.arange(ends[i], ends[i + 1] + 1) for i in range(len(sides))]


def _side_samples(n_pix: int) -> Floats:
    """Return positions from the first to the last edge of a row of pixels."""
    return np.linspace(-0.5, n_pix - 0.5, 2 + (n_pix - 1) // _SAMPLE_STEP_PIX)


def _around_centre(ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Return points in the tangent plane about their common centre, radians, shape ``(n, 2)``."""
    if not (np.all(np.isfinite(ra_deg)) and np.all(np.isfinite(dec_deg))):
        raise ValueError("the edge of the detector has no finite position on the sky")
    centre = _unit_vectors(ra_deg, dec_deg).mean(axis=0)
    points = np.stack(
        tangent_plane(
            ra_deg,
            dec_deg,
            centre_ra_deg=math.degrees(math.atan2(centre[1], centre[0])),
            centre_dec_deg=math.degrees(math.atan2(centre[2], math.hypot(centre[0], centre[1]))),
        ),
        axis=-1,
    )
    radius_rad = float(np.hypot(*points.T).max())
    if not radius_rad <= math.tan(math.radians(_LARGEST_RADIUS_DEG)):
        raise ValueError(f"the outline is wider than {2 * _LARGEST_RADIUS_DEG:g} degrees")
    return points


def _smallest_pixel_side(points: Floats, x_pix: Floats, y_pix: Floats) -> float:
    """Return the shortest pixel side along the edge, radians."""
    steps_pix = np.abs(np.diff(x_pix)) + np.abs(np.diff(y_pix))
    shortest_rad = float(np.min(np.hypot(*np.diff(points, axis=0).T) / steps_pix))
    if shortest_rad == 0.0:
        raise ValueError("pixels along the edge of the detector share one position on the sky")
    return shortest_rad


def _vertices(points: Floats, tolerance: float) -> NDArray[np.intp]:
    """Return the indices of few points whose polyline stays within the tolerance of all."""
    kept = [0]
    while kept[-1] < len(points) - 1:
        if len(kept) > _MOST_VERTICES_PER_SIDE:
            raise ValueError(
                f"the edge is too rough for a polygon of {_MOST_VERTICES_PER_SIDE} vertices a side"
            )
        kept.append(_farthest_end(points, kept[-1], tolerance))
    return np.array(kept)


def _farthest_end(points: Floats, start: int, tolerance: float) -> int:
    """Return the last point to which a straight side from a point may lead, found by bisection."""

    def is_straight(end: int) -> bool:
        between = points[start + 1 : end]
        return (
            end == start + 1 or _distance_to_segment(between, points[start], points[end]).max() <= tolerance
        )

    near, far = start + 1, len(points) - 1
    if is_straight(far):
        return far
    while far - near > 1:
        middle = (near + far) // 2
        near, far = (middle, far) if is_straight(middle) else (near, middle)
    return near


def _distance_to_segment(points: Floats, start: Floats, end: Floats) -> Floats:
    """Return how far each point lies from the segment between two points."""
    chord, offsets = end - start, points - start
    length_squared = float(chord @ chord)
    along = (
        np.clip(offsets @ chord / length_squared, 0.0, 1.0) if length_squared > 0 else np.zeros(len(points))
    )
    nearest: Floats = offsets - along[:, np.newaxis] * chord
    distance: Floats = np.hypot(nearest[:, 0], nearest[:, 1])
    return distance


def _require_simple(corners: Floats, expected_area: float) -> None:
    """Raise unless the polygon encloses an area, and its sides meet only where they join."""
    following = np.roll(corners, -1, axis=0)
    area = 0.5 * abs(float(np.sum(corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0])))
    if area < _SMALLEST_AREA_RATIO * expected_area:
        raise ValueError("the outline encloses no area")
    if _crosses_itself(corners, following):
        raise ValueError("the outline crosses itself")


def _crosses_itself(starts: Floats, ends: Floats) -> bool:
    """Tell whether any two sides of a polygon that are not neighbours meet."""
    n = len(starts)
    side = (ends - starts)[:, np.newaxis, :]
    to_start, to_end = starts - starts[:, np.newaxis, :], ends - starts[:, np.newaxis, :]
    # opposite[i, j]: side j begins and ends on different sides of the line through side i
    opposite = _cross(side, to_start) * _cross(side, to_end) <= 0
    apart = np.subtract.outer(np.arange(n), np.arange(n)) % n
    strangers = (apart > 1) & (apart < n - 1)
    return bool(np.any(opposite & opposite.T & strangers))


def _cross(a: Floats, b: Floats) -> Floats:
    """Return the cross product of plane vectors."""
    product: Floats = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
