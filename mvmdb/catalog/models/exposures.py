"""Exposures, what speaks against them, where they lie, and the extents that follow."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import CITEXT, JSONB

from mvmdb.catalog.models.base import column, extent_columns, metadata
from mvmdb.catalog.models.sky import projection_cell
from mvmdb.catalog.types import SkyPolygons

exclusion_rule = Table(
    "exclusion_rule",
    metadata,
    column("code", Text, primary_key=True, comment="What was found, like moving_target"),
    column("excludes", Boolean, comment="True when an exposure with this finding enters no layer"),
    column("description", Text, comment="What the finding means"),
    column("source", Text, comment="Where the rule comes from"),
    comment="Which findings exclude an exposure; a finding without a rule excludes.",
)

withdrawal = Table(
    "withdrawal",
    metadata,
    column("withdrawal_id", Integer, Identity(), primary_key=True, comment="Number of the withdrawal"),
    column("rootname", Text, comment="Root name of the exposure, all its revisions"),
    column(
        "skycell",
        Text,
        nullable=True,
        comment="The skycell from whose layers it is withdrawn; null for all",
    ),
    column("reason", Text, comment="Why, in words"),
    column("withdrawn_by", Text, comment="Who withdrew it"),
    column("withdrawn_at", DateTime(True), server_default=func.now(), comment="When, UTC"),
    column("restored_by", Text, nullable=True, comment="Who restored it; null while it is withdrawn"),
    column(
        "restored_at",
        DateTime(True),
        nullable=True,
        comment="When it was restored, UTC; null while it is withdrawn",
    ),
    CheckConstraint("(restored_at is null) = (restored_by is null)", name="restored_by_somebody"),
    Index(
        "withdrawal_everywhere_idx",
        "rootname",
        unique=True,
        postgresql_where=text("restored_at is null and skycell is null"),
    ),
    Index(
        "withdrawal_skycell_idx",
        "rootname",
        "skycell",
        unique=True,
        postgresql_where=text("restored_at is null"),
    ),
    comment="Exposures taken out of layers by decision, with who, when and why; ended ones stay as history.",
)

exposure = Table(
    "exposure",
    metadata,
    column(
        "exposure_id",
        Integer,
        Identity(),
        primary_key=True,
        comment="Number of this revision of this exposure",
    ),
    column(
        "rootname",
        Text,
        comment="Root name of the exposure (ipppssoot), or another telescope's identifier; lower case",
    ),
    column("revision", Integer, comment="Counts the contents seen under this root name, from 1"),
    column("is_current", Boolean, comment="True for the one revision that layers use"),
    column(
        "visit",
        Text,
        nullable=True,
        comment="Program and observation set, first six characters of the root name; null without one",
    ),
    column("instrument", CITEXT, comment="Instrument, lower case; compares without regard to case"),
    column(
        "detector",
        CITEXT,
        comment="Detector, lower case (pc: all of WFPC2); compares without regard to case",
    ),
    column(
        "filter",
        CITEXT,
        comment="Filter, lower case, crossed filters joined by -; compares without regard to case",
    ),
    column("exptime_s", Float(53), comment="Exposure time, seconds"),
    column("start_mjd", Float(53), comment="Start of the exposure, modified Julian date, UTC days"),
    column("end_mjd", Float(53), comment="End of the exposure, modified Julian date, UTC days"),
    column("target_name", Text, comment="Target as named by the proposer (TARGNAME)"),
    column("proposal_id", Integer, nullable=True, comment="Proposal number (PROPOSID)"),
    column(
        "wcsname", Text, nullable=True, comment="Name of the astrometric solution of the first chip (WCSNAME)"
    ),
    column(
        "findings",
        JSONB,
        server_default=text("'[]'"),
        comment="What speaks against the exposure, most telling first: an array of code and detail",
    ),
    column(
        "exclusion",
        Text,
        nullable=True,
        comment="Why the exposure enters no layer, a code; null when it does; set by trigger from the rules",
    ),
    column("exclusion_detail", Text, nullable=True, comment="Keyword and value behind the exclusion"),
    column(
        "file_path",
        Text,
        nullable=True,
        comment="Where the file lay when it was last ingested, absolute path or URL; null for a footprint",
    ),
    column(
        "file_type",
        Text,
        comment="flt, flc, c0m, ...: calibration level from the file name; footprint: a row of a table",
    ),
    column(
        "file_sha256", Text, comment="SHA-256 of the uncompressed FITS bytes, or of the values of a footprint"
    ),
    column(
        "file_size_bytes",
        BigInteger,
        nullable=True,
        comment="Size of the uncompressed FITS bytes; null for a footprint",
    ),
    column(
        "footprint",
        SkyPolygons(),
        comment="Outlines of the chips on the sky, one polygon per chip, ICRS degrees",
    ),
    column(
        "ingested_at",
        DateTime(True),
        server_default=func.now(),
        comment="When this revision was recorded, UTC",
    ),
    column(
        "standing_since",
        DateTime(True),
        server_default=func.now(),
        comment="When it last began or ceased to be current and not excluded, UTC; kept by a trigger",
    ),
    UniqueConstraint("rootname", "revision"),
    UniqueConstraint("rootname", "file_sha256"),
    CheckConstraint("(exclusion is null) = (exclusion_detail is null)", name="exclusion_has_detail"),
    CheckConstraint("end_mjd >= start_mjd", name="ends_after_start"),
    CheckConstraint(
        "(file_path is null) = (file_size_bytes is null)"
        " and (file_path is not null or file_type = 'footprint')",
        name="file_unless_footprint",
    ),
    Index("exposure_current_idx", "rootname", unique=True, postgresql_where=text("is_current")),
    Index(
        "exposure_findings_idx",
        "findings",
        postgresql_using="gin",
        postgresql_ops={"findings": "jsonb_path_ops"},
    ),
    Index("exposure_footprint_idx", "footprint", postgresql_using="gist"),
    comment="Every revision of every exposure ever ingested; nothing is deleted, so provenance stays true.",
)

chip = Table(
    "chip",
    metadata,
    column(
        "exposure_id",
        Integer,
        ForeignKey(exposure.c.exposure_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Exposure the chip belongs to",
    ),
    column(
        "chip",
        Integer,
        primary_key=True,
        comment="EXTVER of the chip's SCI extension; of a footprint without, the number of its polygon",
    ),
    column("part", Integer, comment="Position of the chip's polygon in exposure.footprint, from 1"),
    column(
        "hdu_index",
        Integer,
        nullable=True,
        comment="Position of the SCI extension in the file, from 0; null, as what follows, for a footprint",
    ),
    column("n_x_pix", Integer, nullable=True, comment="Columns of the chip, pixels"),
    column("n_y_pix", Integer, nullable=True, comment="Rows of the chip, pixels"),
    column(
        "pixel_scale_arcsec",
        Float(53),
        nullable=True,
        comment="Undistorted pixel scale the photometry refers to, arcsec",
    ),
    column(
        "bunit",
        Text,
        nullable=True,
        comment="Unit of the pixels: ELECTRONS, ELECTRONS/S, COUNTS or COUNTS/S",
    ),
    column(
        "gain_e_per_dn",
        Float(53),
        nullable=True,
        comment="Electrons per count; 1 where the pixels are electrons",
    ),
    column("photflam", Float(53), nullable=True, comment="Inverse sensitivity, erg/s/cm2/Angstrom per e-/s"),
    column("photplam_angstrom", Float(53), nullable=True, comment="Pivot wavelength, Angstrom"),
    column("wcsname", Text, nullable=True, comment="Name of the astrometric solution of the chip (WCSNAME)"),
    UniqueConstraint("exposure_id", "part"),
    CheckConstraint(
        "num_nulls(hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn) in (0, 6)",
        name="pixels_known_or_not",
    ),
    comment="SCI extensions of the exposures: what has a WCS.",
)

placement = Table(
    "placement",
    metadata,
    column(
        "exposure_id",
        Integer,
        ForeignKey(exposure.c.exposure_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Exposure, current and not excluded",
    ),
    column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell whose skycells the footprint reaches",
    ),
    column(
        "shape",
        Geometry("MULTIPOLYGON", srid=-1, spatial_index=False),
        comment="Footprint in 0-based fine pixels of the projection cell, one polygon per chip",
    ),
    Index("placement_projection_cell_shape_idx", "projection_cell", "shape", postgresql_using="gist"),
    comment="Footprints on the tangent planes; kept by a trigger on mvm.exposure, never written by hand.",
)

extent_revision = Table(
    "extent_revision",
    metadata,
    column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell of the skycell",
    ),
    column("x", Integer, primary_key=True, comment="Column of the skycell in the projection cell, from 1"),
    column("y", Integer, primary_key=True, comment="Row of the skycell in the projection cell, from 1"),
    column("revision", Integer, primary_key=True, comment="Counts the extents the skycell has had, from 1"),
    *(
        column(item.name, Integer, nullable=True, comment=f"{item.comment}; null when no exposure is left")
        for item in extent_columns()
    ),
    column("recorded_at", DateTime(True), comment="Transaction time at which it came into force, UTC"),
    comment="Every common subarray a skycell has had; kept by triggers on mvm.placement.",
)

ingest_failure = Table(
    "ingest_failure",
    metadata,
    column(
        "file_path",
        Text,
        primary_key=True,
        comment="File that could not be ingested, absolute path or URL",
    ),
    column("error", Text, comment="Class of the error, such as HeaderError"),
    column("keyword", Text, nullable=True, comment="Header keyword at fault, if one is"),
    column("message", Text, comment="What was wrong, in words"),
    column("failed_at", DateTime(True), server_default=func.now(), comment="When it was first seen, UTC"),
    comment="Files that were refused; a row goes when its file is ingested.",
)
