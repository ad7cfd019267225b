"""Real footprints for the benchmark: the tables of the shared data, as lines of COPY and as unit vectors."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import RegionError
from mvmdb.sky.region import parse_region
from tests.benchmark.footprints import Floats, vectors_of
from tests.benchmark.load import hex_polygons


@dataclass(frozen=True)
class Footprints:
    """Footprints of one shape."""

    index: NDArray[np.intp]
    """Number of each in the order of loading."""
    vectors: Floats
    """Vertices as unit vectors ``(n, n_chips, n_vertices, 3)``."""


@dataclass(frozen=True)
class Exposure:
    """One exposure of a table."""

    name: str
    instrument: str
    detector: str
    filter: str
    chips_deg: Floats
    """Vertices ``(n_chips, n_vertices, 2)``."""


@dataclass(frozen=True)
class Archive:
    """The exposures of a table."""

    exposures: list[Exposure]
    n_refused: int
    """Those whose region is no sound polygon."""

    def by_shape(self) -> Iterator[Footprints]:
        """Yield the footprints, those with as many chips and vertices together."""
        shapes = np.array([exposure.chips_deg.shape[:2] for exposure in self.exposures])
        for shape in np.unique(shapes, axis=0):
            index = np.flatnonzero((shapes == shape).all(axis=1))
            corners = np.stack([self.exposures[i].chips_deg for i in index])
            yield Footprints(index, vectors_of(corners[..., 0], corners[..., 1]))

    def lines(self) -> Iterator[str]:
        """Yield the exposures as lines of COPY, in the columns of the loader."""
        for part in self.by_shape():
            n_chips = part.vectors.shape[1]
            for i, polygon in zip(part.index.tolist(), hex_polygons(part.vectors), strict=True):
                e = self.exposures[i]
                names = f"{e.name}\t{e.instrument}\t{e.detector}\t{e.filter}"
                yield f"{i}\t{names}\t100\t{55000 + i}\t0\tANY\t{n_chips}\t{polygon}\n"


def read_jwst(directory: Path) -> Archive:
    """Return the JWST imaging exposures: not Hubble's, but real in size, shape and clustering."""
    with gzip.open(directory / "jwst_imaging_s_region.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    return _archive((f"{number:07d}j", [row]) for number, row in enumerate(rows))


def read_hst(directory: Path) -> Archive:
    """Return the HST exposures, the chips of each together."""
    with (directory / "hst_hdrtab_exposures.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["rootname"] for row in rows})
    return _archive((name, [row for row in rows if row["rootname"] == name]) for name in names)


def _archive(named_rows: Iterable[tuple[str, list[dict[str, str]]]]) -> Archive:
    exposures = [_exposure(name, rows) for name, rows in named_rows]
    sound = [exposure for exposure in exposures if exposure is not None]
    return Archive(sound, len(exposures) - len(sound))


def _exposure(name: str, rows: list[dict[str, str]]) -> Exposure | None:
    try:
        chips = [ring for row in rows for ring in parse_region(row["s_region"])]
    except RegionError:
        return None
    instrument, detector, filter_name = (rows[0][key].lower() for key in ("instrument", "detector", "filter"))
    return Exposure(name, instrument, detector, filter_name, np.array(chips))
