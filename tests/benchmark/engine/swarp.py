"""SWarp's side: it combines plain chips with weight maps, and knows SIP but no lookup tables."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits

from mvmdb.records import LayerInput, LayerPlan
from tests.benchmark.engine.cases import N_THREADS
from tests.benchmark.engine.costs import Cost, run_measured
from tests.peer.sides import grid_header

_WCS_KEYWORDS = ("RADESYS", "CTYPE", "CRVAL", "CRPIX", "CUNIT", "CD1_", "CD2_", "A_", "B_")
_OPTIONS: Mapping[str, str | int] = {
    "COMBINE_TYPE": "WEIGHTED",
    "RESAMPLING_TYPE": "LANCZOS3",
    "WEIGHT_TYPE": "MAP_WEIGHT",
    "SUBTRACT_BACK": "N",
    "NTHREADS": N_THREADS,
    "WRITE_XML": "N",
    "VERBOSE_TYPE": "QUIET",
}


def find_swarp() -> str | None:
    """Return the command, or None where it is not installed."""
    return shutil.which("SWarp") or shutil.which("swarp")


def swarp_layer(command: str, plan: LayerPlan, directory: Path) -> Cost:
    """Combine the inputs of a plan on its grid and return what that cost, making the plain chips not counted.

    Parameters
    ----------
    command
        As :func:`find_swarp` gives it.
    directory
        Work place, emptied first.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    names = [_write_chip(item, plan.parameters.good_bits, directory) for item in plan.inputs]
    (directory / "coadd.head").write_text(_head(plan))
    options = [word for key, value in _OPTIONS.items() for word in (f"-{key}", str(value))]
    return run_measured([command, *names, *options], directory)


def _write_chip(item: LayerInput, good_bits: int, directory: Path) -> str:
    """Write rate and weight of a chip as two files and return the name of the first."""
    name = f"{item.rootname}_{item.chip}"
    with fits.open(item.file_path) as hdus:
        science, dq = hdus[item.hdu_index], hdus["DQ", item.chip].data
        good = np.isfinite(science.data) & (dq & ~good_bits == 0)
        rate = np.where(good, science.data / item.exptime_s, 0).astype(np.float32)
        cards = [card for card in science.header.cards if card.keyword.startswith(_WCS_KEYWORDS)]
    fits.PrimaryHDU(rate, fits.Header(cards)).writeto(directory / f"{name}.fits")
    weight = np.where(good, item.exptime_s, 0).astype(np.float32)
    fits.PrimaryHDU(weight).writeto(directory / f"{name}.weight.fits")
    return f"{name}.fits"


def _head(plan: LayerPlan) -> str:
    """Return the output grid as SWarp reads it from a .head file: cards, one to a line."""
    header = grid_header(plan.grid)
    n_y_pix, n_x_pix = plan.grid.shape
    size = [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", n_x_pix), ("NAXIS2", n_y_pix)]
    return fits.Header([*size, *header.cards, ("EQUINOX", 2000.0)]).tostring(sep="\n") + "\n"
