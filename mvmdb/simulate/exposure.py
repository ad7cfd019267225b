"""Simulated exposures as FITS files: one at a time, a whole programme, or stars added to a real one."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from mvmdb.errors import HeaderError
from mvmdb.simulate.detectors import Chip
from mvmdb.simulate.distortion import ChipPointing, area_ratio, point_chip, table_hdus, wcs_cards
from mvmdb.simulate.header import extension_cards, primary_header, science_cards
from mvmdb.simulate.noise import ChipPixels, add_flaws, expose
from mvmdb.simulate.painting import gaussian_psf, paint_scene, paint_stars
from mvmdb.simulate.planned import PlannedExposure
from mvmdb.simulate.scene import Scene, Stars


def simulate_exposure(
    planned: PlannedExposure,
    scene: Scene,
    directory: Path,
    *,
    seed: int = 0,
    noiseless: bool = False,
    with_artifacts: bool = True,
) -> Path:
    """Write one simulated exposure.

    Parameters
    ----------
    scene
        Has fluxes and a sky in the band of the exposure.
    directory
        Where the file goes; it appears whole or not at all.
    seed
        Of noise and cosmic rays; with the root name it decides every bit of the file.
    noiseless
        Leave out shot noise and read noise; ERR is as it would be.
    with_artifacts
        Add cosmic rays, hot, bad and saturated pixels with their DQ bits; without, DQ is 0.

    Returns
    -------
    pathlib.Path
        ``directory / planned.file_name``.
    """
    tables = _all_tables(planned)
    hdus: list[fits.ImageHDU] = []
    for k, chip in enumerate(planned.detector.chips):
        rng = np.random.default_rng([seed, zlib.crc32(planned.rootname.encode()), k])
        pixels = _chip_pixels(
            planned, scene, k, rng=rng, tables=tables, noiseless=noiseless, with_artifacts=with_artifacts
        )
        hdus += _chip_hdus(planned, chip, k, pixels)
    header = primary_header(planned, n_extensions=len(hdus) + len(tables))
    path = Path(directory) / planned.file_name
    _write(fits.HDUList([fits.PrimaryHDU(header=header), *hdus, *tables]), path)
    return path


def _all_tables(planned: PlannedExposure) -> list[fits.ImageHDU]:
    detector = planned.detector
    return [
        hdu
        for k, chip in enumerate(detector.chips)
        for hdu in table_hdus(detector, chip, first_table=_first_table(k))
    ]


def _first_table(chip_index: int) -> int:
    """Return the EXTVER of a chip's first lookup table: two to a chip, counted through the file."""
    return 2 * chip_index + 1


def _true_pointing(planned: PlannedExposure, chip: Chip) -> ChipPointing:
    return point_chip(
        planned.detector,
        chip,
        ra_deg=planned.ra_deg,
        dec_deg=planned.dec_deg,
        orient_deg=planned.orient_deg,
    )


def _stated_pointing(planned: PlannedExposure, chip: Chip) -> ChipPointing:
    """Return what the header says: the truth and the error of the astrometric solution."""
    true = _true_pointing(planned, chip)
    east_deg, north_deg = (error / 3600 for error in planned.wcs_error_arcsec)
    return replace(
        true,
        ra_deg=true.ra_deg + east_deg / np.cos(np.radians(true.dec_deg)),
        dec_deg=true.dec_deg + north_deg,
    )


def _chip_pixels(
    planned: PlannedExposure,
    scene: Scene,
    chip_index: int,
    *,
    rng: np.random.Generator,
    tables: Sequence[fits.ImageHDU],
    noiseless: bool,
    with_artifacts: bool,
) -> ChipPixels:
    detector, band = planned.detector, planned.band
    chip = detector.chips[chip_index]
    cards = wcs_cards(chip, _true_pointing(planned, chip), first_table=_first_table(chip_index))
    wcs = WCS(fits.Header(cards), fobj=fits.HDUList([fits.PrimaryHDU(), *tables]))
    shape = chip.n_y_pix, chip.n_x_pix
    rate = paint_scene(scene, band, wcs, shape, psf_fwhm_arcsec=planned.passband.psf_fwhm_arcsec)
    rate *= area_ratio(wcs, shape, scale_arcsec=detector.scale_arcsec)
    rate += np.float32(scene.sky_e_s_arcsec2[band] * detector.scale_arcsec**2)
    exptime_s = planned.exptime_s
    pixels = expose(rate, exptime_s=exptime_s, detector=detector, rng=None if noiseless else rng)
    if with_artifacts:
        chip_key = f"{detector.name} chip {chip.ccdchip}"
        add_flaws(pixels, exptime_s=exptime_s, detector=detector, chip_key=chip_key, rng=rng)
    return pixels


def _chip_hdus(
    planned: PlannedExposure, chip: Chip, chip_index: int, pixels: ChipPixels
) -> list[fits.ImageHDU]:
    per_unit = np.float32(planned.exptime_s if planned.detector.counts_per_s else 1.0)
    wcs = wcs_cards(chip, _stated_pointing(planned, chip), first_table=_first_table(chip_index))
    shared = extension_cards(planned)
    contents = (
        ("SCI", pixels.science_e / per_unit, [*shared, *science_cards(planned, chip), *wcs]),
        ("ERR", pixels.error_e / per_unit, shared),
        ("DQ", pixels.quality, shared),
    )
    return [
        fits.ImageHDU(pixel, fits.Header(cards), name=name, ver=chip_index + 1)
        for name, pixel, cards in contents
    ]


def _write(hdus: fits.HDUList, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        hdus.writeto(partial_path, overwrite=True)
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)


def simulate_programme(
    programme: Sequence[PlannedExposure],
    scene: Scene,
    directory: Path,
    *,
    seed: int = 0,
    n_workers: int = 2,
    on_done: Callable[[Path], None] | None = None,
) -> tuple[Path, ...]:
    """Write the exposures of a programme, several at a time.

    Parameters
    ----------
    n_workers
        Processes; with 1 all happens in this one.
    on_done
        Called here with the path of each file as it is finished, in any order.

    Returns
    -------
    tuple of pathlib.Path
        In the order of the programme.
    """
    simulate = partial(simulate_exposure, scene=scene, directory=directory, seed=seed)
    tell = on_done if on_done is not None else _ignore
    if n_workers <= 1:
        for planned in programme:
            tell(simulate(planned))
    else:
        with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
            for finished in as_completed([pool.submit(simulate, planned) for planned in programme]):
                tell(finished.result())
    return tuple(Path(directory) / planned.file_name for planned in programme)


def _ignore(path: Path) -> None:
    """Do nothing with a finished file."""


def inject_stars(
    source: Path,
    destination: Path,
    *,
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    flux_e_s: ArrayLike,
    fwhm_arcsec: float,
) -> Path:
    """Copy an exposure file and add stars to its pixels, through the file's own WCS.

    Parameters
    ----------
    source
        A calibrated ACS or WFC3 exposure (``.fits`` or ``.fits.gz``).
    destination
        The new file; appears whole or not at all.
    ra_deg, dec_deg
        ICRS positions, any equal shapes; stars off the chips are left out.
    flux_e_s
        Electrons per second, of each star or of all.
    fwhm_arcsec
        Width of the round Gaussian star.

    Raises
    ------
    HeaderError
        A SCI header lacks IDCSCALE, or its BUNIT is no kind of electrons.
    """
    ra, dec, flux = (np.ravel(a).astype(float) for a in np.broadcast_arrays(ra_deg, dec_deg, flux_e_s))
    stars = Stars(ra, dec, {"injected": flux})
    with fits.open(_uncompressed(source)) as hdus:
        for hdu in hdus:
            if hdu.name == "SCI":
                light_per_unit = _seconds_per_unit(source, hdus[0].header, hdu.header)
                wcs = WCS(hdu.header, fobj=hdus)
                light = np.zeros(hdu.shape, dtype=np.float32)
                paint_stars(light, stars, "injected", wcs, psf=gaussian_psf(fwhm_arcsec))
                light *= area_ratio(wcs, hdu.shape, scale_arcsec=hdu.header["IDCSCALE"])
                hdu.data += light * np.float32(light_per_unit)
        _write(hdus, destination)
    return destination


def _uncompressed(path: Path) -> io.BytesIO:
    """Return the bytes of a FITS file; in a compressed one every step back would unpack it anew."""
    content = path.read_bytes()
    return io.BytesIO(gzip.decompress(content) if path.suffix == ".gz" else content)


def _seconds_per_unit(source: Path, primary: fits.Header, science: fits.Header) -> float:
    if "IDCSCALE" not in science:
        raise HeaderError(
            str(source), "IDCSCALE", "missing", hint="the pixel scale of the photometry is needed"
        )
    unit = str(science.get("BUNIT", "")).strip().upper()
    if unit not in ("ELECTRONS", "ELECTRONS/S"):
        raise HeaderError(str(source), "BUNIT", f"{unit!r} is no unit of electrons")
    return float(primary["EXPTIME"]) if unit == "ELECTRONS" else 1.0
