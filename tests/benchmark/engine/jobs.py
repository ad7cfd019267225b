"""One job in a process of its own: ``python -m tests.benchmark.engine.jobs NAME ...`` prints what it cost.

A process of its own, so that memory is that of the job; the clock runs from the first file that is opened to
the file that is synced, imports not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from drizzle.resample import Drizzle
from drizzle.utils import calc_pixmap

from mvmdb.files.exposure import read_exposure
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import publish
from mvmdb.pipeline.draw import draw_product
from mvmdb.records import ChipOutline, LayerPlan
from mvmdb.sky.grid import skycell_grid
from tests.benchmark.engine.cases import CASES
from tests.support.outlines import square

STAMP = BuildStamp(
    "11111111-2222-4333-8444-555555555555", 1, "2026-11-22T18:30:05", {"mvmdb": "0.1.0", "drizzle": "3.0.0"}
)
_SAMPLE_S = 0.01


def build(plan: LayerPlan, outlines: Sequence[ChipOutline], directory: Path, n_threads: int) -> Path:
    """Draw the product of a plan, whole."""
    staged, _ = draw_product(directory, plan, STAMP, outlines, n_threads=n_threads)
    return Path(publish(staged).path)


def plain_drizzle(plan: LayerPlan, n_chips: int) -> None:
    """Drizzle the first chips as the documentation of ``drizzle`` shows: calc_pixmap and add_image."""
    header = fits.Header()
    grid = plan.grid
    header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=grid.crval_ra_deg, CRVAL2=grid.crval_dec_deg)
    header.update(CRPIX1=grid.crpix_x, CRPIX2=grid.crpix_y, CD1_1=-grid.cd_deg, CD2_2=grid.cd_deg, CD1_2=0.0)
    output = WCS(header)
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


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Give what the block cost: seconds, processor seconds, and the most memory of its own, GiB."""
    cost: dict[str, float] = {}
    stop = threading.Event()
    peak = [_own_bytes()]

    def watch() -> None:
        while not stop.wait(_SAMPLE_S):
            peak.append(max(peak.pop(), _own_bytes()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost["wall_s"] = round(time.perf_counter() - start_s, 3)
        cost["cpu_s"] = round(time.process_time() - start_cpu_s, 3)
        stop.set()
        watcher.join()
        cost["peak_gib"] = round(peak[0] / 2**30, 3)


def _own_bytes() -> int:
    """Return the anonymous memory of this process: what it holds beside pages of files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Run one job and print its cost as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["build", "append", "plain"])
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("exposures", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    case = CASES[options.case]
    plan = case.plan(case.make_exposures(options.exposures))
    print(json.dumps(_JOBS[options.job](plan, options)))


def _build(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    outlines = list(_outlines(plan))
    with measured() as cost:
        path = build(plan, outlines, options.directory, options.threads)
    return cost | {"output_bytes": path.stat().st_size, "n_input_pixels": _n_pixels(plan)}


def _outlines(plan: LayerPlan) -> Iterator[ChipOutline]:
    """Yield the outlines that the catalogue would give."""
    grid = skycell_grid(plan.skycell)
    for path in dict.fromkeys(item.file.path for item in plan.inputs):
        exposure = read_exposure(path)
        for chip in exposure.chips:
            vertices = np.column_stack(grid.sky_to_pixel(*np.transpose(chip.footprint)))
            yield square((0, 0, 1, 1), exposure.rootname, exptime_s=exposure.exptime_s, vertices_pix=vertices)


def _append(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    raise NotImplementedError


def _plain(plan: LayerPlan, options: argparse.Namespace) -> dict[str, Any]:
    n_chips = 2
    with measured() as cost:
        plain_drizzle(plan, n_chips)
    return cost | {"n_input_pixels": _n_pixels(plan) * n_chips / len(plan.inputs)}


def _n_pixels(plan: LayerPlan) -> int:
    """Return the number of input pixels; all chips of a case are of one size."""
    with fits.open(plan.inputs[0].file_path) as hdus:
        return int(np.prod(hdus[plan.inputs[0].hdu_index].shape)) * len(plan.inputs)


_JOBS = {"build": _build, "append": _append, "plain": _plain}

if __name__ == "__main__":
    sys.exit(main())
