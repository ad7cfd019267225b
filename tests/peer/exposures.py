"""The exposures of the cases: real ones as they are, real headers filled with pixels, or simulated ones."""

from __future__ import annotations

import gzip
import os
from itertools import product
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from mvmdb.simulate.exposure import inject_stars, simulate_programme
from mvmdb.simulate.field import demo_centre_deg
from mvmdb.simulate.planned import PlannedExposure
from mvmdb.simulate.scene import cluster_scene

_DITHER_DEG = 5e-4
_STAR_STEP_PIX = 60
_SKY_E_PER_S = 0.12
_READ_NOISE_E = 5.0
_SHADOW_PIX = 60
_SHIFT_ARCSEC, _TURN_DEG = (17.0, -11.0), 24.0


class MissingExposuresError(Exception):
    """The shared data that a case needs are not there."""


def _unpack(folder: str, pattern: str, directory: Path) -> list[Path]:
    """Return the exposures of a shared folder as plain files."""
    source = Path(os.environ.get("MVMDB_SHARED", "../shared")) / "data" / "exposures" / folder
    if not source.is_dir():
        raise MissingExposuresError(f"no {source}; set MVMDB_SHARED")
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for path in sorted(source.glob(pattern)):
        found.append(directory / path.name.removesuffix(".gz"))
        found[-1].write_bytes(gzip.decompress(path.read_bytes()))
    return found


def real_wfc3_ir(directory: Path) -> list[Path]:
    """Return two visits of GOODS-S in F125W: seven exposures with their masks."""
    return _unpack("wfc3_ir_goodss", "ib6o0[34]*", directory)


def real_acs_hrc(directory: Path) -> list[Path]:
    """Return two exposures of 47 Tuc; their filters differ, which the arithmetic does not mind."""
    return _unpack("acs_hrc_47tuc", "*_flt.fits.gz", directory)


def filled_acs_wfc(directory: Path) -> list[Path]:
    """Return two exposures with real headers and lookup tables, filled with stars, sky, noise and flaws."""
    empty = _unpack("acs_wfc_47tuc_zero_pixels", "*_flt.fits.gz", directory / "empty")
    ra_deg, dec_deg = _star_grid(empty[0])
    filled = []
    for k, path in enumerate(empty):
        stars = inject_stars(
            path, directory / path.name, ra_deg=ra_deg, dec_deg=dec_deg, flux_e_s=400.0, fwhm_arcsec=0.11
        )
        _add_sky_and_flaws(stars, np.random.default_rng([47, k]))
        filled.append(stars)
    return filled


def _star_grid(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions over both chips of an exposure, jittered so that all pixel phases occur."""
    rng = np.random.default_rng(4711)
    found = []
    with fits.open(path) as hdus:
        for chip in (1, 2):
            y, x = np.mgrid[30:2030:_STAR_STEP_PIX, 30:4080:_STAR_STEP_PIX].reshape(2, -1)
            jitter = rng.uniform(-15, 15, (2, x.size))
            found.append(WCS(hdus["SCI", chip].header, hdus).all_pix2world(x + jitter[0], y + jitter[1], 0))
    ra_deg, dec_deg = np.concatenate(found, axis=1)
    return ra_deg, dec_deg


def _add_sky_and_flaws(path: Path, rng: np.random.Generator) -> None:
    """Add sky with its noise; flag and brighten cosmic rays, hot pixels (to be accepted) and bad ones."""
    with fits.open(path, mode="update", memmap=False) as hdus:
        exptime_s = hdus[0].header["EXPTIME"]
        for chip in (1, 2):
            science, dq = hdus["SCI", chip], hdus["DQ", chip]
            electrons = science.data.astype(np.float32) + np.float32(_SKY_E_PER_S * exptime_s)
            noise = np.sqrt(np.maximum(electrons, 0) + _READ_NOISE_E**2)
            electrons += noise * rng.standard_normal(electrons.shape, dtype=np.float32)
            chance = rng.random(electrons.shape, dtype=np.float32)
            flags = np.zeros(electrons.shape, np.int16)
            for bit, low, high in ((4096, 0.0, 0.02), (16, 0.03, 0.04), (64, 0.035, 0.045), (4, 0.05, 0.052)):
                hit = (chance >= low) & (chance < high)
                flags[hit] |= bit
                electrons[hit] += 500.0 if bit != 64 else 20.0
            science.data, dq.data = electrons, flags


def repeated_wfpc2(directory: Path) -> list[Path]:
    """Return an exposure of omega Cen as c0m, and the same pixels turned and shifted as an FLT with DQ."""
    (path,) = _unpack("wfpc2_omegacen", "*_c0m.fits.gz", directory)
    return [path, _second_wfpc2(path, path.with_name("u40x010im_flt.fits"))]


def _second_wfpc2(path: Path, destination: Path) -> Path:
    rng = np.random.default_rng(391)
    turn = np.radians(_TURN_DEG)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    with fits.open(path, memmap=False) as hdus:
        primary = hdus[0].header
        primary["ROOTNAME"], primary["FILENAME"] = "u40x010im", destination.name
        for keyword in ("EXPSTART", "EXPEND"):
            primary[keyword] += 0.01
        chips, quality = list(hdus[1:]), []
        for chip in chips:
            _point_anew(chip.header, rotation)
            flags = rng.choice([0, 2, 8, 1024, 16, 4096], chip.shape, p=[0.94, 0.01, 0.01, 0.01, 0.01, 0.02])
            flags[:_SHADOW_PIX] |= 1
            flags[:, :_SHADOW_PIX] |= 1
            quality.append(fits.ImageHDU(flags.astype(np.int16), name="DQ", ver=chip.ver))
        # AstroDrizzle takes the DQ whose EXTVER is the position of SCI in the file: SCI must come first.
        fits.HDUList([hdus[0], *chips, *quality]).writeto(destination, overwrite=True)
    return destination


def _point_anew(header: fits.Header, rotation: NDArray[np.float64]) -> None:
    """Turn and shift the WCS of a chip, so that chips of both exposures overlap."""
    cd = rotation @ [[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]]
    for i, j in product((0, 1), repeat=2):
        header[f"CD{i + 1}_{j + 1}"] = float(cd[i, j])
    header["CRVAL1"] += _SHIFT_ARCSEC[0] / 3600 / np.cos(np.radians(header["CRVAL2"]))
    header["CRVAL2"] += _SHIFT_ARCSEC[1] / 3600


def simulated(
    detector_name: str, filter_name: str, directory: Path, *, n_exposures: int = 3, chip_pix: int = 1024
) -> list[Path]:
    """Return simulated exposures of a cluster at different rolls and places, with chips cut to a square."""
    ra_deg, dec_deg = demo_centre_deg()
    letter = "j" if detector_name.startswith("acs") else "i"
    programme = [
        PlannedExposure(
            rootname=f"{letter}zp{k:02d}ra1q",
            detector_name=detector_name,
            filter=filter_name,
            exptime_s=400.0 + 130.0 * (k % 3),
            start_mjd=53000.0 + 200.0 * k,
            ra_deg=ra_deg + _DITHER_DEG * np.cos(2.4 * k) / np.cos(np.radians(dec_deg)),
            dec_deg=dec_deg + _DITHER_DEG * np.sin(2.4 * k),
            orient_deg=2.0 + 45.5 * k,
            crop_pix=chip_pix,
        )
        for k in range(n_exposures)
    ]
    passbands = {planned.band: planned.passband for planned in programme}
    scene = cluster_scene(ra_deg=ra_deg, dec_deg=dec_deg, radius_arcsec=70.0, passbands=passbands, seed=1889)
    return list(simulate_programme(programme, scene, directory))
