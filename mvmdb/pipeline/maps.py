"""Maps: what the database knows, drawn or written to the file that the user names.

What draws, and what makes MOCs, is imported when it is used: it is optional, and slow to import.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from mvmdb.catalog.footprints import list_outlines, read_sky_depth, stream_polygons
from mvmdb.catalog.layers import find_extent
from mvmdb.errors import EmptyLayerError, TooLargeError
from mvmdb.files.depth import write_depth
from mvmdb.files.writing import require_suffix, write_whole
from mvmdb.mosaic.depth import depth_map
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ChipOutline, DepthMap
from mvmdb.sky.binning import n_bins, whole_bins
from mvmdb.sky.grid import PixelBox, skycell_grid

_MOST_BINS = 1 << 26
"""Two maps of so many bins take a gigabyte, and three times as much while they are made."""
_AREA_BIN_PIX = 64
"""Bins from which the area of a filter is drawn: smaller than a line is wide."""

_SKY_DEG2 = 360**2 / math.pi


@dataclass(frozen=True)
class FilterCount:
    """How much one detector and filter gave to a map."""

    instrument: str
    detector: str
    filter: str
    n_exposures: int
    exptime_s: float


@dataclass(frozen=True)
class SkycellMap:
    """A map of a skycell that was drawn."""

    file: str
    """Where it lies."""
    skycell: str
    layer: str | None
    """The layer that was drawn; None for everything that reaches the skycell."""
    extent: PixelBox
    """The common subarray, in fine pixels of the skycell."""
    n_exposures: int
    n_chips: int
    filters: list[FilterCount]
    """From the shortest wavelength to the longest."""


@dataclass(frozen=True)
class SkyMap:
    """A map of the whole sky that was drawn."""

    file: str
    """Where it lies."""
    filter: str | None
    """The filter that was counted; None for all."""
    healpix_order: int
    """Order of the HEALPix cells."""
    n_cells: int
    """Number of cells that hold exposures."""
    n_exposures: int
    exptime_s: float
    """Sum of the exposure times."""


@dataclass(frozen=True)
class DepthFile:
    """A depth map that was written."""

    file: str
    """Where it lies."""
    skycell: str
    layer: str | None
    """The layer that was counted; None for everything that reaches the skycell."""
    box: PixelBox
    """The part that is mapped, in fine pixels of the skycell."""
    bin_pix: int
    """Side of a bin, fine pixels."""
    n_x_bins: int
    n_y_bins: int
    n_exposures: int
    n_chips: int
    max_exptime_s: float
    """Exposure time of the deepest bin."""


@dataclass(frozen=True)
class MocFile:
    """A MOC that was written."""

    file: str
    """Where it lies."""
    skycell: str | None
    """The skycell that it was cut to; None for the whole sky."""
    layer: str | None
    """The layer that was taken; None for all."""
    filter: str | None
    """The filter that was taken; None for all."""
    healpix_order: int
    """Order of the smallest cells."""
    n_polygons: int
    """Number of chips, or parts of them, that it covers."""
    area_deg2: float
    """Area of its cells, square degrees: somewhat more than that of the chips."""


def draw_skycell_map(
    connection: Connection,
    skycell: SkycellName,
    path: Path,
    *,
    layer: LayerName | None = None,
    zoom: bool = False,
) -> SkycellMap:
    """Draw the chips that reach a skycell, or those of one of its layers, as PNG or SVG.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    OutputFileError
        The file cannot be written, or its ending is another one.
    EmptyLayerError, UnknownObjectError
        No exposure reaches the skycell; it has no such layer.
    """
    from mvmdb.pictures.figure import SUFFIXES, picture_bytes  # noqa: PLC0415
    from mvmdb.pictures.filters import group_by_filter  # noqa: PLC0415
    from mvmdb.pictures.skycell import draw_skycell  # noqa: PLC0415

    suffix = require_suffix(path, SUFFIXES)
    outlines = list_outlines(connection, skycell, layer)
    extent = find_extent(connection, skycell)
    depth_of = partial(compute_depth, skycell, bin_pix=_AREA_BIN_PIX)
    figure = draw_skycell(skycell, outlines, extent, layer=layer, zoom=zoom, depth_of=depth_of)
    write_whole(path, picture_bytes(figure, suffix))
    filters = [
        FilterCount(group.instrument, group.detector, group.filter, group.n_exposures, group.exptime_s)
        for group in group_by_filter(outlines)
    ]
    n_exposures = sum(item.n_exposures for item in filters)
    return SkycellMap(str(path), str(skycell), _text(layer), extent, n_exposures, len(outlines), filters)


def draw_sky_map(
    connection: Connection,
    path: Path,
    *,
    filter_name: str | None = None,
    by_exptime: bool = False,
    healpix_order: int = 6,
    with_cells: bool = False,
) -> SkyMap:
    """Draw how much of the sky has been observed, as PNG or SVG.

    Raises
    ------
    MissingPackageError
        matplotlib is not installed.
    OutputFileError
        The file cannot be written, or its ending is another one.
    EmptyLayerError
        There are no exposures, or none through the filter.
    """
    from mvmdb.pictures.figure import SUFFIXES, picture_bytes  # noqa: PLC0415
    from mvmdb.pictures.sky import draw_sky  # noqa: PLC0415

    suffix = require_suffix(path, SUFFIXES)
    depth = read_sky_depth(connection, healpix_order=healpix_order, filter_name=filter_name)
    if not len(depth.cell):
        through = f" through {filter_name}" if filter_name else ""
        raise EmptyLayerError(f"there is no exposure{through}", hint="`mvmdb exposure list` names all")
    figure = draw_sky(depth, by_exptime=by_exptime, filter_name=filter_name, with_cells=with_cells)
    write_whole(path, picture_bytes(figure, suffix))
    return SkyMap(
        str(path),
        filter_name,
        healpix_order,
        len(depth.cell),
        int(depth.n_exposures.sum()),
        float(depth.exptime_s.sum()),
    )


def make_depth_map(
    connection: Connection,
    skycell: SkycellName,
    path: Path,
    *,
    layer: LayerName | None = None,
    bin_pix: int,
    zoom: bool = False,
) -> DepthFile:
    """Compute how deep a skycell or one of its layers is, and write it as FITS or draw it as PNG or SVG.

    Raises
    ------
    MissingPackageError
        A picture is asked for and matplotlib is not installed.
    OutputFileError
        The file cannot be written, or its ending is another one.
    EmptyLayerError, UnknownObjectError
        No exposure reaches the skycell; it has no such layer.
    TooLargeError
        The map has too many bins.
    """
    suffix = require_suffix(path, (".fits", ".png", ".svg"))
    outlines = list_outlines(connection, skycell, layer)
    extent = find_extent(connection, skycell)
    depth = compute_depth(skycell, outlines, bin_pix=bin_pix, box=extent if zoom else None, layer=layer)
    if suffix == ".fits":
        write_depth(path, depth, origin=_origin())
    else:
        from mvmdb.pictures.depth import draw_depth  # noqa: PLC0415
        from mvmdb.pictures.figure import picture_bytes  # noqa: PLC0415

        write_whole(path, picture_bytes(draw_depth(depth, extent, zoom=zoom), suffix))
    n_y_bins, n_x_bins = depth.exptime_s.shape
    return DepthFile(
        str(path),
        str(skycell),
        _text(layer),
        depth.box,
        bin_pix,
        n_x_bins,
        n_y_bins,
        len(depth.exposures),
        len(outlines),
        float(depth.exptime_s.max()),
    )


def compute_depth(
    skycell: SkycellName,
    outlines: Sequence[ChipOutline],
    *,
    bin_pix: int,
    box: PixelBox | None = None,
    layer: LayerName | None = None,
) -> DepthMap:
    """Return exposure time and number of chips in bins of a skycell, exact by area.

    Parameters
    ----------
    skycell, outlines
        Which chips to count.
    bin_pix
        Side of a bin, fine pixels.
    box
        Part of the skycell to map, widened to whole bins; all of it if None.
    layer
        Whose chips they are, for the record.

    Raises
    ------
    TooLargeError
        The map has too many bins.
    """
    full = skycell_grid(skycell).box
    box = full if box is None else whole_bins(box, bin_pix, full)
    shape = n_bins(box.height, bin_pix), n_bins(box.width, bin_pix)
    if shape[0] * shape[1] > _MOST_BINS:
        raise TooLargeError(
            f"a map of {shape[1]} x {shape[0]} bins is too large",
            hint="choose larger bins or a part of it",
        )
    corner = np.array([box.x0 - 0.5, box.y0 - 0.5])
    exptime_s, n_chips = depth_map(
        [(outline.vertices_pix - corner) / bin_pix for outline in outlines],
        np.array([[outline.exptime_s for outline in outlines], [1.0] * len(outlines)]),
        shape,
        (box.width / bin_pix, box.height / bin_pix),
    )
    return DepthMap(skycell, layer, box, bin_pix, exptime_s, n_chips, tuple(outlines))


def make_moc(
    connection: Connection,
    path: Path,
    *,
    skycell: SkycellName | None = None,
    layer: LayerName | None = None,
    filter_name: str | None = None,
    healpix_order: int,
) -> MocFile:
    """Write the sky that a selection of exposures covers as a MOC, FITS or JSON.

    Parameters
    ----------
    connection, path
        Where from, where to.
    skycell
        Only the sky within this skycell.
    layer
        Only exposures of this instrument, detector and filter.
    filter_name
        Only exposures through this filter.
    healpix_order
        Order of the cells, 0 to 29.

    Raises
    ------
    MissingPackageError
        mocpy is not installed.
    OutputFileError
        The file cannot be written, or its ending is another one.
    EmptyLayerError
        The selection is empty.
    """
    from mvmdb.files.moc import SUFFIXES, compute_moc, write_moc  # noqa: PLC0415

    require_suffix(path, SUFFIXES)
    polygons = stream_polygons(connection, skycell, layer, filter_name)
    moc, n_polygons = compute_moc(polygons, healpix_order)
    chosen = {"SKYCELL": skycell, "LAYER": layer, "FILTER": filter_name}
    keywords = {keyword: str(value) for keyword, value in chosen.items() if value is not None}
    write_moc(path, moc, {"ORIGIN": _origin(), **keywords})
    return MocFile(
        str(path),
        _text(skycell),
        _text(layer),
        filter_name,
        healpix_order,
        n_polygons,
        float(moc.sky_fraction) * _SKY_DEG2,
    )


def _text(name: SkycellName | LayerName | None) -> str | None:
    return None if name is None else str(name)


def _origin() -> str:
    return f"mvmdb {version('mvmdb')}"
