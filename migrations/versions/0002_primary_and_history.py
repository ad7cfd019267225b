"""The sky that each projection cell owns, and every extent a skycell has had."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A footprint never changes under its exposure_id: a placement comes when the exposure enters force, and goes
# when it leaves it. Other updates of an exposure (its path) leave the placements alone. Boxes on the sphere find the
# few cells that may matter and the plane decides, which is quicker than ST_Intersects on the sphere. ``offset 0``
# keeps the planner from projecting a footprint twice.
PLACE_EXPOSURES = """
create or replace function mvm.place_exposures() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    delete from mvm.placement as p using changed as c
    where p.exposure_id = c.exposure_id and not (c.is_current and c.exclusion is null);
  end if;
  insert into mvm.placement (exposure_id, projection_cell, shape)
  select e.exposure_id, cell.projection_cell, placed.shape
  from changed as e
  join mvm.projection_cell as cell on e.footprint && cell.area
  join mvm.ring on ring.ring = cell.ring
  cross join lateral (
    select mvm.cell_pixel_of_sky(e.footprint::geometry, cell.ra_deg, ring.srid) as shape offset 0
  ) as placed
  where e.is_current and e.exclusion is null
    and ST_Intersects(placed.shape, ST_MakeEnvelope(-0.5, -0.5, 450793.5, 450793.5))
  on conflict do nothing;
  return null;
end
$$;
"""

# What of a placement lies in a skycell. Most placements lie within one, as their own boxes tell.
PIECE = """
      select
        case
          when geometry_within(p.shape, mvm.skycell_box({x}, {y}, 1)) then p.shape
          when ST_Intersects(p.shape, mvm.skycell_box({x}, {y}, 1e-5))
            then ST_ClipByBox2D(p.shape, mvm.skycell_box({x}, {y})::box2d)
        end as shape
      offset 0  -- cut once
"""

# Columns and rows of skycells that a placement may reach are few, by arithmetic.
PIECES_OF = f"""
    cross join lateral generate_series(
      greatest(1, floor((ST_XMin(p.shape) - 21953.5) / 21442)::integer + 2),
      least(21, ceil((ST_XMax(p.shape) + 0.5) / 21442)::integer)
    ) as x (x)
    cross join lateral generate_series(
      greatest(1, floor((ST_YMin(p.shape) - 21953.5) / 21442)::integer + 2),
      least(21, ceil((ST_YMax(p.shape) + 0.5) / 21442)::integer)
    ) as y (y)
    cross join lateral ({PIECE.format(x="x.x", y="y.y")}) as piece
    where not ST_IsEmpty(piece.shape)
"""

# The revision in force, and the one before it. "limit 1" keeps both to their index: joined, the planner would read
# the whole history in the order of its index for a single new exposure.
LATEST = """
  left join lateral (
    select r.revision, r.recorded_at, r.x0, r.y0, r.x1, r.y1
    from mvm.extent_revision as r
    where r.projection_cell = g.projection_cell and r.x = g.x and r.y = g.y
    order by r.revision desc
    limit 1
  ) as l on true
  left join lateral (
    select r.x0, r.y0, r.x1, r.y1
    from mvm.extent_revision as r
    where r.projection_cell = g.projection_cell and r.x = g.x and r.y = g.y and r.revision = l.revision - 1
    limit 1
  ) as f on true
"""

# The planner cannot know how many extents a statement touches, and keeps the plan it made for the first one. Plans
# that read the whole history, or do so for each extent, would make a bulk load quadratic and a single exposure slow;
# hence the settings of the two functions: nested loops by index serve one and a million.

# One transaction makes at most one revision of an extent: what it recorded itself it corrects, and takes back
# when in the end nothing has changed.
STORE = """
  , taken_back as (
    delete from mvm.extent_revision as r
    using new_extent as n
    where n.as_before and r.projection_cell = n.projection_cell and r.x = n.x and r.y = n.y and r.revision = n.revision
  )
  insert into mvm.extent_revision (projection_cell, x, y, revision, x0, y0, x1, y1, recorded_at)
  select n.projection_cell, n.x, n.y, n.revision, n.x0, n.y0, n.x1, n.y1, now()
  from new_extent as n
  where not n.as_before
  on conflict (projection_cell, x, y, revision) do update
    set x0 = excluded.x0, y0 = excluded.y0, x1 = excluded.x1, y1 = excluded.y1;
"""

REVISION = "coalesce(l.revision, 0) + (l.recorded_at is distinct from now())::integer as revision"

RECORD_GROWN_EXTENTS = f"""
create function mvm.record_grown_extents() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  lock table mvm.extent_revision in share row exclusive mode;
  with new_extent as materialized (
  select
    g.projection_cell, g.x, g.y, {REVISION},
    least(l.x0, g.x0) as x0, least(l.y0, g.y0) as y0, greatest(l.x1, g.x1) as x1, greatest(l.y1, g.y1) as y1,
    l.recorded_at is not distinct from now()
      and (f.x0, f.y0, f.x1, f.y1) is not distinct from
        (least(l.x0, g.x0), least(l.y0, g.y0), greatest(l.x1, g.x1), greatest(l.y1, g.y1)) as as_before
  from (
    select
      lit.projection_cell, lit.x, lit.y,
      mvm.first_pixel(ST_XMin(lit.box), lit.x) as x0,
      mvm.first_pixel(ST_YMin(lit.box), lit.y) as y0,
      mvm.end_pixel(ST_XMax(lit.box), lit.x) as x1,
      mvm.end_pixel(ST_YMax(lit.box), lit.y) as y1
    from (
      select p.projection_cell, x.x, y.y, ST_Extent(piece.shape) as box
      from added as p {PIECES_OF}
      group by p.projection_cell, x.x, y.y
    ) as lit
  ) as g
  {LATEST}
  where l.x0 is null or g.x0 < l.x0 or g.y0 < l.y0 or g.x1 > l.x1 or g.y1 > l.y1
  ) {STORE}
  return null;
end
$$;

comment on function mvm.record_grown_extents() is
  'Keeps mvm.extent_revision: a new placement can only make an extent grow, so the old one and the new piece decide';

create trigger extent_grows after insert on mvm.placement
  referencing new table as added for each statement execute function mvm.record_grown_extents();
"""

# The view mvm.skycell_extent says the same, but joined to it, it would be computed for the whole sky.
LEFT_OVER = f"""
  select
    mvm.first_pixel(ST_XMin(lit.box), g.x) as x0,
    mvm.first_pixel(ST_YMin(lit.box), g.y) as y0,
    mvm.end_pixel(ST_XMax(lit.box), g.x) as x1,
    mvm.end_pixel(ST_YMax(lit.box), g.y) as y1
  from (
    select ST_Extent(piece.shape) as box
    from mvm.placement as p
    cross join lateral ({PIECE.format(x="g.x", y="g.y")}) as piece
    where p.projection_cell = g.projection_cell
      and p.shape && mvm.skycell_box(g.x, g.y)
      and not ST_IsEmpty(piece.shape)
  ) as lit
"""

RECORD_SHRUNK_EXTENTS = f"""
create function mvm.record_shrunk_extents() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  lock table mvm.extent_revision in share row exclusive mode;
  with new_extent as materialized (
  select
    g.projection_cell, g.x, g.y, {REVISION}, e.x0, e.y0, e.x1, e.y1,
    l.recorded_at is not distinct from now()
      and (f.x0, f.y0, f.x1, f.y1) is not distinct from (e.x0, e.y0, e.x1, e.y1) as as_before
  from (select distinct p.projection_cell, x.x, y.y from removed as p {PIECES_OF}) as g
  cross join lateral ({LEFT_OVER}) as e
  {LATEST}
  where (l.x0, l.y0, l.x1, l.y1) is distinct from (e.x0, e.y0, e.x1, e.y1)
  ) {STORE}
  return null;
end
$$;

comment on function mvm.record_shrunk_extents() is
  'Keeps mvm.extent_revision: where a placement has gone, the extent is what is left';

create trigger extent_shrinks after delete on mvm.placement
  referencing old table as removed for each statement execute function mvm.record_shrunk_extents();
"""


def upgrade() -> None:
    """Add the cores of the projection cells and the history of the extents."""
    op.create_table(
        "projection_core",
        sa.Column(
            "projection_cell", sa.Integer(), nullable=False, comment="Projection cell that owns the part"
        ),
        sa.Column(
            "part", sa.Integer(), autoincrement=False, nullable=False, comment="Number of the part, from 1"
        ),
        sa.Column(
            "shape",
            Geometry("POLYGON", srid=-1, spatial_index=False),
            nullable=False,
            comment="Convex part in 0-based fine pixels of the projection cell",
        ),
        sa.ForeignKeyConstraint(
            ["projection_cell"],
            ["mvm.projection_cell.projection_cell"],
            name=op.f("projection_core_projection_cell_fkey"),
        ),
        sa.PrimaryKeyConstraint("projection_cell", "part", name=op.f("projection_core_pkey")),
        schema="mvm",
        comment="The sky that each projection cell owns; together the parts cover the sky exactly once.",
    )
    op.create_table(
        "extent_revision",
        sa.Column("projection_cell", sa.Integer(), nullable=False, comment="Projection cell of the skycell"),
        sa.Column(
            "x", sa.Integer(), nullable=False, comment="Column of the skycell in the projection cell, from 1"
        ),
        sa.Column(
            "y", sa.Integer(), nullable=False, comment="Row of the skycell in the projection cell, from 1"
        ),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="Counts the extents the skycell has had, from 1"
        ),
        *(
            sa.Column(name, sa.Integer(), nullable=True, comment=f"{meaning}; null when no exposure is left")
            for name, meaning in (
                ("x0", "First column of the common subarray, 0-based fine pixels of the skycell"),
                ("y0", "First row of the common subarray, 0-based fine pixels of the skycell"),
                ("x1", "Column after the last, 0-based fine pixels of the skycell (half-open)"),
                ("y1", "Row after the last, 0-based fine pixels of the skycell (half-open)"),
            )
        ),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Transaction time at which it came into force, UTC",
        ),
        sa.ForeignKeyConstraint(
            ["projection_cell"],
            ["mvm.projection_cell.projection_cell"],
            name=op.f("extent_revision_projection_cell_fkey"),
        ),
        sa.PrimaryKeyConstraint("projection_cell", "x", "y", "revision", name=op.f("extent_revision_pkey")),
        schema="mvm",
        comment="Every common subarray a skycell has had; kept by triggers on mvm.placement.",
    )
    op.execute(PLACE_EXPOSURES)
    op.execute(RECORD_GROWN_EXTENTS)
    op.execute(RECORD_SHRUNK_EXTENTS)


def downgrade() -> None:
    """Remove both; the trigger of 0001 goes on as it is here, which only leaves more placements alone."""
    op.execute("drop trigger extent_grows on mvm.placement; drop trigger extent_shrinks on mvm.placement")
    op.execute("drop function mvm.record_grown_extents(); drop function mvm.record_shrunk_extents()")
    op.drop_table("extent_revision", schema="mvm")
    op.drop_table("projection_core", schema="mvm")
