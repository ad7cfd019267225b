"""Nanoseconds per input pixel of our kernel and of ``drizzle``: ``python -m tests.benchmark.kernel``.

One ACS/WFC chip of full size, with SIP, NPOL and D2IM, from 0.05" to 0.04" pixels. Both sides take turns and
processor time is compared, so that ratios hold on a busy machine. ``drizzle`` is given its pixmap ready made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from drizzle.resample import Drizzle

from mvmdb.mosaic.compiled import Target, drizzle_onto, instruction_sets, map_pixels
from mvmdb.mosaic.inputs import Part
from mvmdb.mosaic.row_nodes import place_nodes
from mvmdb.records import DrizzleParameters
from mvmdb.sky.distortion import ChipDistortion, LookupTable, SipPolynomials
from mvmdb.sky.grid import PixelBox, TanGrid
from mvmdb.sky.tan_mapping import TanToTan

SHAPE = (2048, 4096)
SCALES_ARCSEC = (0.05, 0.04)
AREA_RATIO = (SCALES_ARCSEC[1] / SCALES_ARCSEC[0]) ** 2
CASES = (("square", 1.0), ("square", 0.8), ("turbo", 1.0), ("point", 1.0))


@dataclass(frozen=True, eq=False)
class Case:
    """A chip, where it falls, and the output it needs."""

    rate: np.ndarray
    weight: np.ndarray
    mapping: TanToTan
    positions: np.ndarray
    box: PixelBox


def make_case(roll_deg: float, shape: tuple[int, int] = SHAPE) -> Case:
    """Return a chip of sky noise with 3% of its pixels masked."""
    random = np.random.default_rng(1)
    grid = TanGrid(150.0, 2.0, 4000.0, 4000.0, SCALES_ARCSEC[1], 8000, 8000)
    mapping = TanToTan.onto(grid, _distortion(random, roll_deg, shape))
    positions = map_pixels(mapping, PixelBox(-1, -1, shape[1] + 1, shape[0] + 1))
    flat = positions.reshape(-1, 2)
    (x0, y0), (x1, y1) = np.floor(flat.min(axis=0)) - 3, np.ceil(flat.max(axis=0)) + 4
    return Case(
        random.normal(0, 0.005, shape).astype(np.float32),
        np.where(random.random(shape) < 0.03, 0, 500).astype(np.float32),
        mapping,
        positions,
        PixelBox(int(x0), int(y0), int(x1), int(y1)),
    )


def _distortion(random: np.random.Generator, roll_deg: float, shape: tuple[int, int]) -> ChipDistortion:
    n_y, n_x = shape
    i, j = np.indices((6, 6))
    strength = np.where((i + j >= 2) & (i + j <= 5), 5.0 / (n_x / 2.0) ** (i + j), 0)
    cosine, sine = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    crpix = (n_x / 2, n_y / 2)

    def table() -> LookupTable:
        shifts = random.uniform(-0.05, 0.05, (n_y // 64, n_x // 64)).astype(np.float32)
        return LookupTable(shifts, (0.0, 0.0), (0.0, 0.0), (64.0, 64.0))

    return ChipDistortion(
        crpix,
        (150.001, 2.001),
        SCALES_ARCSEC[0] / 3600 * np.array([[-cosine, sine], [sine, cosine]]),
        180.0,
        SipPolynomials(
            strength * random.uniform(-1, 1, (6, 6)), strength * random.uniform(-1, 1, (6, 6)), crpix
        ),
        (table(), table()),
        (table(), table()),
    )


def new_target(case: Case) -> Target:
    """Return empty arrays for the output; their memory is cleared when it is first written to."""
    science, weight = (np.zeros(case.box.shape, dtype=np.float32) for _ in range(2))
    return Target(case.box, science, weight, np.zeros(case.box.shape, dtype=np.int32), None, 0)


def drizzle_compiled(
    case: Case,
    kernel: str,
    pixfrac: float,
    instructions: str = "",
    *,
    target: Target | None = None,
    max_error_pix: float = DrizzleParameters().mapping_error_pix,
) -> None:
    """Drizzle with the kernel of this project, mapping included, onto new arrays by default."""
    options = {"kernel": kernel, "pixfrac": pixfrac, "area_ratio": AREA_RATIO, "instructions": instructions}
    part = Part(case.rate, case.weight, None)
    nodes = place_nodes(case.mapping, case.rate.shape, max_error_pix)
    where = target or new_target(case)
    drizzle_onto(where, part, case.mapping, origin=(0, 0), node_rows=nodes.rows, **options)


def drizzle_package(case: Case, kernel: str, pixfrac: float) -> None:
    """Drizzle with the package, from its pixmap."""
    science, weight = (np.zeros(case.box.shape, dtype=np.float32) for _ in range(2))
    Drizzle(kernel, out_img=science, out_wht=weight, disable_ctx=True).add_image(
        case.rate,
        exptime=1.0,
        pixmap=case.positions[1:-1, 1:-1] - (case.box.x0, case.box.y0),
        iscale=AREA_RATIO,
        pixel_scale_ratio=sqrt(AREA_RATIO),
        weight_map=case.weight,
        pixfrac=pixfrac,
        in_units="cps",
    )


def map_chip(case: Case, instructions: str = "") -> None:
    """Evaluate where every pixel of the chip falls, and no more."""
    map_pixels(case.mapping, PixelBox(0, 0, *case.rate.shape[::-1]), instructions=instructions)


def measure(actions: list[Callable[[], None]], n_pixels: int, n_rounds: int) -> list[float]:
    """Return the least processor time of every action, nanoseconds per pixel; they take turns."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(n_rounds):
        for action, seen in zip(actions, times, strict=True):
            start_s = time.thread_time()
            action()
            seen.append(time.thread_time() - start_s)
    return [1e9 * min(seen) / n_pixels for seen in times]


def main() -> None:
    """Print a table: kernel, pixfrac, each instruction set, ``drizzle``, and the ratio to the fastest."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.kernel", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--roll", type=float, default=20.0, help="roll of the chip, degrees")
    options = parser.parse_args()
    case, sets = make_case(options.roll), instruction_sets()
    n_pixels = case.rate.size
    mapped = [lambda name=name: map_chip(case, name) for name in sets]
    rows = [("mapping", "", measure(mapped, n_pixels, options.rounds), None)]
    for kernel, pixfrac in CASES:
        ours = [lambda k=kernel, p=pixfrac, n=name: drizzle_compiled(case, k, p, n) for name in sets]
        theirs = [lambda k=kernel, p=pixfrac: drizzle_package(case, k, p)]
        *times_ns, package_ns = measure(ours + theirs, n_pixels, options.rounds)
        rows.append((kernel, str(pixfrac), times_ns, package_ns))
    sys.stdout.write(_table(sets, rows))


def _table(sets: tuple[str, ...], rows: list[tuple[str, str, list[float], float | None]]) -> str:
    lines = ["".join(f"{word:>10}" for word in ("kernel", "pixfrac", *sets, "drizzle", "ratio"))]
    for kernel, pixfrac, times_ns, package_ns in rows:
        words = [kernel, pixfrac, *(f"{time_ns:.1f}" for time_ns in times_ns)]
        words += [] if package_ns is None else [f"{package_ns:.1f}", f"{package_ns / times_ns[0]:.1f}"]
        lines.append("".join(f"{word:>10}" for word in words))
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
