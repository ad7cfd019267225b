"""Footprints as maps want them: outlines on a skycell, polygons on the sky, counts, overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, text

from mvmdb.catalog.layers import find_extent, list_layers
from mvmdb.catalog.rows import fetch, select_function
from mvmdb.errors import UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ChipOutline, SkyDepth

Floats = NDArray[np.float64]

_LINE_HEADER_BYTES = 9
"""Byte order, type and number of points in front of the points of a line (OGC well-known binary)."""
_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class OverlapRow:
    """Two exposures that share sky within a skycell."""

    exposure: str
    other: str
    filter: str
    other_filter: str
    area_pix: float
    area_arcmin2: float
    fraction: float


def list_outlines(
    connection: Connection, skycell: SkycellName, layer: LayerName | None = None, selection: str = "all"
) -> list[ChipOutline]:
    """Return the chips that reach a skycell, or those that a selection takes of a layer, in order of time.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer.
    """
    query = text(
        "select exposure, chip, instrument, detector, filter, exptime_s, start_mjd,"
        " ST_AsBinary(ST_ExteriorRing(shape), 'NDR') as outline"
        " from mvm.skycell_footprints(:skycell, :layer, :selection)"
    )
    values = {"skycell": str(skycell), "layer": layer and str(layer), "selection": selection}
    rows = connection.execute(query, values).all()
    if not rows:
        _explain_absence(connection, skycell, layer)
    return [_chip_outline(row) for row in rows]


def _chip_outline(row: Row[Any]) -> ChipOutline:
    values = row._asdict()
    vertices_pix = _vertices(values.pop("outline"))
    return ChipOutline(**values, vertices_pix=vertices_pix)


def _explain_absence(connection: Connection, skycell: SkycellName, layer: LayerName | None) -> None:
    find_extent(connection, skycell)
    known = ", ".join(row.layer for row in list_layers(connection, skycell))
    raise UnknownObjectError(f"skycell {skycell} has no layer {layer}", hint=f"its layers are {known}")


def _vertices(line: bytes) -> Floats:
    """Return the points of a closed line in well-known binary, little-endian, without the last one."""
    return np.frombuffer(line, dtype="<f8", offset=_LINE_HEADER_BYTES).reshape(-1, 2)[:-1]


def stream_polygons(
    connection: Connection,
    skycell: SkycellName | None = None,
    layer: LayerName | None = None,
    filter_name: str | None = None,
) -> Iterator[Floats]:
    """Yield the footprints of a selection of exposures as polygons on the sky, in little memory.

    Parameters
    ----------
    connection
        Open connection; it is busy until the last polygon is taken.
    skycell
        Only the sky within this skycell; the polygons are cut there.
    layer
        Only exposures of this instrument, detector and filter.
    filter_name
        Only exposures through this filter, whatever the detector.

    Yields
    ------
    ndarray
        Vertices ``(n, 2)``: right ascension, any turn, and declination, ICRS degrees; not closed.
    """
    query = text(
        "select ST_AsBinary(ST_ExteriorRing(polygon), 'NDR')"
        " from mvm.footprint_polygons(:skycell, :layer, :filter)"
    )
    values = {"skycell": skycell and str(skycell), "layer": layer and str(layer), "filter": filter_name}
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS_AT_A_TIME)
    for line in streamed.execute(query, values).scalars():
        yield _vertices(line)


def read_sky_depth(connection: Connection, *, healpix_order: int, filter_name: str | None = None) -> SkyDepth:
    """Return how many exposures, of one filter or of all, lie in which cell of the sky."""
    query = text("select healpix_cell, n_exposures, exptime_s from mvm.sky_depth(:order, :filter)")
    rows = connection.execute(query, {"order": healpix_order, "filter": filter_name}).all()
    cell, n_exposures, exptime_s = zip(*rows, strict=True) if rows else ((), (), ())
    return SkyDepth(
        healpix_order,
        np.array(cell, dtype=np.int64),
        np.array(n_exposures, dtype=np.int64),
        np.array(exptime_s, dtype=np.float64),
    )


def list_overlaps(
    connection: Connection, skycell: SkycellName, layer: LayerName | None = None
) -> list[OverlapRow]:
    """Return the pairs of exposures that overlap within a skycell, the earlier one first.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer.
    """
    function = func.mvm.exposure_overlap(str(skycell), layer and str(layer))
    rows = fetch(connection, OverlapRow, select_function(OverlapRow, function))
    if not rows:
        list_outlines(connection, skycell, layer)
    return rows
