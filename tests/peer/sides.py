"""The two sides of the check: one layer by AstroDrizzle in its own process, and by mvmdb in this one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from mvmdb.files.exposure import read_exposure
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records import (
    ENGINE,
    ChipFacts,
    DrizzleParameters,
    ExposureFacts,
    LayerImage,
    LayerInput,
    LayerPlan,
)
from mvmdb.sky.grid import PixelBox, TanGrid
from tests.peer.comparison import Mosaic
from tests.support.layers import layer_of

GOOD_BITS = {"wfc": 80, "hrc": 80, "uvis": 80, "ir": 528, "pc": 2 + 8 + 1024}
"""DQ bits that reject no pixel, on both sides."""
SKY_BITS = {"wfc": 80, "hrc": 80, "uvis": 80, "ir": 16, "pc": 8 + 1024}
"""DQ bits of pixels in which the peer may measure its sky, as the reference pipeline sets them."""
_SCRIPT = Path(__file__).with_name("run_astrodrizzle.py")
_SHADOW_BIT = 1
_SHADOW_PIX = 60

Levels = dict[str, list[float]]
"""Sky subtracted from each chip, by root name, in the unit of the pixels."""


def make_plan(skycell: SkycellName, layer: LayerName, extent: PixelBox, files: Sequence[Path]) -> LayerPlan:
    """Return the plan of a layer of some files, in order of time, as a catalogue would make it."""
    facts = sorted((read_exposure(path) for path in files), key=lambda exposure: exposure.start_mjd)
    chips = [(number, exposure, chip) for number, exposure in enumerate(facts) for chip in exposure.chips]
    return LayerPlan(
        skycell=skycell,
        layer=layer,
        selection="all",
        product_name=ProductName(skycell, layer),
        extent=extent,
        inputs=tuple(_layer_input(index, *chip) for index, chip in enumerate(chips)),
        parameters=DrizzleParameters(good_bits=GOOD_BITS[layer.detector], mapping_error_pix=0.0),
        parameter_set="peer check",
        engine=ENGINE,
    )


def _layer_input(index: int, exposure_id: int, exposure: ExposureFacts, chip: ChipFacts) -> LayerInput:
    return LayerInput(
        context_index=index,
        exposure_id=exposure_id,
        rootname=exposure.rootname,
        revision=1,
        chip=chip.chip,
        hdu_index=chip.hdu_index,
        file_path=exposure.file_path,
        file_sha256=exposure.file_sha256,
        exptime_s=exposure.exptime_s,
        start_mjd=exposure.start_mjd,
        end_mjd=exposure.end_mjd,
        wcsname=chip.wcsname,
        pixel_scale_arcsec=chip.pixel_scale_arcsec,
        bunit=chip.bunit,
        gain_e_per_dn=chip.gain_e_per_dn,
        photflam=chip.photflam,
    )


def plan_files(plan: LayerPlan) -> list[Path]:
    """Return the files of a plan, each once, in drizzle order."""
    return list(dict.fromkeys(Path(item.file_path) for item in plan.inputs))


def build_ours(plan: LayerPlan) -> tuple[LayerImage, Mosaic]:
    """Return a layer by mvmdb."""
    image = layer_of(plan)
    return image, Mosaic(image.science, image.weight, image.context)


@dataclass(frozen=True)
class Peer:
    """AstroDrizzle in its own environment."""

    python: Path
    stepsize: int = 1
    """Distance of the nodes of its mapping, input pixels; 1 is exact at every pixel."""
    context: bool = True
    """Whether it makes a context image; :meth:`build` needs one."""

    @property
    def command(self) -> list[str]:
        """What :meth:`run` runs, in the prepared directory."""
        return [str(self.python), "-P", str(_SCRIPT), "job.json"]

    def build(self, plan: LayerPlan, directory: Path, *, sky_match: bool) -> tuple[Mosaic, Levels]:
        """Return a layer by AstroDrizzle and the sky it subtracted.

        Parameters
        ----------
        plan
            Inputs, grid and DQ bits.
        directory
            Work place, emptied first; AstroDrizzle changes the copies of the inputs there.
        sky_match
            Whether the sky is matched and subtracted.

        Raises
        ------
        RuntimeError
            AstroDrizzle failed; the message holds the end of what it said.
        """
        self.prepare(plan, directory, sky_match=sky_match)
        self.run(directory)
        levels = json.loads((directory / "sky.json").read_text())
        return read_mosaic(next(directory.glob("mosaic_dr?.fits"))), {
            name.split("_")[0]: found for name, found in levels.items()
        }

    def prepare(self, plan: LayerPlan, directory: Path, *, sky_match: bool) -> None:
        """Write what :meth:`run` needs: copies of the inputs, the grid, and the job."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        names = [_copy_for_peer(path, directory) for path in plan_files(plan)]
        write_reference(directory / "reference.fits", plan.grid)
        job = {
            "inputs": names,
            "output": "mosaic",
            "reference": "reference.fits[SCI]",
            "good_bits": plan.parameters.good_bits,
            "sky_bits": SKY_BITS[plan.layer.detector],
            "sky_match": sky_match,
            "stepsize": self.stepsize,
            "context": self.context,
        }
        (directory / "job.json").write_text(json.dumps(job))

    def run(self, directory: Path) -> None:
        """Run AstroDrizzle on what has been prepared.

        Raises
        ------
        RuntimeError
            AstroDrizzle failed; the message holds the end of what it said.
        """
        with (directory / "output.txt").open("wb") as said:
            done = subprocess.run(
                self.command, cwd=directory, stdout=said, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            tail = (directory / "output.txt").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"AstroDrizzle failed in {directory}:\n{tail}")


def grid_header(grid: TanGrid) -> fits.Header:
    """Return the WCS of a grid."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = grid.crval_ra_deg, grid.crval_dec_deg
    header["CRPIX1"], header["CRPIX2"] = grid.crpix_x, grid.crpix_y
    header["CD1_1"], header["CD1_2"] = -grid.cd_deg, 0.0
    header["CD2_1"], header["CD2_2"] = 0.0, grid.cd_deg
    header["RADESYS"] = "ICRS"
    return header


def write_reference(path: Path, grid: TanGrid) -> None:
    """Write an image that is nothing but the WCS of a grid."""
    image = fits.ImageHDU(np.zeros(grid.shape, np.float32), grid_header(grid), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)


def read_mosaic(path: Path) -> Mosaic:
    """Read what AstroDrizzle wrote; one context plane is an image, several are a cube."""
    with fits.open(path, memmap=False) as hdus:
        science, weight, context = (hdus[name].data for name in ("SCI", "WHT", "CTX"))
    planes = context.reshape(-1, *science.shape)
    return Mosaic(science.astype("f4"), weight.astype("f4"), planes.astype("i4"))


def _copy_for_peer(path: Path, directory: Path) -> str:
    """Copy an exposure with the keywords AstroDrizzle insists on, and a c0m with its c1m."""
    with fits.open(path, memmap=False) as hdus:
        primary = hdus[0].header
        if primary.get("DGEOFILE", "N/A") != "N/A" and "NPOLFILE" not in primary:
            primary["NPOLFILE"] = "N/A"  # it would ask on the terminal
        chips = [hdu for hdu in hdus if hdu.name == "SCI"]
        for chip in chips:
            _suit_header(chip.header)
        hdus.writeto(directory / path.name)
        if path.name.endswith("_c0m.fits"):
            _write_shadow_dq(directory / path.name.replace("_c0m", "_c1m"), chips)
    return path.name


def _suit_header(header: fits.Header) -> None:
    """Add what AstroDrizzle reads, and move what it trips over when it stands before the CD matrix."""
    header.setdefault("MEANDARK", 0.0)
    header.setdefault("NGOODPIX", header["NAXIS1"] * header["NAXIS2"])  # with 0 it would drop the file
    header.setdefault("BUNIT", "COUNTS")  # missing from WFPC2 only; it would take electrons per second
    for keyword in ("ORIENTAT", "VAFACTOR"):
        if keyword in header:
            header.append((keyword, header.pop(keyword)), end=True)


def _write_shadow_dq(path: Path, chips: Sequence[fits.ImageHDU]) -> None:
    """Write the DQ file of a WFPC2 exposure: the shadow of the pyramid, as mvmdb masks it without one."""
    hdus = [fits.PrimaryHDU()]
    for chip in chips:
        dq = np.zeros(chip.shape, np.int16)
        dq[:_SHADOW_PIX] = dq[:, :_SHADOW_PIX] = _SHADOW_BIT
        hdus.append(fits.ImageHDU(dq, name="SCI", ver=chip.ver))
    fits.HDUList(hdus).writeto(path)


def subtract_levels(plan: LayerPlan, levels: Levels, directory: Path) -> LayerPlan:
    """Return the plan with inputs from which the given sky has been subtracted, written to a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    copies = []
    for path in plan_files(plan):
        with fits.open(path, memmap=False) as hdus:
            chips = [hdu for hdu in hdus if hdu.name == "SCI"]
            for chip, level in zip(chips, levels[path.name.split("_")[0]], strict=True):
                chip.data = chip.data.astype(np.float32) - np.float32(level)
            hdus.writeto(directory / path.name, overwrite=True)
        copies.append(directory / path.name)
    same = make_plan(plan.skycell, plan.layer, plan.extent, copies)
    return replace(same, parameters=plan.parameters, parameter_set=plan.parameter_set)
