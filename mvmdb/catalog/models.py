"""The tables of schema ``mvm``: the truth for tables, columns, units and constraints.

Views and functions stand in ``sql/``; what is printed from here stands in ``sql/tables``.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geography, Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CITEXT, JSONB

from mvmdb.catalog.types import SKY_SRID, SkyPolygons

SCHEMA = "mvm"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)


def _column(name: str, kind: Any, *constraints: Any, comment: str, **options: Any) -> Column[Any]:
    """Return a column that is not null unless it says so: every column states its meaning and unit."""
    options.setdefault("nullable", False)
    return Column(name, kind, *constraints, comment=comment, **options)


def _layer_columns() -> list[Column[Any]]:
    return [
        _column("skycell", Text, comment="Skycell name, like p1889x07y19"),
        _column("layer", Text, comment="Layer name, like wfc3_ir_f160w_coarse"),
        _column(
            "selection", Text, comment="Name of the rule of which exposures the layer takes; all = every one"
        ),
    ]


def _extent_columns() -> list[Column[Any]]:
    return [
        _column(
            "x0", Integer, comment="First column of the common subarray, 0-based fine pixels of the skycell"
        ),
        _column(
            "y0", Integer, comment="First row of the common subarray, 0-based fine pixels of the skycell"
        ),
        _column(
            "x1", Integer, comment="Column after the last, 0-based fine pixels of the skycell (half-open)"
        ),
        _column("y1", Integer, comment="Row after the last, 0-based fine pixels of the skycell (half-open)"),
    ]


def _footprint_statistics_columns() -> list[Column[Any]]:
    """Return the statistics by outlines: what the reference writes, beside those from the arrays."""
    meanings = {
        "coverage_fraction": "Fraction of the full skycell inside the outlines of the chips",
        "mean_exptime_s": "Mean exposure time of the pixels inside the outlines, seconds",
        "median_exptime_s": "Median exposure time of the pixels inside the outlines, seconds",
        "mean_n_exposures": "Mean number of chips of the pixels inside the outlines",
        "median_n_exposures": "Median number of chips of the pixels inside the outlines",
    }
    pixels = _column(
        "footprint_n_pixels_covered",
        BigInteger,
        nullable=True,
        comment="Pixels whose centre lies inside the outline of a chip",
    )
    return [
        pixels,
        *(
            _column(f"footprint_{name}", Float(53), nullable=True, comment=meaning)
            for name, meaning in meanings.items()
        ),
    ]


tessellation = Table(
    "tessellation",
    metadata,
    _column(
        "definition_sha256",
        Text,
        primary_key=True,
        comment="SHA-256 of the definition (mvmdb.sky.tessellation)",
    ),
    _column(
        "only_row", Boolean, unique=True, server_default=text("true"), comment="Always true: there is one row"
    ),
    _column("registered_at", DateTime(True), server_default=func.now(), comment="When it was loaded, UTC"),
    CheckConstraint("only_row", name="only_one_row"),
    comment="The frozen tessellation this database was made for; another one is refused.",
)

engine = Table(
    "engine",
    metadata,
    _column(
        "engine",
        Text,
        primary_key=True,
        comment="Name and version of everything that computes pixels, as in recipes",
    ),
    _column("default_parameters", JSONB, comment="Drizzle parameters that hold where a set gives none"),
    _column(
        "only_row", Boolean, unique=True, server_default=text("true"), comment="Always true: there is one row"
    ),
    _column(
        "registered_at", DateTime(True), server_default=func.now(), comment="When it came into force, UTC"
    ),
    CheckConstraint("only_row", name="only_one_row"),
    comment="The engine of the mvmdb that last opened the database; products of another one are stale.",
)

ring = Table(
    "ring",
    metadata,
    _column(
        "ring",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Number of the ring, 0 (south) to 45 (north)",
    ),
    _column("dec_deg", Float(53), comment="Declination of the tangent points of the ring, degrees"),
    _column("n_cells", Integer, comment="Number of projection cells in the ring"),
    _column(
        "first_cell", Integer, comment="Number of the first projection cell of the ring, the one at RA 0"
    ),
    _column(
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
    _column(
        "projection_cell",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Number, 0 to 2643; 1889 is p1889",
    ),
    _column("ring", Integer, ForeignKey(ring.c.ring), comment="Ring the cell lies in"),
    _column("ra_deg", Float(53), comment="Right ascension of the tangent point (CRVAL1), ICRS degrees"),
    _column("dec_deg", Float(53), comment="Declination of the tangent point (CRVAL2), ICRS degrees"),
    _column(
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
    _column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell that owns the part",
    ),
    _column("part", Integer, primary_key=True, autoincrement=False, comment="Number of the part, from 1"),
    _column(
        "shape",
        Geometry("POLYGON", srid=-1, spatial_index=False),
        comment="Convex part in 0-based fine pixels of the projection cell",
    ),
    comment="The sky that each projection cell owns; together the parts cover the sky exactly once.",
)

layer_scale = Table(
    "layer_scale",
    metadata,
    _column("instrument", CITEXT, primary_key=True, comment="Instrument, lower case: acs, wfc3, wfpc2"),
    _column(
        "detector", CITEXT, primary_key=True, comment="Detector, lower case: wfc, hrc, sbc, uvis, ir, pc"
    ),
    _column(
        "scale", Text, primary_key=True, comment="fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)"
    ),
    CheckConstraint("scale in ('fine', 'coarse')", name="scale"),
    comment="The scales at which the exposures of a detector are combined.",
)

exclusion_rule = Table(
    "exclusion_rule",
    metadata,
    _column("code", Text, primary_key=True, comment="What was found, like moving_target"),
    _column("excludes", Boolean, comment="True when an exposure with this finding enters no layer"),
    _column("description", Text, comment="What the finding means"),
    _column("source", Text, comment="Where the rule comes from"),
    comment="Which findings exclude an exposure; a finding without a rule excludes.",
)

withdrawal = Table(
    "withdrawal",
    metadata,
    _column("withdrawal_id", Integer, Identity(), primary_key=True, comment="Number of the withdrawal"),
    _column("rootname", Text, comment="Root name of the exposure, all its revisions"),
    _column(
        "skycell",
        Text,
        nullable=True,
        comment="The skycell from whose layers it is withdrawn; null for all",
    ),
    _column("reason", Text, comment="Why, in words"),
    _column("withdrawn_by", Text, comment="Who withdrew it"),
    _column("withdrawn_at", DateTime(True), server_default=func.now(), comment="When, UTC"),
    _column("restored_by", Text, nullable=True, comment="Who restored it; null while it is withdrawn"),
    _column(
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
    _column(
        "exposure_id",
        Integer,
        Identity(),
        primary_key=True,
        comment="Number of this revision of this exposure",
    ),
    _column(
        "rootname",
        Text,
        comment="Root name of the exposure (ipppssoot), or another telescope's identifier; lower case",
    ),
    _column("revision", Integer, comment="Counts the contents seen under this root name, from 1"),
    _column("is_current", Boolean, comment="True for the one revision that layers use"),
    _column(
        "visit",
        Text,
        nullable=True,
        comment="Program and observation set, first six characters of the root name; null without one",
    ),
    _column("instrument", CITEXT, comment="Instrument, lower case; compares without regard to case"),
    _column(
        "detector",
        CITEXT,
        comment="Detector, lower case (pc: all of WFPC2); compares without regard to case",
    ),
    _column(
        "filter",
        CITEXT,
        comment="Filter, lower case, crossed filters joined by -; compares without regard to case",
    ),
    _column("exptime_s", Float(53), comment="Exposure time, seconds"),
    _column("start_mjd", Float(53), comment="Start of the exposure, modified Julian date, UTC days"),
    _column("end_mjd", Float(53), comment="End of the exposure, modified Julian date, UTC days"),
    _column("target_name", Text, comment="Target as named by the proposer (TARGNAME)"),
    _column("proposal_id", Integer, nullable=True, comment="Proposal number (PROPOSID)"),
    _column(
        "wcsname", Text, nullable=True, comment="Name of the astrometric solution of the first chip (WCSNAME)"
    ),
    _column(
        "findings",
        JSONB,
        server_default=text("'[]'"),
        comment="What speaks against the exposure, most telling first: an array of code and detail",
    ),
    _column(
        "exclusion",
        Text,
        nullable=True,
        comment="Why the exposure enters no layer, a code; null when it does; set by trigger from the rules",
    ),
    _column("exclusion_detail", Text, nullable=True, comment="Keyword and value behind the exclusion"),
    _column(
        "file_path",
        Text,
        nullable=True,
        comment="Where the file lay when it was last ingested, absolute path; null for a footprint",
    ),
    _column(
        "file_type",
        Text,
        comment="flt, flc, c0m, ...: calibration level from the file name; footprint: a row of a table",
    ),
    _column(
        "file_sha256", Text, comment="SHA-256 of the uncompressed FITS bytes, or of the values of a footprint"
    ),
    _column(
        "file_size_bytes",
        BigInteger,
        nullable=True,
        comment="Size of the uncompressed FITS bytes; null for a footprint",
    ),
    _column(
        "footprint",
        SkyPolygons(),
        comment="Outlines of the chips on the sky, one polygon per chip, ICRS degrees",
    ),
    _column(
        "ingested_at",
        DateTime(True),
        server_default=func.now(),
        comment="When this revision was recorded, UTC",
    ),
    _column(
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
    _column(
        "exposure_id",
        Integer,
        ForeignKey(exposure.c.exposure_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Exposure the chip belongs to",
    ),
    _column(
        "chip",
        Integer,
        primary_key=True,
        comment="EXTVER of the chip's SCI extension; of a footprint without, the number of its polygon",
    ),
    _column("part", Integer, comment="Position of the chip's polygon in exposure.footprint, from 1"),
    _column(
        "hdu_index",
        Integer,
        nullable=True,
        comment="Position of the SCI extension in the file, from 0; null, as what follows, for a footprint",
    ),
    _column("n_x_pix", Integer, nullable=True, comment="Columns of the chip, pixels"),
    _column("n_y_pix", Integer, nullable=True, comment="Rows of the chip, pixels"),
    _column(
        "pixel_scale_arcsec",
        Float(53),
        nullable=True,
        comment="Undistorted pixel scale the photometry refers to, arcsec",
    ),
    _column(
        "bunit",
        Text,
        nullable=True,
        comment="Unit of the pixels: ELECTRONS, ELECTRONS/S, COUNTS or COUNTS/S",
    ),
    _column(
        "gain_e_per_dn",
        Float(53),
        nullable=True,
        comment="Electrons per count; 1 where the pixels are electrons",
    ),
    _column("photflam", Float(53), nullable=True, comment="Inverse sensitivity, erg/s/cm2/Angstrom per e-/s"),
    _column("photplam_angstrom", Float(53), nullable=True, comment="Pivot wavelength, Angstrom"),
    _column("wcsname", Text, nullable=True, comment="Name of the astrometric solution of the chip (WCSNAME)"),
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
    _column(
        "exposure_id",
        Integer,
        ForeignKey(exposure.c.exposure_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Exposure, current and not excluded",
    ),
    _column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell whose skycells the footprint reaches",
    ),
    _column(
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
    _column(
        "projection_cell",
        Integer,
        ForeignKey(projection_cell.c.projection_cell),
        primary_key=True,
        comment="Projection cell of the skycell",
    ),
    _column("x", Integer, primary_key=True, comment="Column of the skycell in the projection cell, from 1"),
    _column("y", Integer, primary_key=True, comment="Row of the skycell in the projection cell, from 1"),
    _column("revision", Integer, primary_key=True, comment="Counts the extents the skycell has had, from 1"),
    *(
        _column(item.name, Integer, nullable=True, comment=f"{item.comment}; null when no exposure is left")
        for item in _extent_columns()
    ),
    _column("recorded_at", DateTime(True), comment="Transaction time at which it came into force, UTC"),
    comment="Every common subarray a skycell has had; kept by triggers on mvm.placement.",
)

ingest_failure = Table(
    "ingest_failure",
    metadata,
    _column("file_path", Text, primary_key=True, comment="File that could not be ingested, absolute path"),
    _column("error", Text, comment="Class of the error, such as HeaderError"),
    _column("keyword", Text, nullable=True, comment="Header keyword at fault, if one is"),
    _column("message", Text, comment="What was wrong, in words"),
    _column("failed_at", DateTime(True), server_default=func.now(), comment="When it was first seen, UTC"),
    comment="Files that were refused; a row goes when its file is ingested.",
)

build = Table(
    "build",
    metadata,
    _column(
        "build_id", Uuid(as_uuid=False), primary_key=True, comment="Identity of the build, as in MVMBUILD"
    ),
    *_layer_columns(),
    _column("recipe_sha256", Text, comment="SHA-256 of the recipe: equal recipes make equal pixels"),
    _column(
        "recipe", JSONB, comment="Everything that determines the pixels: inputs, extent, parameters, engine"
    ),
    _column("parameter_set", Text, comment="Named set the parameters come from"),
    _column(
        "parameter_overrides",
        JSONB,
        server_default=text("'{}'"),
        comment="Parameters that replaced those of the set, value by name",
    ),
    _column("versions", JSONB, comment="Versions of the software that ran"),
    _column("directory", Text, comment="Directory the product is written to, absolute path"),
    _column("host", Text, comment="Name of the machine that built"),
    _column("process_id", Integer, comment="Process that built"),
    _column("outcome", Text, comment="running, published, failed or abandoned"),
    _column("error", Text, nullable=True, comment="Why a failed build failed"),
    _column("started_at", DateTime(True), server_default=func.now(), comment="Start of the build, UTC"),
    _column("finished_at", DateTime(True), nullable=True, comment="End of the build, UTC"),
    CheckConstraint("outcome in ('running', 'published', 'failed', 'abandoned')", name="outcome"),
    CheckConstraint("(outcome = 'running') = (finished_at is null)", name="finished_when_over"),
    Index("build_layer_idx", "skycell", "layer", "selection"),
    Index("build_running_idx", "build_id", postgresql_where=text("outcome = 'running'")),
    comment="Executions of recipes, successful or not.",
)

product = Table(
    "product",
    metadata,
    _column(
        "product_id", Integer, Identity(), primary_key=True, comment="Number of this revision of this product"
    ),
    _column(
        "build_id",
        Uuid(as_uuid=False),
        ForeignKey(build.c.build_id),
        unique=True,
        comment="Build that made it",
    ),
    _column("product", Text, comment="File name of the product"),
    *_layer_columns(),
    _column("revision", Integer, comment="Counts the files published under this name, from 1"),
    _column("state", Text, comment="staged (not yet in place), current, or superseded by a later revision"),
    _column("file_path", Text, comment="Absolute path of the file"),
    _column("file_sha256", Text, comment="SHA-256 of the file"),
    _column("file_size_bytes", BigInteger, comment="Size of the file, bytes"),
    *_extent_columns(),
    _column("n_x_pix", Integer, comment="Columns of the arrays at the layer's own scale, pixels"),
    _column("n_y_pix", Integer, comment="Rows of the arrays at the layer's own scale, pixels"),
    _column("n_pixels_observed", BigInteger, comment="Pixels with positive weight"),
    _column("coverage_fraction", Float(53), comment="NPIXFRAC: observed fraction of the full skycell"),
    _column("mean_exptime_s", Float(53), comment="MEANEXPT: mean exposure time of observed pixels, seconds"),
    _column(
        "median_exptime_s", Float(53), comment="MEDEXPT: median exposure time of observed pixels, seconds"
    ),
    _column("mean_n_exposures", Float(53), comment="MEANNEXP: mean number of inputs of observed pixels"),
    _column("median_n_exposures", Float(53), comment="MEDNEXP: median number of inputs of observed pixels"),
    _column("mean_weight", Float(53), comment="MEANWHT: mean weight of observed pixels, seconds"),
    _column("median_weight", Float(53), comment="MEDWHT: median weight of observed pixels, seconds"),
    *_footprint_statistics_columns(),
    _column(
        "sky",
        Text,
        comment="How the sky was matched: none, match to mean, match to faintest, or none: and why not",
    ),
    _column(
        "n_sky_groups",
        Integer,
        comment="Groups of overlapping exposures whose sky was matched; levels of two groups do not compare",
    ),
    _column("equalisation", Text, comment="How the chips were scaled: none, photflam, or none: and why not"),
    _column(
        "photflam",
        Float(53),
        nullable=True,
        comment="Inverse sensitivity to which the chips were scaled, erg/s/cm2/Angstrom per e-/s",
    ),
    _column("published_at", DateTime(True), nullable=True, comment="When it became current, UTC"),
    _column(
        "file_state",
        Text,
        server_default=text("'in_place'"),
        comment="in_place, lost (no file there) or damaged (of another size or hash), when last checked",
    ),
    _column(
        "file_state_since",
        DateTime(True),
        nullable=True,
        comment="When a check first found this state, UTC; null where no check has changed it",
    ),
    UniqueConstraint("product", "revision"),
    CheckConstraint("state in ('staged', 'current', 'superseded')", name="state"),
    CheckConstraint("file_state in ('in_place', 'lost', 'damaged')", name="file_state"),
    CheckConstraint("(state = 'staged') = (published_at is null)", name="published_when_in_place"),
    Index(
        "product_current_idx",
        "skycell",
        "layer",
        "selection",
        unique=True,
        postgresql_where=text("state = 'current'"),
    ),
    comment="Files that builds published, every revision; a row is current only after its file is in place.",
)

product_input = Table(
    "product_input",
    metadata,
    _column(
        "product_id",
        Integer,
        ForeignKey(product.c.product_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Product the chip went into",
    ),
    _column(
        "context_index",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Place in the drizzle order, from 0: bit index % 32 of context plane index / 32",
    ),
    _column("exposure_id", Integer, comment="Revision of the exposure that was used"),
    _column("chip", SmallInteger, comment="EXTVER of the chip's SCI extension"),
    _column("n_pixels_contributed", BigInteger, comment="Pixels of the product that hold light of this chip"),
    _column(
        "sky_e_per_s_arcsec2",
        Float(53),
        comment="Background subtracted from the chip, after its scaling, e-/s per square arcsecond",
    ),
    _column(
        "sky_group",
        Integer,
        comment="Group within which the backgrounds were matched, from 1; 0 where nothing was matched",
    ),
    _column("flux_scale", Float(53), comment="Factor by which the rates of the chip were multiplied"),
    ForeignKeyConstraint(["exposure_id", "chip"], [chip.c.exposure_id, chip.c.chip]),
    UniqueConstraint("product_id", "exposure_id", "chip"),
    Index("product_input_exposure_id_idx", "exposure_id"),
    comment="Which chip went into which product, in context-bit order.",
)

parameter_set = Table(
    "parameter_set",
    metadata,
    _column("parameter_set", Text, primary_key=True, comment="Name of the set"),
    _column("description", Text, comment="What the set is for"),
    _column(
        "is_shipped",
        Boolean,
        comment="True for the sets of mvmdb itself, which every upgrade writes anew",
    ),
    CheckConstraint("parameter_set ~ '^[a-z][a-z0-9_-]*$'", name="name"),
    comment="Named sets of drizzle parameters.",
)

parameter_rule = Table(
    "parameter_rule",
    metadata,
    _column(
        "parameter_set",
        Text,
        ForeignKey(parameter_set.c.parameter_set, ondelete="CASCADE"),
        primary_key=True,
        comment="Set the rule belongs to",
    ),
    _column(
        "position",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Of the rules that apply to a layer, the one with the highest position decides",
    ),
    _column("parameter", Text, comment="Parameter that the rule sets"),
    _column("value", JSONB, comment="Value of the parameter"),
    _column("instrument", CITEXT, nullable=True, comment="Instrument the rule is for; null for every one"),
    _column("detector", CITEXT, nullable=True, comment="Detector the rule is for; null for every one"),
    _column(
        "filters",
        ARRAY(Text),
        nullable=True,
        comment="Filters the rule is for, lower case; null for every one",
    ),
    _column(
        "min_mean_n_exposures",
        Float(53),
        nullable=True,
        comment="Least mean number of chips over the covered area for which the rule holds; null for any",
    ),
    _column(
        "below_mean_n_exposures",
        Float(53),
        nullable=True,
        comment="The rule holds where the mean number of chips is less than this; null for any",
    ),
    _column("source", Text, comment="Where the value comes from"),
    comment="Values of drizzle parameters and the layers they hold for.",
)

sql_object = Table(
    "sql_object",
    metadata,
    _column("position", Integer, primary_key=True, autoincrement=False, comment="Order of creation"),
    _column("kind", Text, comment="view, function or data (rows that mvmdb ships)"),
    _column("identity", Text, comment="Name, and for a function its argument types, as drop needs it"),
    _column("definition_sha256", Text, comment="SHA-256 of the file that defines it"),
    comment="Views and functions created from sql/, replaced at every upgrade.",
)
