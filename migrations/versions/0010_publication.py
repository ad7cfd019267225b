"""Publication in the Virtual Observatory: who publishes, pass bands; an index for the history of products."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two tables and the index."""
    op.create_index(
        "product_history_idx", "product", ["skycell", "layer", "selection", "published_at"], schema="mvm"
    )
    op.create_table(
        "publisher",
        sa.Column(
            "only_row",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Always true: there is one row",
        ),
        sa.Column(
            "authority",
            sa.Text(),
            nullable=False,
            comment="Authority of the IVOA identifiers ivo://authority/mvmdb?...; yours, once it is registered",
        ),
        sa.Column(
            "obs_collection",
            sa.Text(),
            nullable=False,
            comment="Name of the collection that the products make up (ObsCore obs_collection)",
        ),
        sa.Column(
            "path_prefix",
            sa.Text(),
            nullable=True,
            comment="Beginning of the paths of files that a web server gives out; null where none does",
        ),
        sa.Column(
            "url_prefix",
            sa.Text(),
            nullable=True,
            comment="What stands in its place in their URLs; other files have file:// URLs",
        ),
        sa.CheckConstraint("only_row", name=op.f("publisher_only_one_row_check")),
        sa.CheckConstraint(
            "authority ~* '^[a-z0-9][a-z0-9._~-]{2,}$'", name=op.f("publisher_authority_check")
        ),
        sa.CheckConstraint(
            "(path_prefix is null) = (url_prefix is null)", name=op.f("publisher_prefixes_together_check")
        ),
        sa.PrimaryKeyConstraint("only_row", name=op.f("publisher_pkey")),
        schema="mvm",
        comment="Under which names and addresses the products are published; one row, yours to change.",
    )
    op.create_table(
        "filter_band",
        sa.Column("instrument", postgresql.CITEXT(), nullable=False, comment="Instrument, lower case"),
        sa.Column("detector", postgresql.CITEXT(), nullable=False, comment="Detector, lower case"),
        sa.Column(
            "filter",
            postgresql.CITEXT(),
            nullable=False,
            comment="One filter, lower case; of crossed filters each",
        ),
        sa.Column(
            "min_angstrom",
            sa.Float(53),
            nullable=False,
            comment="Shortest wavelength that passes, in vacuum, Angstrom",
        ),
        sa.Column(
            "max_angstrom",
            sa.Float(53),
            nullable=False,
            comment="Longest wavelength that passes, in vacuum, Angstrom",
        ),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Where the figures come from, and how the limits are defined",
        ),
        sa.CheckConstraint(
            "0 < min_angstrom and min_angstrom < max_angstrom", name=op.f("filter_band_limits_check")
        ),
        sa.PrimaryKeyConstraint("instrument", "detector", "filter", name=op.f("filter_band_pkey")),
        schema="mvm",
        comment="Pass bands of filters: what ObsCore states as the spectral limits of an image.",
    )


def downgrade() -> None:
    """Forget the publisher and the pass bands."""
    op.execute("drop table mvm.filter_band, mvm.publisher cascade")
    op.drop_index("product_history_idx", "product", schema="mvm")
