"""Column types: sky polygons go in as vertices and come to rest as a geography on a true sphere."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from geoalchemy2 import Geography
from sqlalchemy.types import TypeDecorator

from mvmdb.sky.footprint import SkyRing

SKY_SRID = 104047
"""GCS_Sphere_GRS_1980_Mean_Radius: a sphere of PostGIS' own radius, so that all its functions agree."""

SPHERE_RADIUS_M = 6371008.7714

_POLYGON, _MULTIPOLYGON, _WITH_SRID = 3, 6, 0x20000000
_HEADER_WITH_SRID = struct.Struct("<BIII")
"""Little-endian, kind of geometry, SRID, number of parts."""


def sky_polygons_ewkt(rings: tuple[SkyRing, ...]) -> str:
    """Return polygons as EWKT, longitudes in [-180, 180) so that PostGIS has nothing to coerce."""
    polygons = ",".join(_polygon_text(ring) for ring in rings)
    return f"SRID={SKY_SRID};MULTIPOLYGON{f'({polygons})' if rings else ' EMPTY'}"


def _polygon_text(ring: SkyRing) -> str:
    vertices = np.asarray(ring, dtype=float)
    longitude = vertices[:, 0] - 360.0 * np.floor((vertices[:, 0] + 180.0) / 360.0)
    points = [
        f"{lon!r} {lat!r}" for lon, lat in zip(longitude.tolist(), vertices[:, 1].tolist(), strict=True)
    ]
    return f"(({','.join([*points, points[0]])}))"


def sky_polygons_ewkb(rings: tuple[SkyRing, ...]) -> bytes:
    """Return polygons as EWKB, which is what COPY takes most quickly; longitudes as in the text."""
    parts = [_HEADER_WITH_SRID.pack(1, _MULTIPOLYGON | _WITH_SRID, SKY_SRID, len(rings))]
    for ring in rings:
        flat = [x for ra_deg, dec_deg in ring for x in (ra_deg - 360 * ((ra_deg + 180) // 360), dec_deg)]
        flat += flat[:2]
        parts.append(struct.pack(f"<BIII{len(flat)}d", 1, _POLYGON, 1, len(flat) // 2, *flat))
    return b"".join(parts)


class SkyPolygons(TypeDecorator[Any]):
    """``geography(MultiPolygon, 104047)``: one polygon per chip, in chip order; indexed with GiST."""

    impl = Geography
    cache_ok = True

    def __init__(self) -> None:
        super().__init__("MULTIPOLYGON", srid=SKY_SRID, spatial_index=False)

    def process_bind_param(self, value: tuple[SkyRing, ...] | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Turn the rings of the chips into EWKT."""
        return None if value is None else sky_polygons_ewkt(value)
