"""Alembic environment: runs on the connection that the upgrade hands over, or on MVMDB_DATABASE_URL."""

from __future__ import annotations

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection

from mvmdb.catalog.engine import connect
from mvmdb.catalog.models import SCHEMA, metadata
from mvmdb.settings import load_settings


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Look at our own schema only: PostGIS and the user's other schemas are none of ours."""
    return kind != "schema" or name == SCHEMA


def include_object(item: object, name: str, kind: str, reflected: bool, other: object) -> bool:
    """Leave out the version table and what PostGIS keeps for itself."""
    if kind == "table" and name == "alembic_version":
        return False
    return bool(alembic_helpers.include_object(item, name, kind, reflected, other))


def run(connection: Connection) -> None:
    """Bring the tables of the connected database to the newest revision."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with connect(load_settings().database_url or "").begin() as own:
        run(own)
