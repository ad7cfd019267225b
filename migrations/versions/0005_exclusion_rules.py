"""Exclusions by rule: exposures keep all that speaks against them, and rows say what of it excludes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPLY_RULES = """
create function mvm.apply_exclusion_rules() returns trigger
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

create trigger apply_exclusion_rules_new before insert on mvm.exposure
  for each row when (new.findings <> '[]') execute function mvm.apply_exclusion_rules();
create trigger apply_exclusion_rules_changed before update of findings on mvm.exposure
  for each row execute function mvm.apply_exclusion_rules();

create function mvm.reconsider_exposures() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  update mvm.exposure as e set findings = e.findings
  where e.findings @> jsonb_build_array(jsonb_build_object('code', coalesce(new.code, old.code)));
  return null;
end
$$;

comment on function mvm.reconsider_exposures() is
  'Applies a changed exclusion rule to the exposures that it concerns; their placements follow';

create trigger reconsider_exposures after insert or delete or update of excludes on mvm.exclusion_rule
  for each row execute function mvm.reconsider_exposures();
"""


def upgrade() -> None:
    """Add rules and findings; what has been excluded so far becomes a finding."""
    op.create_table(
        "exclusion_rule",
        sa.Column("code", sa.Text(), nullable=False, comment="What was found, like moving_target"),
        sa.Column(
            "excludes",
            sa.Boolean(),
            nullable=False,
            comment="True when an exposure with this finding enters no layer",
        ),
        sa.Column("description", sa.Text(), nullable=False, comment="What the finding means"),
        sa.Column("source", sa.Text(), nullable=False, comment="Where the rule comes from"),
        sa.PrimaryKeyConstraint("code", name=op.f("exclusion_rule_pkey")),
        schema="mvm",
        comment="Which findings exclude an exposure; a finding without a rule excludes.",
    )
    op.add_column(
        "exposure",
        sa.Column(
            "findings",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="What speaks against the exposure, most telling first: an array of code and detail",
        ),
        schema="mvm",
    )
    op.alter_column(
        "exposure",
        "exclusion",
        comment="Why the exposure enters no layer, a code; null when it does; set by trigger from the rules",
        schema="mvm",
    )
    # Placements stay as they are; their triggers would want functions that an upgrade has dropped by now.
    op.execute("alter table mvm.exposure disable trigger user")
    op.execute(
        "update mvm.exposure set findings ="
        " jsonb_build_array(jsonb_build_object('code', exclusion, 'detail', exclusion_detail))"
        " where exclusion is not null"
    )
    op.execute("alter table mvm.exposure enable trigger user")
    op.create_index(
        "exposure_findings_idx",
        "exposure",
        ["findings"],
        schema="mvm",
        postgresql_using="gin",
        postgresql_ops={"findings": "jsonb_path_ops"},
    )
    op.execute(APPLY_RULES)


def downgrade() -> None:
    """Remove rules and findings; what is excluded stays so."""
    op.execute("drop trigger apply_exclusion_rules_new on mvm.exposure")
    op.execute("drop trigger apply_exclusion_rules_changed on mvm.exposure")
    op.execute("drop function mvm.apply_exclusion_rules()")
    op.execute("drop table mvm.exclusion_rule cascade")
    op.execute("drop function mvm.reconsider_exposures()")
    op.drop_index("exposure_findings_idx", "exposure", schema="mvm")
    op.execute("alter table mvm.exposure drop column findings cascade")
    op.alter_column(
        "exposure",
        "exclusion",
        comment="Why the exposure enters no layer, a code; null when it does",
        schema="mvm",
    )
