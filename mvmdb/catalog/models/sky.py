"""The tessellation as tables."""

from __future__ import annotations

from geoalchemy2 import Geography, Geometry
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import CITEXT

from mvmdb.catalog.models.base import column, metadata
from mvmdb.catalog.types import SKY_SRID

tessellation = Table(
    "tessellation",
    metadata,
    column(
        "definition_sha256",
        Text,
        primary_key=True,
        comment="SHA-256 of the definition (mvmdb.sky.tessellation)",
    ),
    column(
        "only_row", Boolean, unique=True, server_default=text("true"), comment="Always true: there is one row"
    ),
    column("registered_at", DateTime(True), server_default=func.now(), comment="When it was loaded, UTC"),
    CheckConstraint("only_row", name="only_one_row"),
    comment="The frozen tessellation this database was made for; another one is refused.",
)

ring = Table(
    "ring",
    metadata,
    column(
        "ring",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Number of the ring, 0 (south) to 45 (north)",
    ),
    column("dec_deg", Float(53), comment="Declination of the tangent points of the ring, degrees"),
    column("n_cells", Integer, comment="Number of projection cells in the ring"),
    column("first_cell", Integer, comment="Number of the first projection cell of the ring, the one at RA 0"),
    column(
        "srid",
        Integer,
        unique=True,
        comment="spatial_ref_sys row of the ring's gnomonic plane, tangent at RA 0",
    ),
    comment="Declination rings; cells of one ring differ by a rotation in right ascension.",
)

projection_cell = Table(
    "projection_cell",
    metadata,
    column(
        "projection_cell",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Number, 0 to 2643; 1889 is p1889",
    ),
    column("ring", Integer, ForeignKey(ring.c.ring), comment="Ring the cell lies in"),
    column("ra_deg", Float(53), comment="Right ascension of the tangent point (CRVAL1), ICRS degrees"),
    column("dec_deg", Float(53), comment="Declination of the tangent point (CRVAL2), ICRS degrees"),
    column(
        "area",
        Geography("POLYGON", srid=SKY_SRID, spatial_index=False),
        comment="Sky that the 21 x 21 skycells of the cell cover, a spherical polygon, ICRS degrees",
    ),
    Index("projection_cell_area_idx", "area", postgresql_using="gist"),
    comment="The 2,644 tangent planes of the tessellation.",
)

projection_core = Table(
    "projection_core",
    metadata,
    column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell that owns the part",
    ),
    column("part", Integer, primary_key=True, autoincrement=False, comment="Number of the part, from 1"),
    column(
        "shape",
        Geometry("POLYGON", srid=-1, spatial_index=False),
        comment="Convex part in 0-based fine pixels of the projection cell",
    ),
    comment="The sky that each projection cell owns; together the parts cover the sky exactly once.",
)

layer_scale = Table(
    "layer_scale",
    metadata,
    column("instrument", CITEXT, primary_key=True, comment="Instrument, lower case: acs, wfc3, wfpc2"),
    column("detector", CITEXT, primary_key=True, comment="Detector, lower case: wfc, hrc, sbc, uvis, ir, pc"),
    column("scale", Text, primary_key=True, comment="fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)"),
    CheckConstraint("scale in ('fine', 'coarse')", name="scale"),
    comment="The scales at which the exposures of a detector are combined.",
)
