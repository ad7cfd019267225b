"""Regions as archives and ds9 write them, read as polygons with great-circle edges.

Understood are ``POLYGON``, ``CIRCLE`` and ``BOX`` in the manners of STC-S (``s_region`` of ObsCore), ADQL
and ds9, several of them in one text, and their ``UNION``; in ICRS, or in FK5 at J2000, which is taken as
ICRS (they differ by less than 0.03 arcsec).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mvmdb.errors import RegionError
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.polygon import LARGEST_RADIUS_DEG, RA_LIMITS_DEG, sound_rings
from mvmdb.sky.sphere import tangent_sky

N_CIRCLE_SIDES = 48
"""A circle becomes a polygon whose sides touch it from outside, and stay within 0.22 % of its radius."""

_HINT = 'write it like POLYGON ICRS 10.1 -5.2 10.2 -5.2 10.2 -5.1, or icrs; circle(10.1, -5.2, 30")'

_TOKEN = re.compile(r"[()]|[^\s,;()]+")
_UNDERSCORE = re.compile(r"\d_\d")  # Python's own way to write 1000, which float() takes
_COMMENTS = re.compile(r"#.*|^\s*global\b.*", re.MULTILINE | re.IGNORECASE)
_NUMBER_BEGINS = frozenset("0123456789+-.")
_NOT_FINITE = ("nan", "inf", "infinity")

_SHAPES = ("polygon", "circle", "box")
_OTHER_SHAPES = (
    *("allsky", "annulus", "convex", "ellipse", "line", "panda", "point", "position", "positioninterval"),
    *("intersection", "not", "difference", "vector", "text", "ruler", "compass", "projection"),
)
_FRAMES = ("icrs", "fk5", "j2000")
_OTHER_FRAMES = (
    *("fk4", "b1950", "galactic", "galactic_ii", "ecliptic", "supergalactic", "unknownframe"),
    *("image", "physical", "linear", "wcs", "detector", "amplifier"),
)
_WITHOUT_MEANING = frozenset(
    (
        *("union", "barycenter", "geocenter", "heliocenter", "topocenter", "lsr", "lsrk", "lsrd"),
        *("galactic_center", "local_group_center", "relocatable", "unknownrefpos"),
        *("spherical2", "cartesian2", "spherical", "unit", "deg"),
    )
)

_SEXAGESIMAL = re.compile(
    r"([+-]?)(\d+)(?::|([hd°]))(\d+)(?:[:m'](\d+(?:\.\d*)?)[s\"]?)?m?", re.IGNORECASE | re.ASCII
)
_WITH_UNIT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(['\"d°])", re.IGNORECASE | re.ASCII)
_UNIT_DEG = {"'": 1 / 60, '"': 1 / 3600, "d": 1.0, "°": 1.0}


@dataclass
class _Shape:
    """A word of the text and the values that follow it."""

    name: str
    values: list[str] = field(default_factory=list)
    in_brackets: bool = False


def parse_region(text: str, *, largest_radius_deg: float = LARGEST_RADIUS_DEG) -> tuple[SkyRing, ...]:
    """Return the polygons of a region.

    Parameters
    ----------
    text
        In the manner of STC-S, ADQL or ds9; degrees, in brackets also sexagesimal.
    largest_radius_deg
        How far a polygon may reach from its middle.

    Returns
    -------
    tuple of SkyRing
        One per shape, in the order of the text, each as :func:`mvmdb.sky.polygon.sound_rings` makes it.

    Raises
    ------
    RegionError
        The text is no region, or a shape of it is unsound; the message says why.
    """
    (found,) = parse_regions([text], largest_radius_deg=largest_radius_deg)
    if isinstance(found, RegionError):
        raise found
    return found


def parse_regions(
    texts: Sequence[str], *, largest_radius_deg: float = LARGEST_RADIUS_DEG
) -> list[tuple[SkyRing, ...] | RegionError]:
    """Return the polygons of many regions, or the reason why one is refused, in the order of the texts.

    See :func:`parse_region`; this is the quick way for thousands.
    """
    read = [_vertices_or_error(text) for text in texts]
    rings = [ring for shapes in read if not isinstance(shapes, RegionError) for ring in shapes]
    sound = iter(sound_rings(rings, largest_radius_deg=largest_radius_deg))
    return [
        shapes if isinstance(shapes, RegionError) else _together([next(sound) for _ in shapes])
        for shapes in read
    ]


def _together(rings: list[SkyRing | RegionError]) -> tuple[SkyRing, ...] | RegionError:
    """Return the polygons of one region, or the first reason to refuse it."""
    sound = tuple(ring for ring in rings if not isinstance(ring, RegionError))
    if len(sound) == len(rings):
        return sound
    return next(ring for ring in rings if isinstance(ring, RegionError))


def _vertices_or_error(text: str) -> list[list[float]] | RegionError:
    plain = _plain_polygons(text)
    if plain:
        return plain
    try:
        return [_vertices(shape) for shape in _read_shapes(text)]
    except RegionError as error:
        return error


def _plain_polygons(text: str) -> list[list[float]] | None:
    """Return the vertices where the text is nothing but ``POLYGON ICRS`` and numbers, the usual case."""
    before, *parts = text.split("POLYGON ICRS ")
    if before or "_" in text:
        return None
    try:
        return [list(map(float, part.split())) for part in parts]
    except ValueError:
        return None


def _read_shapes(text: str) -> list[_Shape]:
    """Return the shapes that a text names, with their values still text."""
    if "#" in text or "global" in text.lower():
        text = _COMMENTS.sub("", text)
    if "_" in text and _UNDERSCORE.search(text):
        raise RegionError("holds an underscore between digits", hint=_HINT)
    shapes: list[_Shape] = []
    depth, has_frame = 0, False
    for token in _TOKEN.findall(text):
        if token[0] in _NUMBER_BEGINS or token.lower() in _NOT_FINITE:
            _add_value(shapes, token)
        elif token == "(":
            depth += 1
            if shapes and not shapes[-1].values:
                shapes[-1].in_brackets = True
        elif token == ")":
            depth -= 1
            if depth < 0:
                break
        else:
            has_frame |= _read_word(shapes, token.strip("'\"").lower())
    if depth:
        raise RegionError("brackets do not match", hint=_HINT)
    if not shapes:
        raise RegionError("names no polygon, circle or box", hint=_HINT)
    if not has_frame and any(shape.in_brackets for shape in shapes):
        # without a frame ds9 means pixels of some image
        raise RegionError("names no frame", hint=_HINT)
    return shapes


def _add_value(shapes: list[_Shape], token: str) -> None:
    if token[0] == "-" and token[1:].lower() in _SHAPES:
        raise RegionError("takes a shape away, which is not supported", hint=_HINT)
    if token[0] == "+" and token[1:].lower() in _SHAPES:
        shapes.append(_Shape(token[1:].lower()))
    elif not shapes:
        raise RegionError(f"begins with {token!r}, not with a shape", hint=_HINT)
    else:
        shapes[-1].values.append(token)


def _read_word(shapes: list[_Shape], word: str) -> bool:
    """Begin a shape, or pass over a word that changes nothing; tell whether it names the frame."""
    if word in _SHAPES:
        shapes.append(_Shape(word))
    elif word in _OTHER_SHAPES:
        raise RegionError(f"holds {word.upper()}, which is not supported", hint=_HINT)
    elif word in _OTHER_FRAMES:
        raise RegionError(f"is in the frame {word.upper()}, not in ICRS", hint=_HINT)
    elif word not in _FRAMES and word not in _WITHOUT_MEANING:
        raise RegionError(f"holds {word!r}, which means nothing here", hint=_HINT)
    return word in _FRAMES


def _vertices(shape: _Shape) -> list[float]:
    """Return the vertices of a shape, flat: right ascension and declination by turns, degrees."""
    values = _numbers(shape)
    if shape.name == "polygon":
        return values
    if not all(map(math.isfinite, values)):
        raise RegionError(f"{shape.name} holds a value that is not a finite number")
    return _circle(values) if shape.name == "circle" else _box(values)


def _numbers(shape: _Shape) -> list[float]:
    try:
        return list(map(float, shape.values))
    except ValueError:
        return [_angle_deg(shape, place) for place in range(len(shape.values))]


def _angle_deg(shape: _Shape, place: int) -> float:
    """Return a value that may be sexagesimal or bear a unit; colons mean hours in a right ascension."""
    token = shape.values[place]
    if (match := _WITH_UNIT.fullmatch(token)) is not None:
        return float(match[1]) * _UNIT_DEG[match[2].lower()]
    if (match := _SEXAGESIMAL.fullmatch(token)) is None:
        try:
            return float(token)
        except ValueError as error:
            raise RegionError(f"{shape.name} holds {token!r}, which is no angle", hint=_HINT) from error
    sign, whole, unit, minutes, seconds = match.groups()
    if float(minutes) >= 60 or float(seconds or 0) >= 60:
        raise RegionError(f"{shape.name} holds {token!r}: minutes and seconds stay below 60")
    is_ra = place % 2 == 0 and (shape.name == "polygon" or place == 0)
    in_hours = unit.lower() == "h" if unit else is_ra
    value = int(whole) + float(minutes) / 60 + float(seconds or 0) / 3600
    return (-value if sign == "-" else value) * (15 if in_hours else 1)


def _circle(values: list[float]) -> list[float]:
    if len(values) != 3:
        raise RegionError(f"circle has {len(values)} values, not 3: position and radius")
    ra_deg, dec_deg, radius_deg = values
    _require_size("circle", radius_deg, "radius")
    corner = math.tan(math.radians(radius_deg)) / math.cos(math.pi / N_CIRCLE_SIDES)
    angles = [2 * math.pi * k / N_CIRCLE_SIDES for k in range(N_CIRCLE_SIDES)]
    return _from_plane(ra_deg, dec_deg, [(corner * math.sin(a), corner * math.cos(a)) for a in angles])


def _box(values: list[float]) -> list[float]:
    """Return the corners of a box; its sides are great circles, half a width and height from the middle."""
    if len(values) not in (4, 5):
        raise RegionError(f"box has {len(values)} values, not 4 or 5: position, width, height, angle")
    ra_deg, dec_deg, width_deg, height_deg = values[:4]
    _require_size("box", width_deg / 2, "half width")
    _require_size("box", height_deg / 2, "half height")
    x, y = math.tan(math.radians(width_deg / 2)), math.tan(math.radians(height_deg / 2))
    angle = math.radians(values[4] if len(values) == 5 else 0.0)  # from north towards east
    sine, cosine = math.sin(angle), math.cos(angle)
    corners = [(x, y), (x, -y), (-x, -y), (-x, y)]
    turned = [(east * cosine + north * sine, north * cosine - east * sine) for east, north in corners]
    return _from_plane(ra_deg, dec_deg, turned)


def _require_size(shape: str, size_deg: float, what: str) -> None:
    if size_deg <= 0:
        raise RegionError(f"{shape} encloses no area: its {what} is {size_deg:g} degrees")
    if size_deg >= LARGEST_RADIUS_DEG:
        raise RegionError(
            f"{shape} is as large as a hemisphere or larger: its {what} is {size_deg:g} degrees"
        )


def _from_plane(ra_deg: float, dec_deg: float, points: list[tuple[float, float]]) -> list[float]:
    """Return positions of points (east, north) in the tangent plane about a position, flat."""
    if abs(dec_deg) > 90:
        raise RegionError(f"declination {dec_deg:.9g} lies beyond the pole")
    if not RA_LIMITS_DEG[0] <= ra_deg <= RA_LIMITS_DEG[1]:
        raise RegionError(f"right ascension {ra_deg:.9g} is no angle in degrees")
    east, north = zip(*points, strict=True)
    longitudes, latitudes = tangent_sky(east, north, centre_ra_deg=ra_deg, centre_dec_deg=dec_deg)
    pairs = zip(longitudes.tolist(), latitudes.tolist(), strict=True)
    return [coordinate for pair in pairs for coordinate in pair]
