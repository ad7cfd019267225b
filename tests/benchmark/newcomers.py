"""Exposures that arrive one by one, in fields that are there already."""

from __future__ import annotations

import numpy as np

from mvmdb.records import ExposureFacts
from tests.benchmark.footprints import Floats, Pointings, outlines, sky_of
from tests.benchmark.load import hex_polygons, rootnames
from tests.support.facts import make_facts, ring_of


def as_rows(pointings: Pointings, first: int) -> list[tuple[str, str, int]]:
    """Return rootname, footprint as EWKB in hexadecimal and number of chips; numbers begin at ``first``."""
    return [
        (name, polygon, item.vectors.shape[1])
        for item in outlines(pointings, first=first)
        for name, polygon in zip(
            rootnames(item.index, item.camera).tolist(), hex_polygons(item.vectors), strict=True
        )
    ]


def as_facts(pointings: Pointings, first: int) -> list[ExposureFacts]:
    """Return exposures as their headers would tell them; numbers begin at ``first``."""
    return [
        make_facts(
            name,
            [_ring(chip) for chip in chips],
            instrument=item.camera.instrument,
            detector=item.camera.detector,
            filter=item.camera.filters[0],
        )
        for item in outlines(pointings, first=first)
        for name, chips in zip(rootnames(item.index, item.camera).tolist(), item.vectors, strict=True)
    ]


def _ring(vectors: Floats) -> tuple[tuple[float, float], ...]:
    ra_deg, dec_deg = sky_of(vectors)
    return ring_of(np.mod(ra_deg, 360), dec_deg)
