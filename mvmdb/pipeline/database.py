"""The database in force: the user's server, or a private cluster that starts by itself."""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import Engine

from mvmdb import cluster
from mvmdb.catalog.engine import connect
from mvmdb.catalog.schema import upgrade
from mvmdb.settings import Settings


def database_url(settings: Settings) -> str:
    """Return the URL in force; without one in the settings the private cluster is created and started."""
    return settings.database_url or cluster.start(settings.home).url


def open_catalog(settings: Settings) -> Engine:
    """Return an engine on a database that holds this version's schema.

    Raises
    ------
    CatalogUnreachableError
        The server cannot be reached, or PostgreSQL with PostGIS is not installed.
    RightsError
        The user may not read the catalogue, or it wants an upgrade and the user is not its owner.
    SchemaVersionError, FrozenTessellationError
        The database belongs to a newer version or to another tessellation.
    """
    engine = connect(database_url(settings))
    with ExitStack() as on_failure:
        on_failure.callback(engine.dispose)
        upgrade(engine)
        on_failure.pop_all()
    return engine
