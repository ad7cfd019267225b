"""Real footprints for the benchmark: the tables of the shared data, as lines of COPY and as unit vectors."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmark.footprints import Floats, vectors_of
from tests.benchmark.load import hex_polygons


@dataclass(frozen=True)
class Footprints:
    """Footprints of one shape: number of each in the order of loading, and vertices ``(n, chips, vertices, 3)``."""

    index: np.ndarray[tuple[int], np.dtype[np.int64]]
    vectors: Floats


@dataclass(frozen=True)
class Archive:
    """Exposures of a table, and the polygons of each, vertices in degrees."""

    names: list[str]
    instruments: list[tuple[str, str, str]]
    """Instrument, detector, filter."""
    polygons: list[Floats]
    """``(chips, vertices, 2)``."""

    def by_shape(self) -> Iterator[Footprints]:
        """Yield the footprints, those with as many chips and vertices together."""
        shapes = np.array([polygon.shape[:2] for polygon in self.polygons])
        for shape in np.unique(shapes, axis=0):
            index = np.flatnonzero((shapes == shape).all(axis=1))
            corners = np.stack([self.polygons[i] for i in index])
            yield Footprints(index, vectors_of(corners[..., 0], corners[..., 1]))

    def lines(self) -> Iterator[str]:
        """Yield the exposures as lines of COPY, in the columns of the loader."""
        for part in self.by_shape():
            polygons = hex_polygons(part.vectors)
            n_chips = part.vectors.shape[1]
            for i, polygon in zip(part.index.tolist(), polygons, strict=True):
                names = "\t".join(self.instruments[i])
                yield f"{i}\t{self.names[i]}\t{names}\t100\t{55000 + i}\t0\tANY\t{n_chips}\t{polygon}\n"


def read_jwst(directory: Path) -> Archive:
    """Return the JWST imaging exposures: not Hubble's, but real in size, shape and clustering."""
    with gzip.open(directory / "jwst_imaging_s_region.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    names = [f"{number:07d}j" for number in range(len(rows))]
    instruments = [(row["instrument"].lower(), row["detector"].lower(), row["filter"].lower()) for row in rows]
    return Archive(names, instruments, [read_polygons(row["s_region"]) for row in rows])


def read_hst(directory: Path) -> Archive:
    """Return the HST exposures, the chips of each together."""
    with (directory / "hst_hdrtab_exposures.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["rootname"] for row in rows})
    chips = [[row for row in rows if row["rootname"] == name] for name in names]
    instruments = [
        (some[0]["instrument"].lower(), some[0]["detector"].lower(), some[0]["filter"].lower()) for some in chips
    ]
    polygons = [np.concatenate([read_polygons(row["s_region"]) for row in some]) for some in chips]
    return Archive(names, instruments, polygons)


def read_polygons(s_region: str) -> Floats:
    """Return the polygons of STC-S text whose polygons have as many vertices each."""
    polygons = [part.split()[1:] for part in s_region.split("POLYGON")[1:]]  # the word of the frame first
    return np.array(polygons, dtype=float).reshape(len(polygons), -1, 2)
