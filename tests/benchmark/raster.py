"""Extents found by lighting pixels: every footprint becomes runs of pixels on the grid of a skycell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import psycopg

from tests.benchmark.oracle import Floats, Integers, Pairs
from tests.support.vectors import SKYCELL_PIX, SKYCELL_STEP_PIX, cell_pixels, cell_plane

EDGE_PIX = 1e-5
"""A footprint lights the pixels it enters by more than this."""

Box = tuple[int, int, int, int]
"""First column and row, column and row after the last, pixels of the skycell."""

EXTENTS = """
select given.skycell, e.x0, e.y0, e.x1, e.y1
from unnest(%s::text[]) as given (skycell)
cross join lateral mvm.skycell_extent(given.skycell) as e"""


@dataclass(frozen=True)
class Runs:
    """Lit pixels of some rows: columns ``first <= x < end``."""

    row: Integers
    first: Integers
    end: Integers


def lit_runs(polygon: Floats) -> Runs:
    """Return the pixels that a convex polygon ``(n, 2)`` lights, within the skycell."""
    x, y = polygon.T
    lowest, highest = _pixel_of(np.array([y.min() + EDGE_PIX, y.max() - EDGE_PIX])).tolist()
    row = np.arange(max(lowest, 0), min(highest, SKYCELL_PIX - 1) + 1)
    left, right = _sides(x, y, row)
    first = np.maximum(_pixel_of(left + EDGE_PIX), 0)
    end = np.minimum(_pixel_of(right - EDGE_PIX) + 1, SKYCELL_PIX)
    is_lit = first < end
    return Runs(row[is_lit], first[is_lit], end[is_lit])


def _pixel_of(coordinate: Floats) -> Integers:
    """Return the pixels that hold coordinates: pixel i reaches from i - 0.5 to i + 0.5."""
    return np.floor(coordinate + 0.5).astype(np.int64)


def _sides(x: Floats, y: Floats, row: Integers) -> tuple[Floats, Floats]:
    """Return how far left and right the polygon reaches within each row of pixels."""
    border = np.concatenate([row - 0.5, row[-1:] + 0.5])[:, None]
    rise = np.roll(y, -1) - y
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (border - y) / rise
        crossing = np.where((along >= 0) & (along <= 1), x + along * (np.roll(x, -1) - x), np.nan)
    left = np.fmin.reduce(crossing, axis=1, initial=np.inf)
    right = np.fmax.reduce(crossing, axis=1, initial=-np.inf)
    left, right = np.fmin(left[:-1], left[1:]), np.fmax(right[:-1], right[1:])
    inside = (y > row[:1] - 0.5) & (y < row[-1:] + 0.5) if len(row) else np.zeros(len(y), bool)
    at = _pixel_of(y[inside]) - row[:1]
    np.fmin.at(left, at, x[inside])
    np.fmax.at(right, at, x[inside])
    return left, right


def lit_box(runs: Iterable[Runs]) -> Box | None:
    """Return the smallest box that holds all lit pixels; None when there are none."""
    lit = [part for part in runs if len(part.row)]
    if not lit:
        return None
    return (
        min(int(part.first.min()) for part in lit),
        min(int(part.row.min()) for part in lit),
        max(int(part.end.max()) for part in lit),
        max(int(part.row.max()) for part in lit) + 1,
    )


def raster_extents(
    outlines: Iterable[tuple[Integers, Floats]], pairs: Pairs, n_skycells: int, seed: int
) -> dict[str, Box | None]:
    """Return the extents of skycells taken by chance, from the exposures in or near them."""
    number = pairs.key // 1024
    skycell = (number % 2644) * 1024 + pairs.key % 1024
    every = np.unique(skycell)
    chosen = np.random.default_rng(seed).permutation(every)[:n_skycells]
    wanted = np.isin(skycell, chosen)
    exposure, skycell = number[wanted] // 2644, skycell[wanted]
    chips = dict(_chips(outlines, np.unique(exposure)))
    members = {one: exposure[skycell == one] for one in chosen.tolist()}
    return {
        skycell_name(one): lit_box(_runs(one, (chips[i] for i in found.tolist())))
        for one, found in members.items()
    }


def _chips(outlines: Iterable[tuple[Integers, Floats]], wanted: Integers) -> Iterator[tuple[int, Floats]]:
    for index, vectors in outlines:
        for place in np.flatnonzero(np.isin(index, wanted)).tolist():
            yield int(index[place]), vectors[place]


def _runs(skycell: int, exposures: Iterable[Floats]) -> Iterator[Runs]:
    cell, x, y = skycell // 1024, skycell // 32 % 32, skycell % 32
    origin = np.array([x - 1, y - 1]) * SKYCELL_STEP_PIX
    plane = cell_plane(cell)
    for chips in exposures:
        for chip in chips:
            yield lit_runs(np.stack(cell_pixels(plane, chip), axis=-1) - origin)


def skycell_name(skycell: int) -> str:
    """Return the name of a skycell from its part of ``pair_key``."""
    return f"p{skycell // 1024:04d}x{skycell // 32 % 32:02d}y{skycell % 32:02d}"


def count_wrong_extents(connection: psycopg.Connection, expected: dict[str, Box | None]) -> int:
    """Return how many extents in the database differ from the expected ones."""
    rows = connection.execute(EXTENTS, (list(expected),)).fetchall()
    found = {name: tuple(box) for name, *box in rows}
    return sum(found.get(name) != box for name, box in expected.items())
