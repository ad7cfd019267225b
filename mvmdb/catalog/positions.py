"""Questions about a position on the sky, answered by ``mvm.skycell_at`` and ``mvm.coverage``."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func

from mvmdb.catalog.rows import fetch, select_function


@dataclass(frozen=True)
class SkycellHit:
    """A skycell that holds a position."""

    skycell: str
    x_pix: float
    y_pix: float
    offset_deg: float


@dataclass(frozen=True)
class CoverageRow:
    """An exposure that lights a position."""

    exposure: str
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    proposal_id: int | None
    target_name: str
    wcsname: str | None
    exclusion: str | None


def list_skycells_at(connection: Connection, ra_deg: float, dec_deg: float) -> list[SkycellHit]:
    """Return every skycell that holds a position (ICRS degrees), nearest projection-cell centre first."""
    return fetch(connection, SkycellHit, select_function(SkycellHit, func.mvm.skycell_at(ra_deg, dec_deg)))


def list_coverage(
    connection: Connection,
    ra_deg: float,
    dec_deg: float,
    *,
    radius_arcsec: float = 0.0,
    with_excluded: bool = False,
) -> list[CoverageRow]:
    """Return the exposures that light a position (ICRS degrees) or come within a radius, in order of time."""
    function = func.mvm.coverage(ra_deg, dec_deg, radius_arcsec, with_excluded)
    return fetch(connection, CoverageRow, select_function(CoverageRow, function))
