"""Resample one chip by ``reproject``. Run by the peers' interpreter alone: it knows nothing of mvmdb.

Usage: python -P run_reproject.py exposure.fits HDU_INDEX grid.txt costs.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_adaptive, reproject_exact, reproject_interp

METHODS = {"interp": reproject_interp, "adaptive": reproject_adaptive, "exact": reproject_exact}
_MARGIN_PIX = 2


def main(exposure: Path, hdu_index: int, grid: Path, costs: Path) -> None:
    """Write the seconds of every method as JSON."""
    with fits.open(exposure) as hdus:
        image = hdus[hdu_index].data.astype(np.float64)
        wcs = WCS(hdus[hdu_index].header, hdus)
    output, shape = _around(wcs, image.shape, WCS(fits.Header.fromtextfile(grid)))
    found = {}
    for name, method in METHODS.items():
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        method((image, wcs), output, shape_out=shape)
        wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        found[name] = {"wall_s": wall_s, "cpu_s": cpu_s, "n_input_pixels": image.size}
    costs.write_text(json.dumps(found))


def _around(wcs: WCS, shape: tuple[int, int], grid: WCS) -> tuple[WCS, tuple[int, int]]:
    """Return the part of a grid that holds an image."""
    n_y, n_x = shape
    corners = wcs.all_pix2world([[-1, -1], [-1, n_y], [n_x, -1], [n_x, n_y]], 0)
    pixels = grid.wcs_world2pix(corners, 0)
    low, high = np.floor(pixels.min(axis=0)) - _MARGIN_PIX, np.ceil(pixels.max(axis=0)) + _MARGIN_PIX
    part = grid.deepcopy()
    part.wcs.crpix -= low
    width, height = (high - low).astype(int)
    return part, (int(height), int(width))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
