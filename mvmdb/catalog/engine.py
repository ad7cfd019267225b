"""Connections and transactions; the one place where driver errors become CatalogError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from mvmdb.catalog.rights import OWNER, role_needed
from mvmdb.errors import CatalogError, CatalogUnreachableError, RightsError, SettingsError


def connect(url: str) -> Engine:
    """Return an engine for a PostgreSQL URL (``postgresql://`` or ``postgresql+psycopg://``).

    Raises
    ------
    SettingsError
        The text is no PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            f"{url!r} is not a database URL", hint="write it like postgresql://host/name"
        ) from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise SettingsError(f"{url!r} is not a PostgreSQL URL", hint="mvmdb needs PostgreSQL with PostGIS")
    # RA beyond 180 would bring one NOTICE per row, and thousands of them hang COPY (postgis.md).
    options = {"options": "-c client_min_messages=warning -c timezone=UTC", "application_name": "mvmdb"}
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"), connect_args=options, pool_pre_ping=True
    )


def check_reachable(url: str) -> None:
    """Connect once.

    Raises
    ------
    CatalogUnreachableError
        The server cannot be reached from here.
    """
    engine = connect(url)
    try:
        with transaction(engine):
            pass
    finally:
        engine.dispose()


def is_on_this_machine(url: str) -> bool:
    """Return whether a URL leads to a socket, or to an address that means this machine on every machine."""
    parsed = make_url(url)
    host = parsed.host or str(parsed.query.get("host", ""))
    return host.startswith(("/", "127.")) or host in ("", "localhost", "::1")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection inside one transaction: committed at the end, rolled back on any error.

    Raises
    ------
    CatalogUnreachableError
        The server cannot be reached.
    RightsError
        The user may not do this; it says which role may.
    CatalogError
        The server refused a statement; the driver's error is the cause.
    """
    with catalog_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def catalog_errors() -> Iterator[None]:
    """Turn what SQLAlchemy and psycopg raise into CatalogError, the original as its cause."""
    try:
        yield
    except OperationalError as error:
        if error.connection_invalidated or _is_connection_lost(error.orig):
            hint = "is the server running? see `mvmdb db status` and MVMDB_DATABASE_URL"
            raise CatalogUnreachableError(_first_line(error), hint=hint) from error
        raise CatalogError(_first_line(error)) from error
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise _rights_error(_first_line(error)) from error
        raise CatalogError(_first_line(error)) from error
    except psycopg.Error as error:  # COPY goes past SQLAlchemy
        raise CatalogError(str(error).strip().splitlines()[0]) from error


def _rights_error(message: str) -> RightsError:
    role = role_needed(message)
    if role == OWNER:
        return RightsError(message, role, hint="let the owner of the database do it")
    return RightsError(
        message, role, hint=f"the owner of the database grants it: grant {role} to <your user>"
    )


def _is_connection_lost(error: BaseException | None) -> bool:
    """Tell a lost or refused connection from a statement that met a lock, a timeout or a full disk."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
