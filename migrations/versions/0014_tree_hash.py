"""Products have a tree hash: what the column holds says so."""

from alembic import op
from sqlalchemy import text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say so in the comment."""
    _comment("SHA-256 tree hash of the file, pieces of 1 MiB; of older revisions its plain SHA-256")


def downgrade() -> None:
    """Say nothing of it."""
    _comment("SHA-256 of the file")


def _comment(comment: str) -> None:
    op.execute(text(f"comment on column mvm.product.file_sha256 is '{comment}'"))
