"""What staleness is told from: the engine in force, how products were asked for, files checked, exposures dated."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NOTE_STANDING = """
create function mvm.note_standing() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  new.standing_since := now();
  return new;
end
$$;

comment on function mvm.note_standing() is
  'Keeps mvm.exposure.standing_since: when the exposure last began or ceased to be current and not excluded';

-- Fires after apply_exclusion_rules_changed, by name, and so sees what the rules have decided.
create trigger note_standing before update on mvm.exposure
  for each row
  when ((old.is_current and old.exclusion is null) is distinct from (new.is_current and new.exclusion is null))
  execute function mvm.note_standing();
"""

# A revision that is no longer current ceased to be so when the next one came.
DATE_EXPOSURES = """
update mvm.exposure as e set standing_since = coalesce(
  (
    select min(later.ingested_at) from mvm.exposure as later
    where later.rootname = e.rootname and later.revision > e.revision and not e.is_current
  ),
  e.ingested_at
)
"""

# "mvmdb pixfrac=0.8 sky=none": the first word is the set, the recipe has the values of the others.
SPLIT_CHOICES = """
update mvm.build as b set
  parameter_overrides = (
    select coalesce(jsonb_object_agg(split_part(word, '=', 1), b.recipe -> 'parameters' -> split_part(word, '=', 1)), '{}')
    from regexp_split_to_table(b.parameter_set, ' ') as word
    where word like '%=%'
  ),
  parameter_set = split_part(b.parameter_set, ' ', 1)
"""

JOIN_CHOICES = """
update mvm.build as b set parameter_set = concat_ws(' ', b.parameter_set, (
  select string_agg(changed.key || '=' || changed.value, ' ') from jsonb_each_text(b.parameter_overrides) as changed
))
"""

PARAMETER_SET = (
    "Named set the parameters come from and what was overridden, like mvmdb pixfrac=0.8",
    "Named set the parameters come from",
)


def upgrade() -> None:
    """Add them; what is there is dated and taken apart as well as can be."""
    op.create_table(
        "engine",
        sa.Column(
            "engine",
            sa.Text(),
            nullable=False,
            comment="Name and version of everything that computes pixels, as in recipes",
        ),
        sa.Column(
            "default_parameters",
            postgresql.JSONB(),
            nullable=False,
            comment="Drizzle parameters that hold where a set gives none",
        ),
        sa.Column(
            "only_row",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Always true: there is one row",
        ),
        sa.Column(
            "registered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it came into force, UTC",
        ),
        sa.CheckConstraint("only_row", name=op.f("engine_only_one_row_check")),
        sa.PrimaryKeyConstraint("engine", name=op.f("engine_pkey")),
        sa.UniqueConstraint("only_row", name=op.f("engine_only_row_key")),
        schema="mvm",
        comment="The engine of the mvmdb that last opened the database; products of another one are stale.",
    )
    _add_build_columns()
    _add_product_columns()
    _add_exposure_columns()


def _add_build_columns() -> None:
    op.add_column(
        "build",
        sa.Column(
            "parameter_overrides",
            postgresql.JSONB(),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="Parameters that replaced those of the set, value by name",
        ),
        schema="mvm",
    )
    op.execute(SPLIT_CHOICES)
    op.alter_column("build", "parameter_set", comment=PARAMETER_SET[1], schema="mvm")


def _add_product_columns() -> None:
    op.add_column(
        "product",
        sa.Column(
            "file_state",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'in_place'"),
            comment="in_place, lost (no file there) or damaged (of another size or hash), when last checked",
        ),
        schema="mvm",
    )
    op.add_column(
        "product",
        sa.Column(
            "file_state_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a check first found this state, UTC; null where no check has changed it",
        ),
        schema="mvm",
    )
    op.create_check_constraint(
        op.f("product_file_state_check"),
        "product",
        "file_state in ('in_place', 'lost', 'damaged')",
        schema="mvm",
    )


def _add_exposure_columns() -> None:
    op.add_column(
        "exposure",
        sa.Column(
            "standing_since",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
            comment="When it last began or ceased to be current and not excluded, UTC; kept by a trigger",
        ),
        schema="mvm",
    )
    # Placements stay as they are; their triggers would want functions that an upgrade has dropped by now.
    op.execute("alter table mvm.exposure disable trigger user")
    op.execute(DATE_EXPOSURES)
    op.execute("alter table mvm.exposure enable trigger user")
    op.execute(NOTE_STANDING)


def downgrade() -> None:
    """Remove them; sets and overrides become one text again."""
    op.execute("drop trigger note_standing on mvm.exposure")
    op.execute("drop function mvm.note_standing()")
    op.execute("alter table mvm.exposure drop column standing_since cascade")
    op.execute("alter table mvm.product drop column file_state cascade, drop column file_state_since cascade")
    op.execute(JOIN_CHOICES)
    op.execute("alter table mvm.build drop column parameter_overrides cascade")
    op.alter_column("build", "parameter_set", comment=PARAMETER_SET[0], schema="mvm")
    op.execute("drop table mvm.engine cascade")
