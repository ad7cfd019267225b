"""Retention: files of superseded products are kept by rules, pinned, and pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FILE_STATE = "product_file_state_check"
WITH_PRUNED = "file_state in ('in_place', 'lost', 'damaged', 'pruned')"
WITHOUT_PRUNED = "file_state in ('in_place', 'lost', 'damaged')"


def upgrade() -> None:
    """Add the rules, and what is known of kept files; those superseded so far were overwritten."""
    op.create_table(
        "retention_rule",
        sa.Column("skycell", sa.Text(), nullable=False, comment="Skycell the rule is for; * for every one"),
        sa.Column("layer", sa.Text(), nullable=False, comment="Layer the rule is for; * for every one"),
        sa.Column(
            "keep_newest",
            sa.Integer(),
            nullable=False,
            comment="Number of the newest former revisions of a layer that are kept",
        ),
        sa.Column(
            "keep_days",
            sa.Float(precision=53),
            nullable=False,
            comment="Former revisions are kept for so many days after they were superseded",
        ),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the rule was made, UTC",
        ),
        sa.CheckConstraint(
            "keep_newest >= 0 and keep_days >= 0", name=op.f("retention_rule_not_negative_check")
        ),
        sa.PrimaryKeyConstraint("skycell", "layer", name=op.f("retention_rule_pkey")),
        schema="mvm",
        comment="How long files of superseded products are kept; the most special rule for a layer decides.",
    )
    op.add_column(
        "product",
        sa.Column(
            "pinned_by",
            sa.Text(),
            nullable=True,
            comment="Who wants the file kept whatever the rules; null for nobody",
        ),
        schema="mvm",
    )
    op.add_column(
        "product",
        sa.Column(
            "pinned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was pinned, UTC; null if it is not",
        ),
        schema="mvm",
    )
    op.drop_constraint(op.f(FILE_STATE), "product", schema="mvm", type_="check")
    op.create_check_constraint(op.f(FILE_STATE), "product", WITH_PRUNED, schema="mvm")
    op.create_check_constraint(
        op.f("product_only_former_are_pruned_check"),
        "product",
        "file_state <> 'pruned' or state in ('superseded', 'retired')",
        schema="mvm",
    )
    op.create_check_constraint(
        op.f("product_pinned_by_somebody_check"),
        "product",
        "(pinned_at is null) = (pinned_by is null)",
        schema="mvm",
    )
    _comment_states(
        "in_place, lost (no file there), damaged (of another size or hash), when last checked;"
        " or pruned: removed by the rules of retention",
        "When a check first found this or the file was pruned, UTC; null where nothing changed it",
    )
    op.execute(
        "update mvm.product set file_state = 'pruned', file_state_since = now()"
        " where state in ('superseded', 'retired')"
    )


def _comment_states(state: str, since: str) -> None:
    for name, kind, comment in (
        ("file_state", sa.Text(), state),
        ("file_state_since", sa.DateTime(timezone=True), since),
    ):
        op.alter_column("product", name, existing_type=kind, comment=comment, schema="mvm")


def downgrade() -> None:
    """Forget rules and pins; a pruned file counts as lost."""
    op.execute("drop table mvm.retention_rule cascade")
    op.execute("alter table mvm.product drop column pinned_by cascade, drop column pinned_at cascade")
    op.drop_constraint(op.f("product_only_former_are_pruned_check"), "product", schema="mvm", type_="check")
    op.drop_constraint(op.f(FILE_STATE), "product", schema="mvm", type_="check")
    op.execute("update mvm.product set file_state = 'lost' where file_state = 'pruned'")
    op.create_check_constraint(op.f(FILE_STATE), "product", WITHOUT_PRUNED, schema="mvm")
    _comment_states(
        "in_place, lost (no file there) or damaged (of another size or hash), when last checked",
        "When a check first found this state, UTC; null where no check has changed it",
    )
