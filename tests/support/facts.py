"""Exposures as their headers would tell them, with footprints wherever a test wants them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mvmdb.records import ChipFacts, ExposureFacts
from mvmdb.sky.footprint import SkyRing
from tests.support.vectors import Floats, TangentPlane, sky_of_skycell_pixels

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LETTERS = {"wfc3": "i", "acs": "j", "wfpc2": "u"}

Box = tuple[float, float, float, float]
"""Least x, least y, greatest x, greatest y, in pixels."""


def rootname(number: int, instrument: str = "wfc3") -> str:
    """Return the root name of exposure ``number`` of an instrument."""
    digits = [DIGITS[number // 36**place % 36] for place in (3, 2, 1, 0)]
    return f"{LETTERS[instrument]}tst{''.join(digits)}q"


def make_facts(name: str, footprints: Sequence[SkyRing], **changes: Any) -> ExposureFacts:
    """Return a WFC3/IR exposure with one chip per footprint; ``chip_changes`` hold for every chip."""
    chip_changes = changes.pop("chip_changes", {})
    chips = tuple(
        dataclasses.replace(_chip(number, ring), **chip_changes)
        for number, ring in enumerate(footprints, start=1)
    )
    facts = ExposureFacts(
        rootname=name,
        file_path=f"/archive/{name}_flt.fits",
        file_sha256=f"sha256 of {name}",
        file_size_bytes=16_594_560,
        file_type="flt",
        instrument="wfc3",
        detector="ir",
        filter="f160w",
        exptime_s=1000.0,
        start_mjd=55000.0,
        end_mjd=55000.0 + 1000.0 / 86400,
        target_name="ANY-FIELD",
        proposal_id=11359,
        wcsname="IDC_w3m18525i",
        findings=(),
        chips=chips,
    )
    return dataclasses.replace(facts, **changes)


def _chip(number: int, footprint: SkyRing) -> ChipFacts:
    return ChipFacts(
        chip=number,
        hdu_index=3 * number - 2,
        n_x_pix=1014,
        n_y_pix=1014,
        footprint=footprint,
        pixel_scale_arcsec=0.12825,
        bunit="ELECTRONS/S",
        gain_e_per_dn=1.0,
        photflam=1.9e-20,
        photplam_angstrom=15369.0,
        wcsname="IDC_w3m18525i",
    )


def ring_of(ra_deg: ArrayLike, dec_deg: ArrayLike) -> SkyRing:
    """Return positions as the vertices of a footprint."""
    pairs = zip(np.asarray(ra_deg).tolist(), np.asarray(dec_deg).tolist(), strict=True)
    return tuple((ra, dec) for ra, dec in pairs)


def ring_at_pixels(skycell: str, vertices_pix: ArrayLike) -> SkyRing:
    """Return the footprint that has its vertices at 0-based fine pixels ``(n, 2)`` of a skycell."""
    x_pix, y_pix = np.asarray(vertices_pix, float).T
    return ring_of(*sky_of_skycell_pixels(skycell, x_pix, y_pix))


def ring_at_box(skycell: str, box: Box) -> SkyRing:
    """Return the footprint that is a rectangle of a skycell's fine pixels, outer edges given."""
    x0, y0, x1, y1 = box
    return ring_at_pixels(skycell, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def ring_of_pixels(skycell: str, box: Box) -> SkyRing:
    """Return the footprint that covers whole pixels: columns ``x0 <= x < x1`` and rows ``y0 <= y < y1``."""
    x0, y0, x1, y1 = box
    return ring_at_box(skycell, (x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5))


@dataclasses.dataclass(frozen=True)
class Camera:
    """Chips in a plane around the pointing, arcsec; x to the left of the detector, y up."""

    instrument: str
    detector: str
    chips_arcsec: tuple[Box, ...]


CAMERAS = (
    Camera("acs", "wfc", ((-101, 1.3, 101, 103), (-101, -103, 101, -1.3))),
    Camera("acs", "hrc", ((-14.5, -12.5, 14.5, 12.5),)),
    Camera("wfc3", "uvis", ((-81, 0.6, 81, 81), (-81, -81, 81, -0.6))),
    Camera("wfc3", "ir", ((-68, -61.5, 68, 61.5),)),
    Camera("wfpc2", "pc", ((0, 0, 36, 36), (-80, 0, -1, 79), (-80, -80, -1, -1), (0, -80, 80, -1))),
)


def aim(
    camera: Camera, ra_deg: float, dec_deg: float, roll_deg: float, random: np.random.Generator
) -> list[SkyRing]:
    """Return the footprints of a camera's chips on the sky: edges of four pieces, slightly bent."""
    plane = TangentPlane.at(ra_deg, dec_deg)
    return [ring_of(*plane.deproject(*_bent(box, roll_deg, random))) for box in camera.chips_arcsec]


def _bent(box: Box, roll_deg: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    x0, y0, x1, y1 = box
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    fractions = np.arange(4)[:, None] / 4
    points = np.concatenate([a + (b - a) * fractions for a, b in pairwise(corners)])
    points = np.radians((points + random.uniform(-0.2, 0.2, points.shape)) / 3600)
    sine, cosine = np.sin(np.radians(roll_deg)), np.cos(np.radians(roll_deg))
    return points[:, 0] * cosine - points[:, 1] * sine, points[:, 0] * sine + points[:, 1] * cosine
