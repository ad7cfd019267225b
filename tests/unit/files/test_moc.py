"""MOCs against points that are inside or outside of polygons by the sides of their great circles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from mocpy import MOC
from numpy.typing import NDArray

from mvmdb.errors import EmptyLayerError, OutputFileError
from mvmdb.files.moc import compute_moc, write_moc
from tests.support.areas import spherical_excess_sr
from tests.support.facts import CAMERAS, Camera, aim
from tests.support.vectors import TangentPlane, sky_of, unit_vectors

Floats = NDArray[np.float64]

# Around RA 0, both poles, a corner of HEALPix' base faces, RA 180, and anywhere.
POINTINGS = [
    (0.0, 26.0),
    (359.999, -45.0),
    (0.001, 0.0),
    (12.0, 90.0),
    (200.0, -90.0),
    (77.0, 89.97),
    (45.0, 41.8103149),
    (180.0, 60.0),
    (217.3, -12.4),
]


def as_polygons(camera: Camera, ra_deg: float, dec_deg: float, random: np.random.Generator) -> list[Floats]:
    return [np.array(ring) for ring in aim(camera, ra_deg, dec_deg, random.uniform(0, 360), random)]


def holds(polygon: Floats, vectors: Floats) -> NDArray[np.bool_]:
    """Return which directions lie in a polygon, from the sum of the angles that its sides subtend."""
    corners = unit_vectors(*polygon.T)
    total = np.zeros(len(vectors))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        a, b = np.cross(vectors, start), np.cross(vectors, end)
        turned = np.arctan2(np.sum(np.cross(a, b) * vectors, axis=-1), np.sum(a * b, axis=-1))
        total += turned
    return np.abs(total) > np.pi


def contains(moc: MOC, vectors: Floats) -> NDArray[np.bool_]:
    ra_deg, dec_deg = sky_of(vectors)
    return moc.contains_lonlat(ra_deg * units.deg, dec_deg * units.deg)


@pytest.mark.parametrize("healpix_order", [10, 14, 17])
def test_no_position_is_missed_and_none_far_away_is_in(healpix_order: int) -> None:
    random = np.random.default_rng(7)
    diagonal_rad = 2.0 * np.sqrt(np.pi / 3) / 2**healpix_order
    n_inside = n_outside = 0
    for ra_deg, dec_deg in POINTINGS:
        for camera in CAMERAS:
            polygons = as_polygons(camera, ra_deg, dec_deg, random)
            moc, n_polygons = compute_moc(polygons, healpix_order)
            assert n_polygons == len(polygons)
            plane = TangentPlane.at(ra_deg, dec_deg)
            near_rad = np.radians(110 / 3600)
            size_rad = np.repeat([near_rad, near_rad + 3 * diagonal_rad], 200)
            points = random.uniform(-size_rad, size_rad, (2, 400))
            vectors = unit_vectors(*plane.deproject(*points))
            inside = np.any([holds(polygon, vectors) for polygon in polygons], axis=0)
            found = contains(moc, vectors)
            assert np.all(found[inside])
            corners = np.concatenate([np.stack(plane.project(unit_vectors(*p.T))) for p in polygons], axis=1)
            low, high = corners.min(axis=1)[:, None], corners.max(axis=1)[:, None]
            # Farther from the box around the polygons than any cell of the order is wide.
            far = np.any((points < low - diagonal_rad) | (points > high + diagonal_rad), axis=0)
            assert not np.any(found[far])
            n_inside, n_outside = n_inside + inside.sum(), n_outside + far.sum()
    assert n_inside > 2000
    assert n_outside > 1000


def test_area_is_a_little_more_than_that_of_the_polygons() -> None:
    """Two squares of one degree, side by side at RA 0; a seam of cells around them is 26 arcsec wide."""
    squares = [np.array([(ra, -0.5), (ra + 1, -0.5), (ra + 1, 0.5), (ra, 0.5)]) for ra in (-1.0, 0.0)]
    expected_sr = sum(spherical_excess_sr(square) for square in squares)
    moc, _ = compute_moc(squares, 13)
    assert 1.0 < moc.sky_fraction * 4 * np.pi / expected_sr < 1.03


def test_batches_and_numbers_of_vertices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    polygons = [
        polygon
        for camera in CAMERAS
        for polygon in as_polygons(camera, random.uniform(0, 360), random.uniform(-80, 80), random)
    ]
    polygons += [polygon[::4] for polygon in polygons]
    at_once, _ = compute_moc(polygons, 13)
    monkeypatch.setattr("mvmdb.files.moc._POLYGONS_AT_A_TIME", 3)
    assert compute_moc(iter(polygons), 13) == (at_once, len(polygons))


def test_right_ascension_on_any_turn() -> None:
    polygon = np.array([(359.9, 10.0), (360.1, 10.0), (360.1, 10.2), (359.9, 10.2)])
    expected, _ = compute_moc([polygon], 12)
    for turn_deg in (-360.0, 360.0):
        assert compute_moc([polygon + np.array([turn_deg, 0.0])], 12)[0] == expected


def test_files_hold_the_same_cells(tmp_path: Path) -> None:
    moc, _ = compute_moc(as_polygons(CAMERAS[3], 0.0, 89.99, np.random.default_rng(9)), 15)
    write_moc(tmp_path / "a.fits", moc, {"ORIGIN": "mvmdb 0.1", "FILTER": "f160w"})
    write_moc(tmp_path / "a.json", moc, {})
    assert MOC.from_fits(str(tmp_path / "a.fits")) == moc
    header = fits.getheader(tmp_path / "a.fits", 1)
    assert (header["MOCORD_S"], header["ORIGIN"], header["FILTER"]) == (15, "mvmdb 0.1", "f160w")
    cells = json.loads((tmp_path / "a.json").read_text())
    assert max(map(int, cells)) == 15
    in_json = sum(len(numbers) / 4 ** int(order) for order, numbers in cells.items()) / 12
    assert in_json == pytest.approx(moc.sky_fraction, rel=1e-12)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(EmptyLayerError, match="the selection holds no exposure"):
        compute_moc([], 10)
    moc, _ = compute_moc([np.array([(1.0, 1.0), (2.0, 1.0), (2.0, 2.0)])], 5)
    with pytest.raises(OutputFileError, match=r"cannot be written as \.txt"):
        write_moc(tmp_path / "moc.txt", moc, {})


def test_without_mocpy() -> None:
    """In a process of its own, since a module is imported once."""
    code = (
        "import sys; sys.modules['mocpy'] = None\n"
        "from mvmdb.errors import MissingPackageError\n"
        "try:\n    import mvmdb.files.moc\n"
        "except MissingPackageError as error:\n    print(error, '|', error.hint)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "this needs mocpy | install it with: pip install 'mvmdb[moc]'"
