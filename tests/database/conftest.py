"""One server and one template per session; transactions that are rolled back, or clones for commits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from mvmdb.catalog.engine import connect
from tests.support.database import cloned_database, empty_database, running_server, template_database


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """URL of a server on which databases can be created."""
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
def template_url(server_url: str) -> Iterator[str]:
    """URL of a database with the schema, to be copied; nobody connects to it."""
    with template_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def session_engine(template_url: str) -> Iterator[Engine]:
    """Engine on a database in which nobody ever commits."""
    with cloned_database(template_url) as url:
        engine = connect(url)
        yield engine
        engine.dispose()


@pytest.fixture
def connection(session_engine: Engine) -> Iterator[Connection]:
    """Connection inside a transaction that is rolled back."""
    with session_engine.connect() as opened:
        transaction = opened.begin()
        yield opened
        transaction.rollback()


@pytest.fixture
def database(template_url: str) -> Iterator[str]:
    """URL of a database of this test's own, with the schema."""
    with cloned_database(template_url) as url:
        yield url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """Engine on a database of this test's own."""
    opened = connect(database)
    yield opened
    opened.dispose()


@pytest.fixture
def bare_database(server_url: str) -> Iterator[str]:
    """URL of a database of this test's own, without the schema."""
    with empty_database(server_url) as url:
        yield url
