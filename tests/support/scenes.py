"""Scenes of a few known sources, planned exposures and chips, pixel areas computed without the simulator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray

from mvmdb.simulate.detectors import Detector
from mvmdb.simulate.distortion import point_chip, table_hdus, wcs_cards
from mvmdb.simulate.planned import PlannedExposure
from mvmdb.simulate.scene import Gaussians, Scene, Stars

Floats = NDArray[np.float64]

TABLE_KEYWORDS = ("D2IM", "DP", "CPDIS", "CPERR", "NPOL")
"""What the keywords of lookup tables begin with."""


def _fields(*arrays: ArrayLike) -> list[Floats]:
    return [np.ravel(array).astype(float) for array in np.broadcast_arrays(*arrays)]


def star_scene(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    flux_e_s: ArrayLike,
    bands: Sequence[str],
    *,
    sky_e_s_arcsec2: float = 0.0,
) -> Scene:
    """Return a scene of stars alone, equally bright in all bands (``acs/wfc/f775w``)."""
    ra, dec, flux = _fields(ra_deg, dec_deg, flux_e_s)
    nothing = np.empty(0)
    return Scene(
        Stars(ra, dec, dict.fromkeys(bands, flux)),
        Gaussians(nothing, nothing, np.empty((0, 2, 2)), dict.fromkeys(bands, nothing)),
        dict.fromkeys(bands, sky_e_s_arcsec2),
    )


def galaxy_scene(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    covariance_arcsec2: ArrayLike,
    flux_e_s: ArrayLike,
    bands: Sequence[str],
) -> Scene:
    """Return a scene of Gaussian galaxies of one shape, equally bright in all bands, without sky."""
    ra, dec, flux = _fields(ra_deg, dec_deg, flux_e_s)
    covariance = np.broadcast_to(np.asarray(covariance_arcsec2, dtype=float), (ra.size, 2, 2))
    nothing = np.empty(0)
    return Scene(
        Stars(nothing, nothing, dict.fromkeys(bands, nothing)),
        Gaussians(ra, dec, covariance, dict.fromkeys(bands, flux)),
        dict.fromkeys(bands, 0.0),
    )


def planned_exposure(detector_name: str, filter_name: str, **changes: object) -> PlannedExposure:
    """Return an exposure of a field at high declination that RA 0 runs through, on small chips."""
    letter = "j" if detector_name.startswith("acs") else "i"
    fields: dict[str, object] = {
        "rootname": f"{letter}zst01a1q",
        "detector_name": detector_name,
        "filter": filter_name,
        "exptime_s": 500.0,
        "start_mjd": 55000.25,
        "ra_deg": 359.999,
        "dec_deg": 62.0,
        "orient_deg": 33.0,
        "crop_pix": 256,
    }
    return PlannedExposure(**(fields | changes))  # type: ignore[arg-type]


def chip_wcs(detector: Detector, index: int = 0, *, tables: bool = True, **pointing: float) -> WCS:
    """Return the WCS of a chip of a detector that looks at (359.99, 62), with or without lookup tables."""
    chip = detector.chips[index]
    where = {"ra_deg": 359.99, "dec_deg": 62.0, "orient_deg": 33.0} | pointing
    cards = wcs_cards(chip, point_chip(detector, chip, **where), first_table=1)
    header = fits.Header([card for card in cards if tables or not card[0].startswith(TABLE_KEYWORDS)])
    hdus = fits.HDUList([fits.PrimaryHDU(), *table_hdus(detector, chip, first_table=1)])
    return WCS(header, fobj=hdus)


def pixel_areas_arcsec2(wcs: WCS, x_pix: ArrayLike, y_pix: ArrayLike) -> Floats:
    """Return the area on the sphere of pixels, from the directions of their four corners."""
    x, y = np.asarray(x_pix, dtype=float), np.asarray(y_pix, dtype=float)
    corners = [
        _directions(*wcs.all_pix2world(x + dx, y + dy, 0))
        for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    # Half the cross product of the diagonals: exact for a flat quadrangle, and pixels are flat.
    area_sr = np.linalg.norm(np.cross(corners[2] - corners[0], corners[3] - corners[1]), axis=-1) / 2
    return np.asarray(area_sr * np.degrees(3600) ** 2)


def _directions(ra_deg: Floats, dec_deg: Floats) -> Floats:
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
