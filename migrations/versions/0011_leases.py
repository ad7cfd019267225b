"""Leases: the one builder of a layer is a row with a heartbeat, no longer a lock of a session."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of leases, and to each build the token that it ran under."""
    op.create_table(
        "lease",
        sa.Column("skycell", sa.Text(), nullable=False, comment="Skycell name, like p1889x07y19"),
        sa.Column("layer", sa.Text(), nullable=False, comment="Layer name, like wfc3_ir_f160w_coarse"),
        sa.Column(
            "selection",
            sa.Text(),
            nullable=False,
            comment="Name of the rule of which exposures the layer takes; all = every one",
        ),
        sa.Column(
            "token",
            sa.BigInteger(),
            sa.Identity(always=False),
            nullable=False,
            comment="Fencing token: every lease taken has a higher one than all before",
        ),
        sa.Column("host", sa.Text(), nullable=False, comment="Name of the machine that holds the lease"),
        sa.Column("process_id", sa.Integer(), nullable=False, comment="Process that holds the lease"),
        sa.Column(
            "acquired_at", sa.DateTime(timezone=True), nullable=False, comment="When it was taken, UTC"
        ),
        sa.Column(
            "heartbeat_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was last renewed, UTC",
        ),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="From when another may take it, UTC",
        ),
        sa.PrimaryKeyConstraint("skycell", "layer", "selection", name=op.f("lease_pkey")),
        sa.UniqueConstraint("token", name=op.f("lease_token_key")),
        schema="mvm",
        comment="The one builder of each layer that is being built; gone when it has finished.",
    )
    op.add_column(
        "build",
        sa.Column(
            "lease_token",
            sa.BigInteger(),
            nullable=True,
            comment="Token of the lease under which it ran; null before there were leases",
        ),
        schema="mvm",
    )


def downgrade() -> None:
    """Remove them; builds that run are dead to the former version, which looks for locks."""
    op.execute("alter table mvm.build drop column lease_token cascade")
    op.execute("drop table mvm.lease cascade")
