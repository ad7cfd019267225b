"""A PostgreSQL server for the tests, and databases on it that go when they are done with."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from mvmdb import cluster
from mvmdb.catalog.engine import connect
from mvmdb.catalog.schema import upgrade

# Test data need not survive a crash of the machine.
_QUICK = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@contextmanager
def running_server() -> Iterator[str]:
    """Give the URL of a server: ``MVMDB_TEST_DATABASE_URL``, else a private one, removed in the end."""
    url = os.environ.get("MVMDB_TEST_DATABASE_URL")
    if url:
        yield url
    else:
        with private_server() as private_url:
            yield private_url


@contextmanager
def private_server(settings: Sequence[str] = _QUICK) -> Iterator[str]:
    """Give the URL of a server that is made for this moment, with some settings changed."""
    home = Path(tempfile.mkdtemp(prefix="mvmdb-test-", dir="/tmp"))
    try:
        status = cluster.start(home)
        with psycopg.connect(status.url, autocommit=True) as connection:
            for setting in settings:
                connection.execute(f"alter system set {setting}".encode())
            connection.execute("select pg_reload_conf()")
        yield status.url
    finally:
        last = cluster.stop(home)
        for directory in (home, last.data_dir.parent, last.socket_dir):
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def empty_database(server_url: str) -> Iterator[str]:
    """Give the URL of a new database without our schema."""
    with _database(server_url, template="template1") as url:
        yield url


@contextmanager
def template_database(server_url: str) -> Iterator[str]:
    """Give the URL of a new database with our schema; nobody may stay connected to it."""
    with _database(server_url, template="template1") as url:
        upgrade_database(url)
        yield url


@contextmanager
def cloned_database(template_url: str) -> Iterator[str]:
    """Give the URL of a copy of a database."""
    with _database(template_url, template=str(make_url(template_url).database)) as url:
        yield url


def upgrade_database(url: str) -> None:
    """Bring a database to the schema of this version, and let go of it."""
    engine = connect(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


@contextmanager
def _database(server_url: str, *, template: str) -> Iterator[str]:
    name = f"mvmdb_test_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("create database {} template {}")
    _administer(server_url, create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server_url, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _administer(server_url: str, statement: sql.Composed) -> None:
    url = make_url(server_url).set(drivername="postgresql", database="postgres")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)
