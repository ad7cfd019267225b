"""What builds cost: the work, the time, the memory and the bytes of each, for forecasts of others."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = {
    "engine": (sa.Text(), "Engine that drew it, name and version; null, as what follows, where not measured"),
    "n_input_pixels": (sa.BigInteger(), "Pixels of the chips that lie in the skycell, by their outlines"),
    "n_output_pixels": (sa.BigInteger(), "Pixels of one array of the product"),
    "n_context_planes": (
        sa.Integer(),
        "Planes of the context image, and one more where there is an ERR",
    ),
    "n_threads": (sa.Integer(), "Threads that drew at a time"),
    "wall_s": (sa.Float(53), "Time from reading to the written file, seconds"),
    "cpu_s": (sa.Float(53), "Processor time in the same interval, of all threads, seconds"),
    "peak_memory_bytes": (
        sa.BigInteger(),
        "Largest own (anonymous) memory of the process, bytes; null where the system tells none",
    ),
    "output_bytes": (sa.BigInteger(), "Size of the file, bytes"),
}


def upgrade() -> None:
    """Add the columns, empty for the builds so far, and the index that finds the newest of an engine."""
    for name, (kind, comment) in COLUMNS.items():
        op.add_column("build", sa.Column(name, kind, nullable=True, comment=comment), schema="mvm")
    op.create_index(
        "build_cost_idx",
        "build",
        ["engine", "host", "finished_at"],
        schema="mvm",
        postgresql_where=sa.text("wall_s is not null"),
    )


def downgrade() -> None:
    """Forget what builds cost."""
    op.drop_index("build_cost_idx", "build", schema="mvm")
    for name in reversed(COLUMNS):
        op.execute(f"alter table mvm.build drop column {name} cascade")
