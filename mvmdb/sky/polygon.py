"""Sound polygons: rings of vertices checked and put into one order, many at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import RegionError
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.sphere import Floats, wrap_ra_deg

Booleans = NDArray[np.bool_]

LARGEST_RADIUS_DEG = 89.0
"""From the mean direction of the vertices: no plane holds what reaches farther."""

RA_LIMITS_DEG = (-360.0, 720.0)
"""An outline across RA 0 may be written with right ascensions below 0 or above 360."""

_MOST_VERTICES = 1000
_SAME_POSITION_RAD = 1e-11
"""Two microarcsec: nearer vertices are one."""
_FLATTEST = 1e-6
"""A ring narrower than this fraction of its length encloses nothing but the rounding of its digits."""
_TOUCHING = 1e-9
"""Sides that come nearer to each other than this fraction of the ring's size touch."""
_MOST_PAIRS = 1_000_000
"""Pairs of sides compared in one go, which bounds the memory."""


def sound_rings(
    rings: Sequence[Sequence[float]], *, largest_radius_deg: float = LARGEST_RADIUS_DEG
) -> list[SkyRing | RegionError]:
    """Return polygons with great-circle edges as :data:`SkyRing`, or why one is refused.

    Parameters
    ----------
    rings
        The vertices of each polygon, flat: right ascension and declination by turns, degrees. The last
        vertex may repeat the first.
    largest_radius_deg
        How far a vertex may lie from the mean direction of all; at most 89 degrees.

    Returns
    -------
    list of SkyRing or RegionError
        In the order of ``rings``. Vertices that repeat their neighbour are dropped, right ascensions lie
        in [0, 360), and the order is counter-clockwise as seen from inside the sphere: north up, east to
        the left (STC 1.33 with erratum 1, DALI 1.1). The first vertex stays the first.

    Notes
    -----
    A ring is its smaller side, whichever way it winds. Size, width and crossings are judged in the
    tangent plane about the mean direction, where great circles are straight, so that neither RA 0 nor
    the poles are special.
    """
    checked: dict[int, SkyRing | RegionError] = {}
    for length, indices in _by_length(rings).items():
        step = max(1, _MOST_PAIRS // (length * length // 4 + 1))
        for start in range(0, len(indices), step):
            part = indices[start : start + step]
            found = _sound_batch([rings[index] for index in part], length, largest_radius_deg)
            checked.update(zip(part, found, strict=True))
    return [checked[index] for index in range(len(rings))]


def _by_length(rings: Sequence[Sequence[float]]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for index, ring in enumerate(rings):
        groups.setdefault(len(ring), []).append(index)
    return groups


def _sound_batch(
    rings: list[Sequence[float]], length: int, largest_radius_deg: float
) -> list[SkyRing | RegionError]:
    """Check rings of the same number of coordinates."""
    if length % 2:
        return [RegionError(f"polygon has {length} coordinates, an odd number") for _ in rings]
    if length < 6:
        return [RegionError(f"polygon has {length // 2} distinct vertices, fewer than 3") for _ in rings]
    if length > 2 * _MOST_VERTICES:
        return [RegionError(f"polygon has {length // 2} vertices, more than {_MOST_VERTICES}") for _ in rings]
    vertices = np.array(rings).reshape(len(rings), -1, 2)
    on_sky = _are_on_sky(vertices)
    found = iter(_sound_positions(vertices[on_sky], largest_radius_deg))
    return [next(found) if good else _number_error(vertices[i]) for i, good in enumerate(on_sky.tolist())]


def _are_on_sky(vertices: Floats) -> Booleans:
    """Tell, for each ring, whether all its numbers are positions; NaN is none."""
    ra_deg, dec_deg = vertices[..., 0], vertices[..., 1]
    low, high = RA_LIMITS_DEG
    return np.asarray(((ra_deg >= low) & (ra_deg <= high) & (np.abs(dec_deg) <= 90)).all(axis=1))


def _number_error(ring: Floats) -> RegionError:
    if not np.isfinite(ring).all():
        return RegionError("polygon holds a coordinate that is not a finite number")
    beyond = ring[np.abs(ring[:, 1]) > 90]
    if len(beyond):
        return RegionError(f"declination {beyond[0, 1]:.9g} of the polygon lies beyond the pole")
    outside = ring[(ring[:, 0] < RA_LIMITS_DEG[0]) | (ring[:, 0] > RA_LIMITS_DEG[1])]
    return RegionError(f"right ascension {outside[0, 0]:.9g} of the polygon is no angle in degrees")


def _sound_positions(vertices: Floats, largest_radius_deg: float) -> list[SkyRing | RegionError]:
    """Drop repeated vertices, which makes some rings shorter, and check the outlines."""
    directions = _directions(vertices)
    following = np.roll(directions, -1, axis=1)
    repeated = np.linalg.norm(directions - following, axis=-1) < _SAME_POSITION_RAD
    shorter = repeated.any(axis=1)
    lean = [
        ring[~drop].ravel().tolist() for ring, drop in zip(vertices[shorter], repeated[shorter], strict=True)
    ]
    from_lean = iter(sound_rings(lean, largest_radius_deg=largest_radius_deg))
    from_full = iter(_sound_outlines(vertices[~shorter], directions[~shorter], largest_radius_deg))
    return [next(from_lean) if is_lean else next(from_full) for is_lean in shorter.tolist()]


def _directions(vertices: Floats) -> Floats:
    """Return unit vectors, shape ``(..., 3)``, of right ascensions and declinations in degrees."""
    ra, dec = np.radians(vertices[..., 0]), np.radians(vertices[..., 1])
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _sound_outlines(
    vertices: Floats, directions: Floats, largest_radius_deg: float
) -> list[SkyRing | RegionError]:
    points, radius_deg = _around_middle(directions)
    flat, crossing = _are_flat(points), _cross_themselves(points)
    backward = _signed_area(points) > 0
    rings = np.where(backward[:, None, None], np.roll(vertices[:, ::-1], 1, axis=1), vertices)
    rings[..., 0] = wrap_ra_deg(rings[..., 0])
    is_sound = (radius_deg <= largest_radius_deg) & ~flat & ~crossing
    checked: list[SkyRing | RegionError] = []
    for index, (ring, sound) in enumerate(zip(rings.tolist(), is_sound.tolist(), strict=True)):
        if sound:
            checked.append(tuple(map(tuple, ring)))
        else:
            checked.append(_outline_error(radius_deg[index], largest_radius_deg, is_flat=bool(flat[index])))
    return checked


def _outline_error(radius_deg: float, largest_radius_deg: float, *, is_flat: bool) -> RegionError:
    if radius_deg > LARGEST_RADIUS_DEG:
        return RegionError("polygon is as large as a hemisphere or larger")
    if radius_deg > largest_radius_deg:
        return RegionError(
            f"polygon reaches {radius_deg:.3g} degrees from its middle, more than {largest_radius_deg:g}"
        )
    return RegionError("polygon encloses no area" if is_flat else "polygon crosses or touches itself")


def _around_middle(directions: Floats) -> tuple[Floats, Floats]:
    """Return rings in the tangent plane about their mean direction, and how far they reach from it.

    Returns
    -------
    points
        Shape ``(m, n, 2)``, radians, right-handed as seen from outside; meaningless where the reach
        exceeds 89 degrees.
    radius_deg
        Shape ``(m,)``.
    """
    total = directions.sum(axis=1)
    middle = total / np.maximum(np.linalg.norm(total, axis=-1), 1e-9)[:, None]
    # any axis that is far from the middle gives a basis, at the poles as well
    axis = np.eye(3)[np.abs(middle).argmin(axis=-1)]
    first = np.cross(middle, axis)
    first /= np.maximum(np.linalg.norm(first, axis=-1), 1e-9)[:, None]
    second = np.cross(middle, first)
    toward = np.einsum("mnk,mk->mn", directions, middle)
    radius_deg = np.degrees(np.arccos(np.clip(toward.min(axis=1), -1, 1)))
    depth = np.maximum(toward, math.cos(math.radians(LARGEST_RADIUS_DEG + 0.5)))
    plane = np.stack([first, second], axis=1)
    points: Floats = np.einsum("mnk,mjk->mnj", directions - middle[:, None], plane) / depth[..., None]
    return points, radius_deg


def _signed_area(points: Floats) -> Floats:
    area: Floats = 0.5 * _cross(points, np.roll(points, -1, axis=1)).sum(axis=1)
    return area


def _are_flat(points: Floats) -> Booleans:
    """Tell which rings lie within a hair of the line from their first vertex to the one farthest from it."""
    offsets = points - points[:, :1]
    distance = np.linalg.norm(offsets, axis=-1)
    farthest = np.take_along_axis(offsets, distance.argmax(axis=1)[:, None, None], axis=1)
    width = np.abs(_cross(farthest, offsets)).max(axis=1)
    return np.asarray(width <= _FLATTEST * distance.max(axis=1) ** 2)


def _cross_themselves(points: Floats) -> Booleans:
    """Tell which rings have sides that meet elsewhere than where they join.

    Two sides meet when each has its ends on different sides of the other, or when an end of one lies on
    the other. The second also finds a side that runs back upon its neighbour.
    """
    n = points.shape[1]
    sides = np.roll(points, -1, axis=1) - points
    length = np.linalg.norm(sides, axis=-1)[:, :, None]
    tolerance = _TOUCHING * np.ptp(points, axis=1).max(axis=-1)[:, None, None]
    # [m, i, k]: vertex k as seen from side i, in units of length
    offsets = points[:, None, :, :] - points[:, :, None, :]
    beside = _cross(sides[:, :, None, :], offsets) / length
    along = (sides[:, :, None, :] * offsets).sum(axis=-1) / length
    strange = (np.subtract.outer(np.arange(n), np.arange(n)) % n > 0) & (
        np.subtract.outer(np.arange(n), np.arange(n)) % n < n - 1
    )
    is_near = np.abs(beside) <= tolerance
    is_on = is_near & (along >= -tolerance) & (along <= length + tolerance) & strange
    hand = np.where(is_near, 0, np.sign(beside))
    opposite = hand * np.roll(hand, -1, axis=2) < 0
    crossing: Booleans = (is_on | (opposite & opposite.transpose(0, 2, 1))).any(axis=(1, 2))
    return crossing


def _cross(a: Floats, b: Floats) -> Floats:
    """Return the cross product of plane vectors."""
    product: Floats = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
