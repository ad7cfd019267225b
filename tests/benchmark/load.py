"""Synthetic exposures into the real tables: COPY to a staging table, set-based insert, triggers and all."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import psycopg
from numpy.typing import NDArray

from tests.benchmark.footprints import VISIT, Camera, CameraOutlines, Outline, Pointings, blocks, sky_of

SKY_SRID = 104047
_DIGITS = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))

STAGING = """
create temporary table staging (
  number integer, rootname text, instrument text, detector text, filter text, exptime_s double precision,
  start_mjd double precision, proposal_id integer, target_name text, n_chips integer, footprint geography
)"""

# As ingest writes them: the widths of all values are those of real exposures.
MERGE = """
with added as (
  insert into mvm.exposure (
    rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
    target_name, proposal_id, wcsname, file_path, file_type, file_sha256, file_size_bytes, footprint
  )
  select
    rootname, 1, true, left(rootname, 6), instrument, detector, filter, exptime_s, start_mjd,
    start_mjd + exptime_s / 86400, target_name, proposal_id, 'IDC_4bb1536oj-FIT_REL_GAIAeDR3',
    '/archive/hst/' || left(rootname, 4) || '/' || rootname || '_flc.fits', 'flc',
    encode(sha256(rootname::bytea), 'hex'), 168327360, footprint
  from staging
  order by number
  returning exposure_id, rootname
)
insert into mvm.chip (
  exposure_id, chip, part, hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn,
  photflam, photplam_angstrom, wcsname
)
select
  exposure_id, part, part, 3 * part - 2, 4096, 2048, 0.05, 'ELECTRONS', 1,
  7.0331e-20, 8045.5, 'IDC_4bb1536oj-FIT_REL_GAIAeDR3'
from added
join staging using (rootname)
cross join generate_series(1, n_chips) as part
order by exposure_id, part"""


Lines = Iterable[str]
"""Exposures as lines of COPY, columns as in ``STAGING``."""


def load(connection: psycopg.Connection, blocks_of_lines: Iterable[Lines]) -> int:
    """Load exposures, a block in a transaction of its own, and return how far the client's memory grew, MB.

    The first block sets the measure: what the others add would grow with the number of exposures.
    """
    connection.execute(STAGING)
    first_mb = None
    for lines in blocks_of_lines:
        with connection.transaction():
            copy_lines(connection, lines)
            connection.execute("analyze staging")
            connection.execute(MERGE)
            connection.execute("truncate staging")
        first_mb = first_mb or peak_memory_mb()
    connection.execute("drop table staging")
    return peak_memory_mb() - (first_mb or 0)


def peak_memory_mb() -> int:
    """Return the most memory this process has held at once, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def copy_lines(connection: psycopg.Connection, lines: Lines) -> None:
    """Write exposures to the staging table."""
    with connection.cursor().copy("copy staging from stdin") as copy:
        for line in lines:
            copy.write(line)


def synthetic_lines(pointings: Pointings, outline: Outline = "corners") -> Iterator[Lines]:
    """Yield synthetic exposures, a block at a time."""
    for block in blocks(pointings, outline):
        yield chain.from_iterable(rows(item) for item in block)


def rows(item: CameraOutlines) -> Iterator[str]:
    """Yield exposures as lines of COPY."""
    camera = item.camera
    names = rootnames(item.index, camera)
    visits = item.index // VISIT
    filters = np.array(camera.filters)[visits % len(camera.filters)]
    exptimes_s = 30 + 10 * (visits % 140)
    polygons = hex_polygons(item.vectors)
    n_chips = item.vectors.shape[1]
    for i, name in enumerate(names.tolist()):
        number, proposal = int(item.index[i]), 9000 + int(visits[i]) // 40
        yield (
            f"{number}\t{name}\t{camera.instrument}\t{camera.detector}\t{filters[i]}\t{exptimes_s[i]}\t"
            f"{52000 + number * 0.008:.5f}\t{proposal}\tFIELD-{proposal}\t{n_chips}\t{polygons[i]}\n"
        )


def rootnames(index: NDArray[np.intp], camera: Camera) -> NDArray[np.str_]:
    """Return ipppssoot of exposures: i the instrument, the rest their number."""
    places = index[:, None] // 36 ** np.arange(6, -1, -1) % 36
    joined = np.char.add(camera.letter, _DIGITS[places].view(f"<U{places.shape[1]}")[:, 0])
    return np.char.add(joined, "q")


def hex_polygons(vectors: NDArray[np.float64]) -> list[str]:
    """Return outlines ``(n, n_chips, n_vertices, 3)`` as EWKB in hexadecimal, one multipolygon each."""
    n, n_chips, n_vertices, _ = vectors.shape
    head = [("order", "u1"), ("kind", "<u4")]
    polygon = np.dtype([*head, ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (n_vertices + 1, 2))])
    whole = np.dtype([*head, ("srid", "<u4"), ("parts", "<u4"), ("polygon", polygon, (n_chips,))])
    values = np.zeros(n, whole)
    values["order"], values["kind"], values["srid"], values["parts"] = 1, 0x20000006, SKY_SRID, n_chips
    part = values["polygon"]
    part["order"], part["kind"], part["rings"], part["points"] = 1, 3, 1, n_vertices + 1
    closed = np.concatenate([vectors, vectors[:, :, :1]], axis=2)
    part["xy"] = np.stack(sky_of(closed), axis=-1)
    digits = values.tobytes().hex()
    width = 2 * whole.itemsize
    return [digits[i : i + width] for i in range(0, len(digits), width)]
