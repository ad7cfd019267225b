"""The same question in plain Python, one exposure after the other: shapely in degrees, spherical_geometry."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from shapely import Polygon, STRtree

from tests.benchmark.exactness import compare
from tests.benchmark.footprints import Floats, Pointings, blocks, sky_of
from tests.benchmark.oracle import Integers, Pairs, pair_key
from tests.benchmark.timing import seconds
from tests.support.vectors import sky_of_cell_pixels, skycell_bounds_pix, unit_vectors

Figures = dict[str, Any]
Find = Callable[[Floats], Integers]
"""From the chips of an exposure ``(n_chips, n_vertices, 3)`` to the numbers of the skycells."""
N_SPHERICAL = 20
"""Exposures that spherical_geometry gets: it takes about a second for each."""


def measure(pointings: Pointings, expected: Pairs) -> Figures:
    """Return what the loops take and what they get wrong."""
    keys = skycell_keys(expected)
    corners = np.stack([_corners(*key) for key in keys.tolist()])
    chips = [vectors for _, vectors in sorted(_chips(pointings), key=lambda item: item[0])]
    figures = {"shapely": _loop(_planar(corners), chips, keys, expected)}
    if importlib.util.find_spec("spherical_geometry") is None:
        return figures | {"spherical_geometry": {"skipped": "spherical_geometry is not installed"}}
    some = chips[:N_SPHERICAL]
    return figures | {"spherical_geometry": _loop(_spherical(corners), some, keys, expected)}


def skycell_keys(expected: Pairs) -> Integers:
    """Return projection cell, x and y of the skycells in or beside a footprint, ``(n, 3)``."""
    skycell = np.unique(expected.key // 1024 % 2644 * 1024 + expected.key % 1024)
    return np.stack([skycell // 1024, skycell // 32 % 32, skycell % 32], axis=-1)


def _corners(cell: int, x: int, y: int) -> Floats:
    left, bottom, right, top = skycell_bounds_pix(x, y)
    ra_deg, dec_deg = sky_of_cell_pixels(cell, [left, right, right, left], [bottom, bottom, top, top])
    return np.stack([ra_deg, dec_deg], axis=-1)


def _chips(pointings: Pointings) -> Iterator[tuple[int, Floats]]:
    for block in blocks(pointings):
        for item in block:
            yield from zip(item.index.tolist(), item.vectors, strict=True)


def _loop(find: Find, chips: list[Floats], keys: Integers, expected: Pairs) -> Figures:
    pairs: list[Integers] = []

    def ask(number: int) -> None:
        found = keys[find(chips[number])]
        pairs.append(pair_key(np.full(len(found), number), *found.T))

    times_s = [seconds(ask, number) for number in range(len(chips))]
    asked = expected.key // (2644 * 1024) < len(chips)
    result = compare(
        np.unique(np.concatenate(pairs)), Pairs(expected.key[asked], expected.depth_mas[asked]), len(chips)
    )
    return {
        "n_exposures": len(chips),
        "memberships_per_exposure_ms": round(1000 * sum(times_s) / len(chips), 4),
        "n_pairs": result.n_pairs,
        "missed": result.n_missed,
        "extra": result.n_extra,
    }


def _planar(corners: Floats) -> Find:
    tree = STRtree([Polygon(some) for some in corners])

    def find(chips: Floats) -> Integers:
        ra_deg, dec_deg = sky_of(chips)
        polygons = [Polygon(chip) for chip in np.stack([ra_deg % 360, dec_deg], axis=-1)]
        return np.unique(np.concatenate([tree.query(polygon, "intersects") for polygon in polygons]))

    return find


def _spherical(corners: Floats) -> Find:
    polygon = importlib.import_module("spherical_geometry.polygon").SphericalPolygon
    vectors = unit_vectors(corners[..., 0], corners[..., 1])
    middle = vectors.mean(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    near = np.cos(np.radians(800 / 3600))

    def find(chips: Floats) -> Integers:
        candidates = np.flatnonzero(middle @ chips[0, 0] > near)
        outlines = [polygon(np.concatenate([chip, chip[:1]])) for chip in chips]
        reached = [i for i in candidates if _meets(polygon, vectors[i], outlines)]
        return np.array(reached, dtype=np.int64)

    return find


def _meets(polygon: Any, corners: Floats, outlines: list[Any]) -> bool:
    skycell = polygon(np.concatenate([corners, corners[:1]]))
    return any(skycell.intersects_poly(outline) for outline in outlines)
