"""The database behind a command: settings read, cluster started, schema current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import transaction
from mvmdb.pipeline.database import open_catalog
from mvmdb.settings import Settings, load_settings


@contextmanager
def opened() -> Iterator[tuple[Settings, Engine]]:
    """Give the settings in force and an engine on their database."""
    settings = load_settings()
    engine = open_catalog(settings)
    try:
        yield settings, engine
    finally:
        engine.dispose()


@contextmanager
def asking() -> Iterator[Connection]:
    """Give a connection inside one transaction, for commands that only ask."""
    with opened() as (_, engine), transaction(engine) as connection:
        yield connection
