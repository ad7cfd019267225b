"""The demo's observing programme: one cluster of galaxies in skycell p1889x07y19, over nineteen years.

Six filters on three detectors make the nine layers of the document's table: the infrared ones at
two scales. Visits differ in year, roll and pointing; one has a poorer astrometric solution.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mvmdb.names import SkycellName
from mvmdb.simulate.planned import PlannedExposure
from mvmdb.simulate.scene import Scene, cluster_scene
from mvmdb.sky.grid import skycell_grid
from mvmdb.sky.sphere import separation_deg, tangent_sky

DEMO_SKYCELL = SkycellName(1889, 7, 19)
_CENTRE_PIX = (7500.0, 15500.0)
"""Of the field, in fine pixels of the skycell: inside the subarray that the document shows."""
_SMALL_CHIP_PIX = 256
_SMALL_MOSAIC = 0.2
_SMALL_PER_FILTER = 2
_MINUTES_BETWEEN = 4.0

Point = tuple[float, float]


@dataclass(frozen=True)
class _Visit:
    """Exposures taken one after the other at one roll."""

    code: str
    """First six characters of the root names."""
    detector_name: str
    start_mjd: float
    orient_deg: float
    exposures: tuple[tuple[str, float, Point], ...]
    """Filter, exposure time in seconds, and pointing east and north of the field's centre in arcsec."""
    alignment: str = "FIT_SVM_GAIAeDR3"
    wcs_error_arcsec: Point = (0.0, 0.0)


def _mosaic(points: Sequence[Point], *exposures: tuple[str, float]) -> tuple[tuple[str, float, Point], ...]:
    return tuple((name, exptime_s, point) for name, exptime_s in exposures for point in points)


_INFRARED = (("F105W", 802.9), ("F125W", 602.9), ("F160W", 702.9))
# Steps of some three arcsec carry a source across the gap between two chips.
_VISITS = (
    _Visit(
        code="jzsm01",
        detector_name="acs/wfc",
        start_mjd=52598.31,
        orient_deg=2.0,
        exposures=_mosaic(((0.0, -1.7), (0.9, 1.6)), ("F775W", 480.0)),
    ),
    _Visit(
        code="jzsm02",
        detector_name="acs/wfc",
        start_mjd=53166.77,
        orient_deg=91.5,
        exposures=(("F775W", 530.0, (3.1, 0.7)), ("F850LP", 560.0, (-1.2, 1.4))),
    ),
    _Visit(
        code="jzsm03",
        detector_name="acs/wfc",
        start_mjd=53751.05,
        orient_deg=183.0,
        exposures=_mosaic(((-0.4, -2.2), (0.7, 1.3)), ("F850LP", 620.0)),
        alignment="GSC240",
        wcs_error_arcsec=(0.04, -0.03),
    ),
    _Visit(
        code="izsm11",
        detector_name="wfc3/ir",
        start_mjd=55293.62,
        orient_deg=5.0,
        exposures=_mosaic(((-18.0, -18.0), (18.0, -17.0)), *_INFRARED),
    ),
    _Visit(
        code="izsm12",
        detector_name="wfc3/uvis",
        start_mjd=55635.18,
        orient_deg=8.0,
        exposures=_mosaic(((-1.1, -2.4), (0.2, 0.3), (1.3, 2.6)), ("F475W", 640.0)),
    ),
    _Visit(
        code="izsm13",
        detector_name="wfc3/ir",
        start_mjd=59347.49,
        orient_deg=94.0,
        exposures=_mosaic(((-17.0, 18.0), (19.0, 18.0)), *_INFRARED),
    ),
)


def demo_centre_deg() -> Point:
    """Return the ICRS position (ra, dec) of the centre of the demo's field, degrees."""
    ra_deg, dec_deg = skycell_grid(DEMO_SKYCELL).pixel_to_sky(*_CENTRE_PIX)
    return float(ra_deg), float(dec_deg)


def demo_programme(*, small: bool = False) -> tuple[PlannedExposure, ...]:
    """Return the exposures of the demo, in the order of time.

    Parameters
    ----------
    small
        Chips of 256 x 256 pixels, at most two exposures in each filter, close together: the same
        nine layers in a few seconds, for tests.
    """
    every = [planned for visit in _VISITS for planned in _visit_exposures(visit, small=small)]
    if not small:
        return tuple(every)
    taken: Counter[str] = Counter()
    first: list[PlannedExposure] = []
    for planned in every:
        taken[planned.band] += 1
        if taken[planned.band] <= _SMALL_PER_FILTER:
            first.append(planned)
    return tuple(first)


def _visit_exposures(visit: _Visit, *, small: bool) -> list[PlannedExposure]:
    start_mjd = visit.start_mjd
    found: list[PlannedExposure] = []
    for k, (filter_name, exptime_s, offset_arcsec) in enumerate(visit.exposures):
        ra_deg, dec_deg = _offset_sky(offset_arcsec, shrink=_SMALL_MOSAIC if small else 1.0)
        planned = PlannedExposure(
            rootname=f"{visit.code}a{k + 1}q",
            detector_name=visit.detector_name,
            filter=filter_name,
            exptime_s=exptime_s,
            start_mjd=start_mjd,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            orient_deg=visit.orient_deg,
            # As in the document's table: ACS with its charge-transfer correction, UVIS without.
            file_type="flc" if visit.detector_name == "acs/wfc" else "flt",
            proposal_id=99000 + int(visit.code[4:]),
            alignment=visit.alignment,
            wcs_error_arcsec=visit.wcs_error_arcsec,
            crop_pix=_SMALL_CHIP_PIX if small else None,
        )
        start_mjd = planned.end_mjd + _MINUTES_BETWEEN / 1440
        found.append(planned)
    return found


def _offset_sky(offset_arcsec: Point, *, shrink: float) -> Point:
    xi_rad, eta_rad = (math.radians(shrink * step / 3600) for step in offset_arcsec)
    centre_ra_deg, centre_dec_deg = demo_centre_deg()
    ra_deg, dec_deg = tangent_sky(xi_rad, eta_rad, centre_ra_deg=centre_ra_deg, centre_dec_deg=centre_dec_deg)
    return float(ra_deg), float(dec_deg)


def demo_scene(programme: Sequence[PlannedExposure], *, seed: int = 1889) -> Scene:
    """Return the cluster of galaxies that the demo observes, wide enough for every exposure given."""
    ra_deg, dec_deg = demo_centre_deg()
    return cluster_scene(
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        radius_arcsec=max(_reach_arcsec(planned) for planned in programme),
        passbands={planned.band: planned.passband for planned in programme},
        seed=seed,
    )


def _reach_arcsec(planned: PlannedExposure) -> float:
    """Return how far from the centre of the field an exposure may see."""
    detector = planned.detector
    width = max(chip.n_x_pix for chip in detector.chips) * detector.scale_arcsec
    height = sum(chip.n_y_pix for chip in detector.chips) * detector.scale_arcsec
    away = 3600 * float(separation_deg(planned.ra_deg, planned.dec_deg, *demo_centre_deg()))
    return away + 0.5 * float(np.hypot(width, height))
