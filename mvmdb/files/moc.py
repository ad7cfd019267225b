"""Coverage maps (MOC): sky as a list of HEALPix cells, as the Virtual Observatory exchanges it.

Needs the package mocpy, which the extra ``moc`` installs.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import EmptyLayerError, MissingPackageError
from mvmdb.files.writing import require_suffix, write_whole
from mvmdb.sky.sphere import wrap_ra_deg

try:
    from mocpy import MOC
except ModuleNotFoundError as error:
    raise MissingPackageError("mocpy", "moc") from error

Floats = NDArray[np.float64]

SUFFIXES = (".fits", ".json")
_POLYGONS_AT_A_TIME = 10_000


def compute_moc(polygons: Iterable[Floats], healpix_order: int) -> tuple[MOC, int]:
    """Return the cells of an order that polygons on the sky touch, and the number of polygons.

    Parameters
    ----------
    polygons
        Vertices ``(n, 2)``: right ascension, any turn, and declination, degrees; edges are great circles;
        each polygon is its smaller side. Taken in batches, so a million need little memory.
    healpix_order
        Order of the cells, 0 to 29; a cell of order 14 is 13 arcsec wide.

    Raises
    ------
    EmptyLayerError
        There is no polygon.

    Notes
    -----
    No position inside a polygon is missed; cells on its border reach beyond it by less than their diagonal.
    """
    remaining, n_polygons = iter(polygons), 0
    total = MOC.new_empty(healpix_order)
    while batch := list(islice(remaining, _POLYGONS_AT_A_TIME)):
        total = total.union(*_cells_of_each(batch, healpix_order))
        n_polygons += len(batch)
    if n_polygons == 0:
        raise EmptyLayerError("the selection holds no exposure", hint="`mvmdb exposure list` names all")
    return total, n_polygons


def _cells_of_each(polygons: list[Floats], healpix_order: int) -> list[MOC]:
    """Return the cells of each polygon, in any order; mocpy takes equally long polygons at once."""
    alike: dict[int, list[Floats]] = {}
    for ring in polygons:
        alike.setdefault(len(ring), []).append(ring)
    found: list[MOC] = []
    for rings in alike.values():
        ra_deg, dec_deg = np.moveaxis(np.array(rings), 2, 0)
        coordinates = np.stack([wrap_ra_deg(ra_deg), dec_deg], axis=1).reshape(2 * len(rings), -1)
        found += MOC.from_polygons(coordinates, max_depth=healpix_order)
    return found


def write_moc(path: Path, moc: MOC, keywords: Mapping[str, str]) -> None:
    """Write a MOC as FITS (MOC 2.0) or as JSON (cells by order), as the ending of the name says.

    Parameters
    ----------
    path, moc
        What to write and where.
    keywords
        Cards of the FITS header beside those of the standard.

    Raises
    ------
    OutputFileError
        The ending is another one, or the file cannot be written.
    """
    if require_suffix(path, SUFFIXES) == ".json":
        write_whole(path, (moc.to_string(format="json") + "\n").encode())
        return
    stream = io.BytesIO()
    moc.serialize("fits", optional_kw_dict=dict(keywords)).writeto(stream)
    write_whole(path, stream.getvalue())
