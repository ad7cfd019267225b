"""Parameters as data, and products that say how they were made: sets, sky, scaling, statistics by outlines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DOUBLE = sa.Float(53)

PRODUCT_COLUMNS = (
    ("footprint_n_pixels_covered", sa.BigInteger(), "Pixels whose centre lies inside the outline of a chip"),
    ("footprint_coverage_fraction", DOUBLE, "Fraction of the full skycell inside the outlines of the chips"),
    ("footprint_mean_exptime_s", DOUBLE, "Mean exposure time of the pixels inside the outlines, seconds"),
    ("footprint_median_exptime_s", DOUBLE, "Median exposure time of the pixels inside the outlines, seconds"),
    ("footprint_mean_n_exposures", DOUBLE, "Mean number of chips of the pixels inside the outlines"),
    ("footprint_median_n_exposures", DOUBLE, "Median number of chips of the pixels inside the outlines"),
    ("photflam", DOUBLE, "Inverse sensitivity to which the chips were scaled, erg/s/cm2/Angstrom per e-/s"),
)

# What was done before there was a choice: nothing.
STATED_COLUMNS = (
    (
        "build",
        "parameter_set",
        sa.Text(),
        "mvmdb",
        "Named set the parameters come from and what was overridden, like mvmdb pixfrac=0.8",
    ),
    (
        "product",
        "sky",
        sa.Text(),
        "none",
        "How the sky was matched: none, match to mean, match to faintest, or none: and why not",
    ),
    (
        "product",
        "n_sky_groups",
        sa.Integer(),
        "0",
        "Groups of overlapping exposures whose sky was matched; levels of two groups do not compare",
    ),
    (
        "product",
        "equalisation",
        sa.Text(),
        "none",
        "How the chips were scaled: none, photflam, or none: and why not",
    ),
    (
        "product_input",
        "sky_e_per_s_arcsec2",
        DOUBLE,
        "0",
        "Background subtracted from the chip, after its scaling, e-/s per square arcsecond",
    ),
    (
        "product_input",
        "sky_group",
        sa.Integer(),
        "0",
        "Group within which the backgrounds were matched, from 1; 0 where nothing was matched",
    ),
    ("product_input", "flux_scale", DOUBLE, "1", "Factor by which the rates of the chip were multiplied"),
)


def upgrade() -> None:
    """Add the parameter sets and what products say of their making."""
    for name, kind, comment in PRODUCT_COLUMNS:
        op.add_column("product", sa.Column(name, kind, nullable=True, comment=comment), schema="mvm")
    for table, name, kind, before, comment in STATED_COLUMNS:
        column = sa.Column(name, kind, nullable=False, server_default=before, comment=comment)
        op.add_column(table, column, schema="mvm")
        op.alter_column(table, name, server_default=None, schema="mvm")
    op.create_table(
        "parameter_set",
        sa.Column("parameter_set", sa.Text(), nullable=False, comment="Name of the set"),
        sa.Column("description", sa.Text(), nullable=False, comment="What the set is for"),
        sa.Column(
            "is_shipped",
            sa.Boolean(),
            nullable=False,
            comment="True for the sets of mvmdb itself, which every upgrade writes anew",
        ),
        sa.PrimaryKeyConstraint("parameter_set", name=op.f("parameter_set_pkey")),
        sa.CheckConstraint("parameter_set ~ '^[a-z][a-z0-9_-]*$'", name=op.f("parameter_set_name_check")),
        schema="mvm",
        comment="Named sets of drizzle parameters.",
    )
    op.create_table(
        "parameter_rule",
        sa.Column("parameter_set", sa.Text(), nullable=False, comment="Set the rule belongs to"),
        sa.Column(
            "position",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Of the rules that apply to a layer, the one with the highest position decides",
        ),
        sa.Column("parameter", sa.Text(), nullable=False, comment="Parameter that the rule sets"),
        sa.Column("value", postgresql.JSONB(), nullable=False, comment="Value of the parameter"),
        sa.Column(
            "instrument",
            postgresql.CITEXT(),
            nullable=True,
            comment="Instrument the rule is for; null for every one",
        ),
        sa.Column(
            "detector",
            postgresql.CITEXT(),
            nullable=True,
            comment="Detector the rule is for; null for every one",
        ),
        sa.Column(
            "filters",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="Filters the rule is for, lower case; null for every one",
        ),
        sa.Column(
            "min_mean_n_exposures",
            DOUBLE,
            nullable=True,
            comment="Least mean number of chips over the covered area for which the rule holds; null for any",
        ),
        sa.Column(
            "below_mean_n_exposures",
            DOUBLE,
            nullable=True,
            comment="The rule holds where the mean number of chips is less than this; null for any",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Where the value comes from"),
        sa.PrimaryKeyConstraint("parameter_set", "position", name=op.f("parameter_rule_pkey")),
        sa.ForeignKeyConstraint(
            ["parameter_set"],
            ["mvm.parameter_set.parameter_set"],
            ondelete="CASCADE",
            name=op.f("parameter_rule_parameter_set_fkey"),
        ),
        schema="mvm",
        comment="Values of drizzle parameters and the layers they hold for.",
    )
    op.alter_column(
        "sql_object", "kind", comment="view, function or data (rows that mvmdb ships)", schema="mvm"
    )


def downgrade() -> None:
    """Remove them all."""
    op.alter_column("sql_object", "kind", comment="view or function", schema="mvm")
    op.execute("drop table mvm.parameter_rule cascade")
    op.drop_table("parameter_set", schema="mvm")
    for table, name, *_ in STATED_COLUMNS:
        op.execute(f"alter table mvm.{table} drop column {name} cascade")
    for name, *_ in PRODUCT_COLUMNS:
        op.execute(f"alter table mvm.product drop column {name} cascade")
