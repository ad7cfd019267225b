"""Withdrawals: exposures taken out of layers by somebody's decision, everywhere or in one skycell."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WITHOUT_WITHDRAWALS = """
drop trigger apply_exclusion_rules_new on mvm.exposure;
create trigger apply_exclusion_rules_new before insert on mvm.exposure
  for each row when (new.findings <> '[]') execute function mvm.apply_exclusion_rules();

create or replace function mvm.apply_exclusion_rules() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  select e.code, e.detail into new.exclusion, new.exclusion_detail from mvm.exclusion_of(new.findings) as e;
  return new;
end
$$;

comment on function mvm.apply_exclusion_rules() is
  'Keeps mvm.exposure.exclusion: the first finding that a rule lets exclude';
"""

APPLY_RULES = """
create or replace function mvm.apply_exclusion_rules() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  select 'withdrawn', w.reason into new.exclusion, new.exclusion_detail
  from mvm.withdrawal as w
  where w.rootname = new.rootname and w.skycell is null and w.restored_at is null;
  if not found and (tg_op = 'UPDATE' or new.findings <> '[]') then
    select e.code, e.detail into new.exclusion, new.exclusion_detail from mvm.exclusion_of(new.findings) as e;
  end if;
  return new;
end
$$;

comment on function mvm.apply_exclusion_rules() is
  'Keeps mvm.exposure.exclusion: a withdrawal from all layers, else the first finding that a rule lets exclude';

drop trigger apply_exclusion_rules_new on mvm.exposure;
create trigger apply_exclusion_rules_new before insert on mvm.exposure
  for each row execute function mvm.apply_exclusion_rules();

create function mvm.withdraw_exposures() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  -- As an ingest does: what is being recorded under this root name comes before or after, never beside.
  lock table mvm.exposure in row exclusive mode;
  perform pg_advisory_xact_lock(hashtextextended(coalesce(new.rootname, old.rootname), 0));
  update mvm.exposure as e set findings = e.findings
  where e.rootname = coalesce(new.rootname, old.rootname) and coalesce(new.skycell, old.skycell) is null;
  return null;
end
$$;

comment on function mvm.withdraw_exposures() is
  'Applies a withdrawal from all layers, or its end, to the exposure; its placements follow';

create trigger withdraw_exposures after insert or delete or update on mvm.withdrawal
  for each row execute function mvm.withdraw_exposures();
"""


def upgrade() -> None:
    """Add the table of withdrawals and let it exclude."""
    op.create_table(
        "withdrawal",
        sa.Column(
            "withdrawal_id",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            comment="Number of the withdrawal",
        ),
        sa.Column(
            "rootname", sa.Text(), nullable=False, comment="Root name of the exposure, all its revisions"
        ),
        sa.Column(
            "skycell",
            sa.Text(),
            nullable=True,
            comment="The skycell from whose layers it is withdrawn; null for all",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in words"),
        sa.Column("withdrawn_by", sa.Text(), nullable=False, comment="Who withdrew it"),
        sa.Column(
            "withdrawn_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When, UTC",
        ),
        sa.Column(
            "restored_by", sa.Text(), nullable=True, comment="Who restored it; null while it is withdrawn"
        ),
        sa.Column(
            "restored_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was restored, UTC; null while it is withdrawn",
        ),
        sa.CheckConstraint(
            "(restored_at is null) = (restored_by is null)",
            name=op.f("withdrawal_restored_by_somebody_check"),
        ),
        sa.PrimaryKeyConstraint("withdrawal_id", name=op.f("withdrawal_pkey")),
        schema="mvm",
        comment="Exposures taken out of layers by decision, with who, when and why; ended ones stay as history.",
    )
    op.create_index(
        "withdrawal_everywhere_idx",
        "withdrawal",
        ["rootname"],
        unique=True,
        schema="mvm",
        postgresql_where=sa.text("restored_at is null and skycell is null"),
    )
    op.create_index(
        "withdrawal_skycell_idx",
        "withdrawal",
        ["rootname", "skycell"],
        unique=True,
        schema="mvm",
        postgresql_where=sa.text("restored_at is null"),
    )
    op.execute(APPLY_RULES)


def downgrade() -> None:
    """End all withdrawals and forget them."""
    op.execute("alter table mvm.exposure disable trigger user")
    op.execute(
        "update mvm.exposure set exclusion = null, exclusion_detail = null where exclusion = 'withdrawn'"
    )
    op.execute("alter table mvm.exposure enable trigger user")
    op.execute("drop table mvm.withdrawal cascade")
    op.execute("drop function mvm.withdraw_exposures()")
    op.execute(WITHOUT_WITHDRAWALS)
