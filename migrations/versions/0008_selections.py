"""Selections: named rules of which exposures a layer takes; products that retire without a successor."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATE = "staged (not yet in place), current, or superseded by a later revision"
STATE_WITH_RETIRED = (
    "staged (not yet in place), current, superseded by a later revision, or retired without one"
)

KEEP_SELECTIONS = """
create function mvm.keep_selection() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  if old.selection = 'all' then
    raise exception 'the selection all takes every exposure and stays as it is'
      using errcode = 'restrict_violation', hint = 'add a selection of another name';
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  if (old.from_utc, old.until_utc, old.wcsname_pattern, old.min_exptime_s)
    is distinct from (new.from_utc, new.until_utc, new.wcsname_pattern, new.min_exptime_s) then
    new.changed_at := now();
  end if;
  return new;
end
$$;

comment on function mvm.keep_selection() is
  'Keeps the selection all as it is, and mvm.selection.changed_at of the others';

create trigger keep_selection before update or delete on mvm.selection
  for each row execute function mvm.keep_selection();

create function mvm.note_selection_exclusion() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  update mvm.selection as s set changed_at = now()
  where s.selection in (old.selection, new.selection);
  return null;
end
$$;

comment on function mvm.note_selection_exclusion() is 'Keeps mvm.selection.changed_at when its exclusions change';

create trigger note_selection_exclusion after insert or delete or update on mvm.selection_exclusion
  for each row execute function mvm.note_selection_exclusion();
"""


def upgrade() -> None:
    """Add the tables of selections, and the state of products that have retired."""
    op.create_table(
        "selection",
        sa.Column("selection", sa.Text(), nullable=False, comment="Name, as in layers and file names"),
        sa.Column("description", sa.Text(), nullable=False, comment="What it is for"),
        sa.Column(
            "from_utc",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Takes exposures that start at this time or later, UTC; null for any",
        ),
        sa.Column(
            "until_utc",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Takes exposures that start before this time, UTC; null for any",
        ),
        sa.Column(
            "wcsname_pattern",
            sa.Text(),
            nullable=True,
            comment="Takes exposures whose WCSNAME fits, in any case: * any text, ? a character; null for any",
        ),
        sa.Column(
            "min_exptime_s",
            sa.Float(precision=53),
            nullable=True,
            comment="Takes exposures of at least this exposure time, seconds; null for any",
        ),
        sa.Column("created_by", sa.Text(), nullable=False, comment="Who added it"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was added, UTC",
        ),
        sa.Column(
            "changed_by", sa.Text(), nullable=True, comment="Who changed it last; null before any change"
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When its rule or its exclusions changed last, UTC; kept by triggers",
        ),
        sa.CheckConstraint("selection ~ '^[a-z0-9]{1,32}$'", name=op.f("selection_name_check")),
        sa.CheckConstraint("until_utc > from_utc", name=op.f("selection_ends_after_start_check")),
        sa.CheckConstraint("min_exptime_s >= 0", name=op.f("selection_min_exptime_check")),
        sa.CheckConstraint("wcsname_pattern <> ''", name=op.f("selection_wcsname_pattern_check")),
        sa.CheckConstraint(
            "selection <> 'all' or num_nonnulls(from_utc, until_utc, wcsname_pattern, min_exptime_s) = 0",
            name=op.f("selection_all_takes_all_check"),
        ),
        sa.PrimaryKeyConstraint("selection", name=op.f("selection_pkey")),
        schema="mvm",
        comment="Named rules of which exposures a layer takes; the one called all takes every one and stays.",
    )
    op.create_table(
        "selection_exclusion",
        sa.Column(
            "selection_exclusion_id",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            comment="Number of the exclusion",
        ),
        sa.Column("selection", sa.Text(), nullable=False, comment="Selection that does without the exposure"),
        sa.Column(
            "rootname", sa.Text(), nullable=False, comment="Root name of the exposure, all its revisions"
        ),
        sa.Column("skycell", sa.Text(), nullable=True, comment="Only in this skycell; null for all"),
        sa.Column("layer", sa.Text(), nullable=True, comment="Only in layers of this name; null for all"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in words"),
        sa.Column("excluded_by", sa.Text(), nullable=False, comment="Who excluded it"),
        sa.Column(
            "excluded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When, UTC",
        ),
        sa.CheckConstraint("selection <> 'all'", name=op.f("selection_exclusion_all_takes_all_check")),
        sa.ForeignKeyConstraint(
            ["selection"],
            ["mvm.selection.selection"],
            name=op.f("selection_exclusion_selection_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("selection_exclusion_id", name=op.f("selection_exclusion_pkey")),
        schema="mvm",
        comment="Exposures that a selection does without, whatever its rule says.",
    )
    op.create_index(
        "selection_exclusion_rootname_idx",
        "selection_exclusion",
        ["selection", "rootname"],
        unique=False,
        schema="mvm",
    )
    op.execute(KEEP_SELECTIONS)
    op.add_column(
        "product",
        sa.Column(
            "retired_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was taken out of the products and none took its place, UTC; null for all others",
        ),
        schema="mvm",
    )
    op.drop_constraint("product_state_check", "product", schema="mvm")
    op.create_check_constraint(
        op.f("product_state_check"),
        "product",
        "state in ('staged', 'current', 'superseded', 'retired')",
        schema="mvm",
    )
    op.create_check_constraint(
        op.f("product_retired_when_dated_check"),
        "product",
        "(state = 'retired') = (retired_at is not null)",
        schema="mvm",
    )
    op.alter_column("product", "state", comment=STATE_WITH_RETIRED, existing_comment=STATE, schema="mvm")


def downgrade() -> None:
    """Forget the selections; what has retired counts as superseded."""
    op.drop_constraint("product_retired_when_dated_check", "product", schema="mvm")
    op.execute("update mvm.product set state = 'superseded' where state = 'retired'")
    op.drop_constraint("product_state_check", "product", schema="mvm")
    op.create_check_constraint(
        op.f("product_state_check"), "product", "state in ('staged', 'current', 'superseded')", schema="mvm"
    )
    op.alter_column("product", "state", comment=STATE, existing_comment=STATE_WITH_RETIRED, schema="mvm")
    op.execute("alter table mvm.product drop column retired_at cascade")
    op.execute("drop table mvm.selection_exclusion, mvm.selection cascade")
    op.execute("drop function mvm.keep_selection()")
    op.execute("drop function mvm.note_selection_exclusion()")
