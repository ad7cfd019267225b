"""Files may lie in object storage: what columns hold is a path or a URL."""

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COMMENTS = {
    "build.directory": "Directory the product is written to, absolute path",
    "product.file_path": "Absolute path of the file",
    "exposure.file_path": "Where the file lay when it was last ingested, absolute path; null for a footprint",
    "ingest_failure.file_path": "File that could not be ingested, absolute path",
}


def upgrade() -> None:
    """Say so in the comments."""
    for column, comment in COMMENTS.items():
        _comment(column, comment.replace("bsolute path", "bsolute path or URL"))


def downgrade() -> None:
    """Say nothing of it."""
    for column, comment in COMMENTS.items():
        _comment(column, comment)


def _comment(column: str, comment: str) -> None:
    op.execute(text(f"comment on column mvm.{column} is '{comment}'"))
