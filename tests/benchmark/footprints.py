"""Synthetic exposures of a mission like Hubble's: made by seed, no real one among them.

Sizes, chip gaps and distortion are real: the medians of the outlines of 106 real exposures (their
``S_REGION``) in the plane of the aperture, and the bends of the detector edges of real headers.
Where they point is invented: fields of very different depth, visits with a roll each, dithers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outline = Literal["corners", "detailed"]
"""What tables of footprints hold, four corners a chip; or what the full distortion gives."""

ARCSEC_RAD = np.radians(1 / 3600)


@dataclass(frozen=True)
class Camera:
    """A detector: how often it observes, through what, and its chips in the plane of the aperture."""

    instrument: str
    detector: str
    share: float
    filters: tuple[str, ...]
    letter: str
    chips_arcsec: Floats
    """Corners ``(n_chips, 4, 2)``, x to the left and y up where the roll is 0."""
    bends_arcsec: tuple[float, ...]
    """How far the middle of each edge lies beside its chord, to the left of its direction."""
    n_bend_points: tuple[int, ...]
    """Vertices between the corners of each edge that follow the bend to 0.1 pixel."""


CAMERAS = (
    Camera(
        "acs",
        "wfc",
        0.42,
        ("f814w", "f606w", "f435w", "f775w", "f475w", "f850lp"),
        "j",
        np.array(
            [
                [(101.74, -110.01), (101.08, -8.52), (-100.88, 7.62), (-102.40, -96.31)],
                [(101.25, -6.00), (99.44, 92.17), (-99.51, 110.76), (-100.72, 10.29)],
            ]
        ),
        (-0.12, -0.60, 0.06, 0.40),
        (5, 13, 4, 10),
    ),
    Camera(
        "wfc3",
        "uvis",
        0.28,
        ("f606w", "f814w", "f275w", "f336w", "f438w", "f350lp"),
        "i",
        np.array(
            [
                [(81.66, -86.97), (81.15, -5.73), (-81.23, 4.94), (-81.71, -77.17)],
                [(81.19, -4.52), (80.77, 75.75), (-80.65, 87.42), (-81.19, 6.28)],
            ]
        ),
        (0.0, 0.003, 0.0, -0.003),
        (0, 1, 0, 1),
    ),
    Camera(
        "wfc3",
        "ir",
        0.25,
        ("f160w", "f125w", "f140w", "f110w", "f105w"),
        "i",
        np.array([[(67.66, -61.55), (69.50, 60.96), (-69.38, 61.55), (-67.78, -60.95)]]),
        (-0.008, 0.20, -0.006, -0.20),
        (1, 4, 1, 4),
    ),
    Camera(
        "acs",
        "hrc",
        0.05,
        ("f555w", "f814w", "f606w", "f435w"),
        "j",
        np.array([[(15.0, -13.2), (14.3, 12.2), (-14.8, 13.2), (-14.5, -12.2)]]),
        (-0.008, 0.015, -0.008, -0.014),
        (1, 2, 2, 2),
    ),
)

MEAN_FIELD = 50
LARGEST_FIELD = 4800
"""Exposures of a field: on average, and of the deepest; their skycells come to about 5,000."""
VISIT = 6
"""Exposures of a visit: one camera, one roll."""
BLOCK = 50_000


@dataclass(frozen=True)
class Pointings:
    """Where ``n`` exposures point: right ascension, declination and roll, degrees, and the camera."""

    ra_deg: Floats
    dec_deg: Floats
    roll_deg: Floats
    camera: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of exposures."""
        return len(self.ra_deg)

    def block(self, start: int, stop: int) -> Pointings:
        """Return the exposures ``start <= i < stop``."""
        return Pointings(*(column[start:stop] for column in vars(self).values()))


@dataclass(frozen=True)
class CameraOutlines:
    """Outlines of those exposures of a block that one camera took."""

    camera: Camera
    index: NDArray[np.intp]
    """Number of each exposure in its list, from 0."""
    vectors: Floats
    """Vertices as unit vectors ``(n, n_chips, n_vertices, 3)``, anticlockwise seen from outside."""


def clustered(n: int, seed: int) -> Pointings:
    """Return exposures in fields of very different depth, in visits, as a mission accumulates them."""
    random = np.random.default_rng(seed)
    n_visits = -(-n // VISIT)
    field = np.repeat(*_fields(n_visits, random))
    random.shuffle(field)  # a mission comes back to its fields again and again
    centres = random_directions(field.max() + 1, random)
    visits = _offset(centres[field], random.normal(0, 60, (n_visits, 2)) * ARCSEC_RAD)
    exposures = _offset(np.repeat(visits, VISIT, axis=0)[:n], random.normal(0, 3, (n, 2)) * ARCSEC_RAD)
    roll_deg = np.repeat(random.uniform(0, 360, n_visits), VISIT)[:n]
    return Pointings(*sky_of(exposures), roll_deg, np.repeat(_cameras(n_visits, random), VISIT)[:n])


def _fields(n_visits: int, random: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return field numbers and the visits of each: many shallow fields, few very deep ones."""
    n_fields = max(1, n_visits * VISIT // MEAN_FIELD)
    depth = random.lognormal(0, 1.9, n_fields)
    for _ in range(20):  # what is cut from the deepest goes to the others
        depth = np.minimum(depth * n_visits / depth.sum(), LARGEST_FIELD / VISIT)
    visits = np.floor(depth).astype(np.int64)
    rest = np.argsort(visits - depth)[: n_visits - visits.sum()]
    visits[rest] += 1
    return np.arange(n_fields), visits


def _cameras(n: int, random: np.random.Generator) -> NDArray[np.int64]:
    return random.choice(len(CAMERAS), n, p=[camera.share for camera in CAMERAS])


def random_directions(n: int, random: np.random.Generator) -> Floats:
    """Return unit vectors ``(n, 3)``, evenly spread over the sky."""
    vectors = random.normal(size=(n, 3))
    directions: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return directions


def _offset(directions: Floats, east_north_rad: Floats) -> Floats:
    """Return directions moved on their tangent plane."""
    east, north = _axes(directions)
    moved = directions + east_north_rad[:, :1] * east + east_north_rad[:, 1:] * north
    unit: Floats = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def _axes(directions: Floats) -> tuple[Floats, Floats]:
    """Return the directions east and north of each direction; at a pole any will do."""
    x, y, _ = directions.T
    distance = np.hypot(x, y)
    scale = np.where(distance > 0, distance, 1)
    east = np.stack([-y / scale, np.where(distance > 0, x / scale, 1), np.zeros_like(x)], axis=-1)
    return east, np.cross(directions, east)


def vectors_of(ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Return unit vectors ``(..., 3)``."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def sky_of(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension in [-180, 180], as PostGIS keeps it, and declination, degrees."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def outlines(pointings: Pointings, outline: Outline = "corners", first: int = 0) -> Iterator[CameraOutlines]:
    """Yield the outlines of exposures, camera by camera, numbered from ``first``."""
    for number, camera in enumerate(CAMERAS):
        index = np.flatnonzero(pointings.camera == number)
        if len(index):
            chips = camera.chips_arcsec if outline == "corners" else _detailed(camera)
            yield CameraOutlines(camera, index + first, _aim(chips, pointings, index))


def _detailed(camera: Camera) -> Floats:
    """Return the chips with the vertices that follow their bent edges, ``(n_chips, n_vertices, 2)``."""
    starts, ends = camera.chips_arcsec, np.roll(camera.chips_arcsec, -1, axis=1)
    edges = zip(camera.n_bend_points, camera.bends_arcsec, range(4), strict=True)
    pieces = [_bent(starts[:, i], ends[:, i], n, bend) for n, bend, i in edges]
    return np.concatenate(pieces, axis=1)


def _bent(start: Floats, end: Floats, n_points: int, bend_arcsec: float) -> Floats:
    """Return an edge without its end: a parabola over the chord."""
    along = np.arange(n_points + 1) / (n_points + 1)
    chord = end - start
    left = np.stack([-chord[:, 1], chord[:, 0]], axis=-1) / np.linalg.norm(chord, axis=1, keepdims=True)
    bow = 4 * bend_arcsec * along * (1 - along)
    points: Floats = start[:, None] + along[:, None] * chord[:, None] + bow[:, None] * left[:, None]
    return points


def _aim(chips_arcsec: Floats, pointings: Pointings, index: NDArray[np.intp]) -> Floats:
    """Return a camera's chips on the sky: x of the aperture to the east and y to the north at roll 0."""
    roll = np.radians(pointings.roll_deg[index])[:, None, None]
    x, y = chips_arcsec[..., 0] * ARCSEC_RAD, chips_arcsec[..., 1] * ARCSEC_RAD
    xi, eta = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    centre = vectors_of(pointings.ra_deg[index], pointings.dec_deg[index])
    east, north = (axis[:, None, None] for axis in _axes(centre))
    vectors = centre[:, None, None] + xi[..., None] * east + eta[..., None] * north
    anticlockwise: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return anticlockwise


def blocks(pointings: Pointings, outline: Outline = "corners") -> Iterator[list[CameraOutlines]]:
    """Yield outlines a block of exposures at a time: memory does not grow with their number."""
    for start in range(0, len(pointings), BLOCK):
        part = pointings.block(start, start + BLOCK)
        yield list(outlines(part, outline, start))
