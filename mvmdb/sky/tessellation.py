"""The frozen division of the sky: 46 declination rings, 2,644 projection cells, 1,166,004 skycells.

The rule is that of the reference pipeline (closed form, checked against its table in the tests).
The numbers live here and nowhere else: the database is loaded from this module and keeps its hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import cache

from mvmdb.errors import UnknownObjectError
from mvmdb.names import N_PROJECTION_CELLS, N_SKYCELLS_PER_SIDE

RING_STEP_DEG = 4.0
N_RINGS = 46
POLE_DEC_DEG = 89.999999999997
"""The polar cells stop short of the pole, where right ascension would lose its meaning."""

FINE_SCALE_ARCSEC = 0.04
COARSE_FACTOR = 3
COARSE_SCALE_ARCSEC = 0.12

PROJECTION_CELL_PIX = 450287
PROJECTION_CELL_CRPIX = 225144.0
"""Reference pixel of a projection cell on both axes, FITS convention (1-based)."""

SKYCELL_STEP_PIX = 21442
SKYCELL_PIX = 21954
"""Skycells overlap their upper neighbours by 512 fine pixels."""


@dataclass(frozen=True)
class Ring:
    """A strip of constant declination."""

    ring: int
    dec_deg: float
    n_cells: int
    first_cell: int


@dataclass(frozen=True)
class ProjectionCell:
    """One tangent plane; north is up and east is left everywhere on it."""

    projection_cell: int
    ring: int
    ra_deg: float
    dec_deg: float


def _n_cells(dec_deg: float) -> int:
    """Return how many cells of equal width close a ring whose edge nearest the equator is 2 degrees off."""
    if abs(dec_deg) == 90.0:
        return 1
    return math.floor(90.0 * math.cos(math.radians(abs(dec_deg) - RING_STEP_DEG / 2)))


@cache
def rings() -> tuple[Ring, ...]:
    """Return the 46 rings from the south pole to the north pole."""
    found: list[Ring] = []
    first_cell = 0
    for ring in range(N_RINGS):
        dec_deg = -90.0 + RING_STEP_DEG * ring
        n_cells = _n_cells(dec_deg)
        found.append(Ring(ring, max(-POLE_DEC_DEG, min(POLE_DEC_DEG, dec_deg)), n_cells, first_cell))
        first_cell += n_cells
    return tuple(found)


@cache
def projection_cells() -> tuple[ProjectionCell, ...]:
    """Return all 2,644 projection cells; the index is the cell's number."""
    return tuple(
        ProjectionCell(ring.first_cell + k, ring.ring, k * 360.0 / ring.n_cells, ring.dec_deg)
        for ring in rings()
        for k in range(ring.n_cells)
    )


def projection_cell(number: int) -> ProjectionCell:
    """Return one projection cell.

    Raises
    ------
    UnknownObjectError
        ``number`` is not in 0 ... 2643.
    """
    if not 0 <= number < N_PROJECTION_CELLS:
        raise UnknownObjectError(f"projection cell {number} does not exist", hint="cells run from 0 to 2643")
    return projection_cells()[number]


@cache
def definition_sha256() -> str:
    """Return the hash of everything that defines the tessellation."""
    definition = {
        "rings": [asdict(ring) for ring in rings()],
        "fine_scale_arcsec": FINE_SCALE_ARCSEC,
        "coarse_factor": COARSE_FACTOR,
        "projection_cell_pix": PROJECTION_CELL_PIX,
        "projection_cell_crpix": PROJECTION_CELL_CRPIX,
        "skycell_step_pix": SKYCELL_STEP_PIX,
        "skycell_pix": SKYCELL_PIX,
        "n_skycells_per_side": N_SKYCELLS_PER_SIDE,
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
