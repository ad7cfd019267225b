"""Run AstroDrizzle as one job says. Run by the peer's interpreter alone: it knows nothing of mvmdb.

Usage: python -P run_astrodrizzle.py job.json   (in the directory of the input copies, which it changes)
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from astropy.io import fits
from drizzlepac.astrodrizzle import AstroDrizzle

FELL_BACK = "Reverting sky computation"
LOG = "astrodrizzle.log"


def run(job: dict[str, Any]) -> None:
    """Drizzle the inputs of a job onto its reference image: square kernel, weights of exposure time."""
    match = bool(job["sky_match"])
    AstroDrizzle(
        input=job["inputs"],
        output=job["output"],
        runfile=LOG,
        updatewcs=False,
        build=True,
        context=job["context"],
        preserve=False,
        clean=True,
        in_memory=False,
        num_cores=1,
        # WFPC2 would else be divided by the gain of the last chip; the others are in electrons anyway
        proc_unit="electrons",
        resetbits=0,
        stepsize=job["stepsize"],
        static=False,
        skysub=match,
        skymethod="match",
        skystat="median",
        skylower=-100.0,
        skyupper=None,
        use_static=False,
        sky_bits=job["sky_bits"],
        driz_separate=False,
        median=False,
        blot=False,
        driz_cr=False,
        driz_combine=True,
        final_kernel="square",
        final_pixfrac=1.0,
        final_wht_type="EXP",
        final_wt_scl="exptime",
        final_units="cps",
        final_bits=job["good_bits"],
        final_fillval=None,
        final_wcs=True,
        final_refimage=job["reference"],
    )


def read_levels(names: list[str]) -> dict[str, list[float]]:
    """Return the sky that was subtracted from each chip of each file, in the unit of its pixels."""
    levels = {}
    for name in names:
        with fits.open(name) as hdus:
            levels[name] = [float(hdu.header.get("MDRIZSKY", 0.0)) for hdu in hdus if hdu.name == "SCI"]
    return levels


def main(path: Path) -> None:
    """Carry out the job in a file and write the sky levels beside it."""
    job = json.loads(path.read_text())
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    run(job)
    cost = {"wall_s": time.perf_counter() - start_s, "cpu_s": time.process_time() - start_cpu_s}
    path.with_name("cost.json").write_text(json.dumps(cost))
    if FELL_BACK in Path(LOG).read_text():
        raise SystemExit("AstroDrizzle could not match the sky and used another method")
    levels = read_levels(job["inputs"]) if job["sky_match"] else {}
    path.with_name("sky.json").write_text(json.dumps(levels))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
