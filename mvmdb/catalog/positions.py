"""Questions about places on the sky: what lies there, how deep it is, how much sky that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    column,
    func,
    select,
    table,
    text,
)

from mvmdb.catalog.models import SCHEMA
from mvmdb.catalog.rows import columns_of, fetch, select_function
from mvmdb.catalog.types import sky_polygons_ewkt
from mvmdb.sky.footprint import SkyRing


@dataclass(frozen=True)
class SkycellHit:
    """A skycell that holds a position."""

    skycell: str
    x_pix: float
    y_pix: float
    offset_deg: float


@dataclass(frozen=True)
class CoverageRow:
    """An exposure that lights a position or reaches into a region."""

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
    s_region: str | None = None
    """Footprint as STC-S text, where it was asked for."""


@dataclass(frozen=True)
class DepthRow:
    """How deep a place is in one filter of one detector."""

    instrument: str
    detector: str
    filter: str
    n_exposures: int
    exptime_s: float
    first_date: datetime
    last_date: datetime


@dataclass(frozen=True)
class PositionDepthRow:
    """How deep one of many positions is in one filter of one detector."""

    position: str
    ra_deg: float
    dec_deg: float
    instrument: str
    detector: str
    filter: str
    n_exposures: int
    exptime_s: float


@dataclass(frozen=True)
class Place:
    """Where to look: a position with a radius, or the inside of polygons."""

    ra_deg: float = 0.0
    dec_deg: float = 0.0
    radius_arcsec: float = 0.0
    polygons: tuple[SkyRing, ...] = ()
    """When there are any, the position does not matter."""


@dataclass(frozen=True)
class ExposureFilter:
    """Which exposures to look at; what is left empty does not matter."""

    instruments: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_exptime_s: float = 0.0
    with_excluded: bool = False


ALL = ExposureFilter()


def list_skycells_at(connection: Connection, ra_deg: float, dec_deg: float) -> list[SkycellHit]:
    """Return every skycell that holds a position (ICRS degrees), nearest projection-cell centre first."""
    return fetch(connection, SkycellHit, select_function(SkycellHit, func.mvm.skycell_at(ra_deg, dec_deg)))


def find_primary_skycell(connection: Connection, ra_deg: float, dec_deg: float) -> SkycellHit:
    """Return the one skycell that owns a position (ICRS degrees)."""
    query = select_function(SkycellHit, func.mvm.primary_skycell(ra_deg, dec_deg))
    return fetch(connection, SkycellHit, query)[0]


def list_coverage(
    connection: Connection, place: Place, only: ExposureFilter = ALL, *, with_footprints: bool = False
) -> list[CoverageRow]:
    """Return the exposures at a place, in order of time, with their footprints as text if wanted."""
    exposures = _exposures_at(place, only)
    names = [name for name in columns_of(CoverageRow) if name != "s_region"]
    query = select(*(exposures.c[name] for name in names)).where(*_conditions(exposures, only))
    if with_footprints:
        outline = table("exposure", column("exposure_id"), column("footprint"), schema=SCHEMA)
        query = query.join_from(exposures, outline, outline.c.exposure_id == exposures.c.exposure_id)
        query = query.add_columns(func.mvm.s_region(outline.c.footprint).label("s_region"))
    return fetch(connection, CoverageRow, query.order_by(exposures.c.start_mjd, exposures.c.exposure))


def list_depth(connection: Connection, place: Place, only: ExposureFilter = ALL) -> list[DepthRow]:
    """Return the depth of a place by detector and filter, deepest first."""
    exposures = _exposures_at(place, only)
    key = [exposures.c[name] for name in ("instrument", "detector", "filter")]
    query: Select[Any] = (
        select(
            *key,
            func.count().label("n_exposures"),
            func.sum(exposures.c.exptime_s).label("exptime_s"),
            func.min(exposures.c.start_utc).label("first_date"),
            func.max(exposures.c.start_utc).label("last_date"),
        )
        .where(*_conditions(exposures, only))
        .group_by(*key)
        .order_by(func.sum(exposures.c.exptime_s).desc())
    )
    return fetch(connection, DepthRow, query)


def find_union_area_deg2(connection: Connection, place: Place, only: ExposureFilter = ALL) -> float:
    """Return the sky that the exposures at a place cover together, square degrees, each piece once."""
    exposures = _exposures_at(place, only)
    chosen = select(func.array_agg(exposures.c.exposure_id)).where(*_conditions(exposures, only))
    area_deg2 = connection.execute(select(func.mvm.union_area_deg2(chosen.scalar_subquery()))).scalar()
    return float(area_deg2 or 0.0)


def _exposures_at(place: Place, only: ExposureFilter) -> FromClause:
    names = [*columns_of(CoverageRow)[:-1], "start_utc", "exposure_id"]
    if place.polygons:
        region = func.ST_GeogFromText(sky_polygons_ewkt(place.polygons))
        function = func.mvm.coverage_in(region, only.with_excluded)
    else:
        function = func.mvm.coverage(place.ra_deg, place.dec_deg, place.radius_arcsec, only.with_excluded)
    return function.table_valued(*names)


def _conditions(exposures: FromClause, only: ExposureFilter) -> list[ColumnElement[bool]]:
    c = exposures.c
    conditions: list[ColumnElement[bool]] = [c.exptime_s >= only.min_exptime_s]
    if only.instruments:
        conditions.append(func.lower(c.instrument).in_([name.lower() for name in only.instruments]))
    if only.filters:
        conditions.append(func.lower(c.filter).in_([name.lower() for name in only.filters]))
    if only.since is not None:
        conditions.append(c.start_utc >= only.since)
    if only.until is not None:
        conditions.append(c.start_utc < only.until)
    return conditions


def list_depth_at_positions(
    connection: Connection, positions: Iterable[tuple[str, float, float]]
) -> list[PositionDepthRow]:
    """Return how deep each of many positions is, by detector and filter; unlit positions are left out.

    Parameters
    ----------
    connection
        Inside a transaction.
    positions
        Label, right ascension and declination (ICRS degrees); they reach the server by COPY.
    """
    connection.execute(
        text("create temporary table wanted (position text, ra_deg float8, dec_deg float8) on commit drop")
    )
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor().copy("copy pg_temp.wanted from stdin") as copy:
        for row in positions:
            copy.write_row(row)
    connection.execute(text("analyze pg_temp.wanted"))
    query = text(
        "select w.position, w.ra_deg, w.dec_deg, e.instrument, e.detector, e.filter,"
        " count(*) as n_exposures, sum(e.exptime_s) as exptime_s"
        " from pg_temp.wanted as w"
        " join mvm.exposure as e on ST_Intersects(e.footprint, mvm.sky_point(w.ra_deg, w.dec_deg))"
        " where e.is_current and e.exclusion is null"
        " group by w.position, w.ra_deg, w.dec_deg, e.instrument, e.detector, e.filter"
        " order by w.position, exptime_s desc"
    )
    return [PositionDepthRow(**row) for row in connection.execute(query).mappings()]
