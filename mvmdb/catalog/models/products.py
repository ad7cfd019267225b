"""How layers are combined, the builds, and what they published."""

from __future__ import annotations

from typing import Any

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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CITEXT, JSONB

from mvmdb.catalog.models.base import column, extent_columns, layer_columns, metadata
from mvmdb.catalog.models.exposures import chip


def _footprint_statistics_columns() -> list[Column[Any]]:
    """Return the statistics by outlines: what the reference writes, beside those from the arrays."""
    meanings = {
        "coverage_fraction": "Fraction of the full skycell inside the outlines of the chips",
        "mean_exptime_s": "Mean exposure time of the pixels inside the outlines, seconds",
        "median_exptime_s": "Median exposure time of the pixels inside the outlines, seconds",
        "mean_n_exposures": "Mean number of chips of the pixels inside the outlines",
        "median_n_exposures": "Median number of chips of the pixels inside the outlines",
    }
    pixels = column(
        "footprint_n_pixels_covered",
        BigInteger,
        nullable=True,
        comment="Pixels whose centre lies inside the outline of a chip",
    )
    return [
        pixels,
        *(
            column(f"footprint_{name}", Float(53), nullable=True, comment=meaning)
            for name, meaning in meanings.items()
        ),
    ]


engine = Table(
    "engine",
    metadata,
    column(
        "engine",
        Text,
        primary_key=True,
        comment="Name and version of everything that computes pixels, as in recipes",
    ),
    column("default_parameters", JSONB, comment="Drizzle parameters that hold where a set gives none"),
    column(
        "only_row", Boolean, unique=True, server_default=text("true"), comment="Always true: there is one row"
    ),
    column(
        "registered_at", DateTime(True), server_default=func.now(), comment="When it came into force, UTC"
    ),
    CheckConstraint("only_row", name="only_one_row"),
    comment="The engine of the mvmdb that last opened the database; products of another one are stale.",
)

parameter_set = Table(
    "parameter_set",
    metadata,
    column("parameter_set", Text, primary_key=True, comment="Name of the set"),
    column("description", Text, comment="What the set is for"),
    column(
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
    column(
        "parameter_set",
        Text,
        ForeignKey(parameter_set.c.parameter_set, ondelete="CASCADE"),
        primary_key=True,
        comment="Set the rule belongs to",
    ),
    column(
        "position",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Of the rules that apply to a layer, the one with the highest position decides",
    ),
    column("parameter", Text, comment="Parameter that the rule sets"),
    column("value", JSONB, comment="Value of the parameter"),
    column("instrument", CITEXT, nullable=True, comment="Instrument the rule is for; null for every one"),
    column("detector", CITEXT, nullable=True, comment="Detector the rule is for; null for every one"),
    column(
        "filters",
        ARRAY(Text),
        nullable=True,
        comment="Filters the rule is for, lower case; null for every one",
    ),
    column(
        "min_mean_n_exposures",
        Float(53),
        nullable=True,
        comment="Least mean number of chips over the covered area for which the rule holds; null for any",
    ),
    column(
        "below_mean_n_exposures",
        Float(53),
        nullable=True,
        comment="The rule holds where the mean number of chips is less than this; null for any",
    ),
    column("source", Text, comment="Where the value comes from"),
    comment="Values of drizzle parameters and the layers they hold for.",
)


def _cost_columns() -> list[Column[Any]]:
    """Return what a build had to do and what it took: null where nobody has measured it."""
    meanings = {
        "engine": (Text, "Engine that drew it, name and version; null, as what follows, where not measured"),
        "n_input_pixels": (BigInteger, "Pixels of the chips that lie in the skycell, by their outlines"),
        "n_output_pixels": (BigInteger, "Pixels of one array of the product"),
        "n_context_planes": (Integer, "Planes of the context image, and one more where there is an ERR"),
        "n_threads": (Integer, "Threads that drew at a time"),
        "wall_s": (Float(53), "Time from reading to the written file, seconds"),
        "cpu_s": (Float(53), "Processor time in the same interval, of all threads, seconds"),
        "peak_memory_bytes": (
            BigInteger,
            "Largest own (anonymous) memory of the process, bytes; null where the system tells none",
        ),
        "output_bytes": (BigInteger, "Size of the file, bytes"),
    }
    return [column(name, kind, nullable=True, comment=comment) for name, (kind, comment) in meanings.items()]


build = Table(
    "build",
    metadata,
    column(
        "build_id", Uuid(as_uuid=False), primary_key=True, comment="Identity of the build, as in MVMBUILD"
    ),
    *layer_columns(),
    column("recipe_sha256", Text, comment="SHA-256 of the recipe: equal recipes make equal pixels"),
    column(
        "recipe", JSONB, comment="Everything that determines the pixels: inputs, extent, parameters, engine"
    ),
    column("parameter_set", Text, comment="Named set the parameters come from"),
    column(
        "parameter_overrides",
        JSONB,
        server_default=text("'{}'"),
        comment="Parameters that replaced those of the set, value by name",
    ),
    column("versions", JSONB, comment="Versions of the software that ran"),
    column("directory", Text, comment="Directory the product is written to, absolute path or URL"),
    column("host", Text, comment="Name of the machine that built"),
    column("process_id", Integer, comment="Process that built"),
    column(
        "lease_token",
        BigInteger,
        nullable=True,
        comment="Token of the lease under which it ran; null before there were leases",
    ),
    column("outcome", Text, comment="running, published, failed or abandoned"),
    column("error", Text, nullable=True, comment="Why a failed build failed"),
    column("started_at", DateTime(True), server_default=func.now(), comment="Start of the build, UTC"),
    column("finished_at", DateTime(True), nullable=True, comment="End of the build, UTC"),
    *_cost_columns(),
    CheckConstraint("outcome in ('running', 'published', 'failed', 'abandoned')", name="outcome"),
    CheckConstraint("(outcome = 'running') = (finished_at is null)", name="finished_when_over"),
    Index("build_layer_idx", "skycell", "layer", "selection"),
    Index("build_running_idx", "build_id", postgresql_where=text("outcome = 'running'")),
    Index("build_cost_idx", "engine", "host", "finished_at", postgresql_where=text("wall_s is not null")),
    comment="Executions of recipes, successful or not.",
)

product = Table(
    "product",
    metadata,
    column(
        "product_id", Integer, Identity(), primary_key=True, comment="Number of this revision of this product"
    ),
    column(
        "build_id",
        Uuid(as_uuid=False),
        ForeignKey(build.c.build_id),
        unique=True,
        comment="Build that made it",
    ),
    column("product", Text, comment="File name of the product"),
    *layer_columns(),
    column("revision", Integer, comment="Counts the files published under this name, from 1"),
    column(
        "state",
        Text,
        comment="staged (not yet in place), current, superseded by a later revision, or retired without one",
    ),
    column("file_path", Text, comment="Absolute path or URL of the file"),
    column(
        "file_sha256",
        Text,
        comment="SHA-256 tree hash of the file, pieces of 1 MiB; of older revisions its plain SHA-256",
    ),
    column("file_size_bytes", BigInteger, comment="Size of the file, bytes"),
    *extent_columns(),
    column("n_x_pix", Integer, comment="Columns of the arrays at the layer's own scale, pixels"),
    column("n_y_pix", Integer, comment="Rows of the arrays at the layer's own scale, pixels"),
    column("n_pixels_observed", BigInteger, comment="Pixels with positive weight"),
    column("coverage_fraction", Float(53), comment="NPIXFRAC: observed fraction of the full skycell"),
    column("mean_exptime_s", Float(53), comment="MEANEXPT: mean exposure time of observed pixels, seconds"),
    column(
        "median_exptime_s", Float(53), comment="MEDEXPT: median exposure time of observed pixels, seconds"
    ),
    column("mean_n_exposures", Float(53), comment="MEANNEXP: mean number of inputs of observed pixels"),
    column("median_n_exposures", Float(53), comment="MEDNEXP: median number of inputs of observed pixels"),
    column("mean_weight", Float(53), comment="MEANWHT: mean weight of observed pixels, seconds"),
    column("median_weight", Float(53), comment="MEDWHT: median weight of observed pixels, seconds"),
    *_footprint_statistics_columns(),
    column(
        "sky",
        Text,
        comment="How the sky was matched: none, match to mean, match to faintest, or none: and why not",
    ),
    column(
        "n_sky_groups",
        Integer,
        comment="Groups of overlapping exposures whose sky was matched; levels of two groups do not compare",
    ),
    column("equalisation", Text, comment="How the chips were scaled: none, photflam, or none: and why not"),
    column(
        "photflam",
        Float(53),
        nullable=True,
        comment="Inverse sensitivity to which the chips were scaled, erg/s/cm2/Angstrom per e-/s",
    ),
    column("published_at", DateTime(True), nullable=True, comment="When it became current, UTC"),
    column(
        "retired_at",
        DateTime(True),
        nullable=True,
        comment="When it was taken out of the products and none took its place, UTC; null for all others",
    ),
    column(
        "file_state",
        Text,
        server_default=text("'in_place'"),
        comment="in_place, lost (no file there), damaged (of another size or hash), when last checked;"
        " or pruned: removed by the rules of retention",
    ),
    column(
        "file_state_since",
        DateTime(True),
        nullable=True,
        comment="When a check first found this or the file was pruned, UTC; null where nothing changed it",
    ),
    column(
        "pinned_by",
        Text,
        nullable=True,
        comment="Who wants the file kept whatever the rules; null for nobody",
    ),
    column("pinned_at", DateTime(True), nullable=True, comment="When it was pinned, UTC; null if it is not"),
    UniqueConstraint("product", "revision"),
    CheckConstraint("state in ('staged', 'current', 'superseded', 'retired')", name="state"),
    CheckConstraint("(state = 'retired') = (retired_at is not null)", name="retired_when_dated"),
    CheckConstraint("file_state in ('in_place', 'lost', 'damaged', 'pruned')", name="file_state"),
    CheckConstraint(
        "file_state <> 'pruned' or state in ('superseded', 'retired')", name="only_former_are_pruned"
    ),
    CheckConstraint("(pinned_at is null) = (pinned_by is null)", name="pinned_by_somebody"),
    CheckConstraint("(state = 'staged') = (published_at is null)", name="published_when_in_place"),
    Index(
        "product_current_idx",
        "skycell",
        "layer",
        "selection",
        unique=True,
        postgresql_where=text("state = 'current'"),
    ),
    Index("product_history_idx", "skycell", "layer", "selection", "published_at"),
    comment="Files that builds published, every revision; a row is current only after its file is in place.",
)

retention_rule = Table(
    "retention_rule",
    metadata,
    column("skycell", Text, primary_key=True, comment="Skycell the rule is for; * for every one"),
    column("layer", Text, primary_key=True, comment="Layer the rule is for; * for every one"),
    column("keep_newest", Integer, comment="Number of the newest former revisions of a layer that are kept"),
    column(
        "keep_days",
        Float(53),
        comment="Former revisions are kept for so many days after they were superseded",
    ),
    column("decided_at", DateTime(True), server_default=func.now(), comment="When the rule was made, UTC"),
    CheckConstraint("keep_newest >= 0 and keep_days >= 0", name="not_negative"),
    comment="How long files of superseded products are kept; the most special rule for a layer decides.",
)

product_input = Table(
    "product_input",
    metadata,
    column(
        "product_id",
        Integer,
        ForeignKey(product.c.product_id, ondelete="CASCADE"),
        primary_key=True,
        comment="Product the chip went into",
    ),
    column(
        "context_index",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Place in the drizzle order, from 0: bit index % 32 of context plane index / 32",
    ),
    column("exposure_id", Integer, comment="Revision of the exposure that was used"),
    column("chip", SmallInteger, comment="EXTVER of the chip's SCI extension"),
    column("n_pixels_contributed", BigInteger, comment="Pixels of the product that hold light of this chip"),
    column(
        "sky_e_per_s_arcsec2",
        Float(53),
        comment="Background subtracted from the chip, after its scaling, e-/s per square arcsecond",
    ),
    column(
        "sky_group",
        Integer,
        comment="Group within which the backgrounds were matched, from 1; 0 where nothing was matched",
    ),
    column("flux_scale", Float(53), comment="Factor by which the rates of the chip were multiplied"),
    ForeignKeyConstraint(["exposure_id", "chip"], [chip.c.exposure_id, chip.c.chip]),
    UniqueConstraint("product_id", "exposure_id", "chip"),
    Index("product_input_exposure_id_idx", "exposure_id"),
    comment="Which chip went into which product, in context-bit order.",
)
