"""Synthetic tables of footprints: cameras of Hubble aimed at clustered fields; no archive ever held them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.support.facts import CAMERAS, DIGITS, LETTERS, Camera

FILTERS = {
    "wfc": ("F435W", "F606W", "F814W"),
    "hrc": ("F330W", "F555W"),
    "uvis": ("F275W", "F475X", "F814W"),
    "ir": ("F110W", "F125W", "F160W"),
}
SHARES = (0.42, 0.05, 0.28, 0.25)
"""Of the cameras ACS/WFC, ACS/HRC, WFC3/UVIS, WFC3/IR: about what the archive holds."""
HEADER = (
    *("obs_id", "instrument_name", "filters", "t_min", "t_max", "t_exptime", "target_name", "proposal_id"),
    "s_region",
)
_EXPOSURES_PER_FIELD = 50


def write_table(path: Path, n_exposures: int, *, seed: int = 1) -> None:
    """Write a CSV table with the columns of ObsCore, one row per exposure, chips as several polygons."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(table_rows(n_exposures, seed=seed))


def table_rows(n_exposures: int, *, seed: int = 1) -> Iterator[tuple[str, ...]]:
    """Yield rows: fields evenly over the sphere, some with hundreds of exposures, most with few."""
    random = np.random.default_rng(seed)
    n_fields = max(1, n_exposures // _EXPOSURES_PER_FIELD)
    field_ra_deg = random.uniform(0, 360, n_fields)
    field_dec_deg = np.degrees(np.arcsin(random.uniform(-1, 1, n_fields)))
    weights = 1 / np.arange(1, n_fields + 1) ** 0.5
    fields = random.choice(n_fields, n_exposures, p=weights / weights.sum())
    for number, field in enumerate(fields.tolist()):
        yield _row(number, field, field_ra_deg[field], field_dec_deg[field], random)


def _row(
    number: int, field: int, ra_deg: float, dec_deg: float, random: np.random.Generator
) -> tuple[str, ...]:
    camera = CAMERAS[int(np.searchsorted(np.cumsum(SHARES)[:-1], random.uniform()))]
    names = FILTERS[camera.detector]
    exptime_s = float(random.choice((30.0, 350.0, 600.0, 1200.0)))
    start_mjd = 52000.0 + 9000.0 * random.uniform()
    dither_deg = random.normal(0, 0.01, 2)
    region = _region(camera, ra_deg, dec_deg, float(random.uniform(0, 2 * np.pi)), dither_deg)
    digits = "".join(DIGITS[number // 36**place % 36] for place in range(6, -1, -1))
    return (
        f"{LETTERS[camera.instrument]}{digits}q",
        f"{camera.instrument.upper()}/{camera.detector.upper()}",
        names[number % len(names)],
        f"{start_mjd:.8f}",
        f"{start_mjd + exptime_s / 86400:.8f}",
        f"{exptime_s}",
        f"FIELD-{field}",
        str(9000 + field % 8000),
        region,
    )


def _region(
    camera: Camera,
    ra_deg: float,
    dec_deg: float,
    roll: float,
    dither_deg: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> str:
    """Return the chips around a pointing as STC-S, turned and projected by rotations of unit vectors."""
    polygons = []
    for x0, y0, x1, y1 in camera.chips_arcsec:
        corners = np.radians(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) / 3600)
        x = corners[:, 0] * np.cos(roll) - corners[:, 1] * np.sin(roll) + np.radians(dither_deg[0])
        y = corners[:, 0] * np.sin(roll) + corners[:, 1] * np.cos(roll) + np.radians(dither_deg[1])
        dec = np.radians(dec_deg)
        north = np.sin(dec) + y * np.cos(dec)
        toward = np.cos(dec) - y * np.sin(dec)
        ra = np.degrees(np.arctan2(x, toward)) + ra_deg
        decs = np.degrees(np.arctan2(north, np.hypot(x, toward)))
        text = " ".join(f"{a % 360:.8f} {d:.8f}" for a, d in zip(ra.tolist(), decs.tolist(), strict=True))
        polygons.append(f"POLYGON ICRS {text}")
    return " ".join(polygons)
