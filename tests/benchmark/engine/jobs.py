"""One job in a process of its own: ``python -m tests.benchmark.engine.jobs NAME ...`` prints what it cost.

A process of its own, so that memory is that of the job; the clock runs from the first file that is opened to
the file that is synced, imports not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from drizzle.resample import Drizzle
from drizzle.utils import calc_pixmap

from mvmdb.files.exposure import read_exposure
from mvmdb.files.header import BuildStamp
from mvmdb.files.piece_reader import tree_sha256
from mvmdb.files.product import publish
from mvmdb.pipeline.draw import draw_product
from mvmdb.records import BaseProduct, ChipOutline, LayerPlan, PublishedFile
from mvmdb.sky.grid import skycell_grid
from tests.benchmark.engine.cases import CASES, N_THREADS, n_input_pixels
from tests.benchmark.engine.costs import measured
from tests.benchmark.engine.steps import timed_steps
from tests.peer.sides import grid_header
from tests.support.outlines import square

STAMP = BuildStamp(
    "11111111-2222-4333-8444-555555555555", 1, "2026-11-22T18:30:05", {"mvmdb": "0.1.0", "drizzle": "3.0.0"}
)
N_PLAIN_CHIPS = 2
"""Chips that plain ``drizzle`` gets; it takes seconds for each."""


def build(
    plan: LayerPlan,
    outlines: Sequence[ChipOutline],
    directory: Path,
    n_threads: int,
    *,
    base: BaseProduct | None = None,
) -> Path:
    """Draw the product of a plan, and give it its name."""
    staged, _ = draw_product(directory, plan, STAMP, outlines, base=base, n_threads=n_threads)
    return Path(publish(staged).path)


def plain_drizzle(plan: LayerPlan, n_chips: int) -> None:
    """Drizzle the first chips as the documentation of ``drizzle`` shows: calc_pixmap and add_image."""
    grid = plan.grid
    output = WCS(grid_header(grid))
    output.pixel_shape = grid.shape[::-1]
    driz = Drizzle("square", out_shape=grid.shape, max_ctx_id=n_chips)
    for item in plan.inputs[:n_chips]:
        with fits.open(item.file_path) as hdus:
            science = hdus[item.hdu_index]
            wcs = WCS(science.header, hdus)
            weight = np.where(hdus["DQ", item.chip].data & ~80 == 0, item.exptime_s, 0).astype(np.float32)
            pixmap = calc_pixmap(wcs, output)
            rate = science.data.astype(np.float32) / np.float32(item.exptime_s)
            driz.add_image(rate, item.exptime_s, pixmap, weight_map=weight)


def main() -> None:
    """Run one job and print its cost as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=list(_JOBS))
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("exposures", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--threads", type=int, default=N_THREADS)
    options = parser.parse_args()
    plan = CASES[options.case].plan_of(options.exposures)
    print(json.dumps(_JOBS[options.job](plan, options)))


def _build(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    outlines = list(_outlines(plan))
    with measured() as cost:
        path = build(plan, outlines, options.directory, options.threads)
    return cost | {"output_bytes": path.stat().st_size}


def _steps(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    """Build with a clock around every step; processor seconds by step, of all threads."""
    outlines = list(_outlines(plan))
    with timed_steps() as seconds, measured() as cost:
        build(plan, outlines, options.directory, options.threads)
    rest_s = cost["cpu_s"] - seconds.total()
    return cost | {"steps_cpu_s": dict(seconds) | {"everything else": rest_s}}


def _outlines(plan: LayerPlan) -> Iterator[ChipOutline]:
    """Yield the outlines that the catalogue would give."""
    grid = skycell_grid(plan.skycell)
    for path in dict.fromkeys(item.file.path for item in plan.inputs):
        exposure = read_exposure(path)
        for chip in exposure.chips:
            vertices = np.column_stack(grid.sky_to_pixel(*np.transpose(chip.footprint)))
            yield square((0, 0, 1, 1), exposure.rootname, exptime_s=exposure.exptime_s, vertices_pix=vertices)


def _append(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    """Go on from a product of all exposures but the last."""
    n_old = sum(item.rootname != plan.inputs[-1].rootname for item in plan.inputs)
    first = replace(plan, inputs=plan.inputs[:n_old])
    file = build(first, list(_outlines(first)), options.directory, options.threads)
    base = BaseProduct(
        PublishedFile(str(file), tree_sha256(file), file.stat().st_size),
        "in_place",
        1,
        first.recipe(),
        ((1.0, 0.0, 0),) * n_old,
    )
    file.with_suffix(".former").hardlink_to(file)  # kept, as publication keeps it
    outlines = list(_outlines(plan))
    with measured() as cost:
        path = build(plan, outlines, options.directory, options.threads, base=base)
    return cost | {"output_bytes": path.stat().st_size}


def _plain(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    with measured() as cost:
        plain_drizzle(plan, N_PLAIN_CHIPS)
    return cost | {"n_input_pixels": n_input_pixels(plan) * N_PLAIN_CHIPS // len(plan.inputs)}


_JOBS = {"build": _build, "append": _append, "plain": _plain, "steps": _steps}

if __name__ == "__main__":
    sys.exit(main())
