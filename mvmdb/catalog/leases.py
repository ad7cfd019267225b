"""Leases: who builds a layer. Their clock is the database's; they are checked where rows are written.

No lease depends on a session: a pooler may give every statement another one, and a session that dies takes
nothing with it. What a builder writes, it writes in transactions that hold its lease (``fenced``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Function, Text, and_, cast, func, select, text

from mvmdb.catalog.engine import catalog_errors, transaction
from mvmdb.catalog.models import build, lease
from mvmdb.errors import ConflictError, UnknownObjectError


@dataclass(frozen=True)
class Lease:
    """The right to build a layer, for as long as the token is the newest."""

    skycell: str
    layer: str
    selection: str
    token: int
    duration_s: float


@dataclass(frozen=True)
class LeaseHolder:
    """Who holds the lease of a layer, and for how long unless it renews it."""

    host: str
    process_id: int
    remaining_s: float


@dataclass(frozen=True)
class ReleasedLease:
    """The lease of a running build that has been ended."""

    build_id: str
    skycell: str
    layer: str
    selection: str
    host: str
    process_id: int


def take_lease(
    engine: Engine,
    skycell: str,
    layer: str,
    selection: str,
    *,
    host: str,
    process_id: int,
    duration_s: float,
) -> Lease | None:
    """Take the lease of a layer; None when another holds it. It is taken when this returns."""
    call = func.mvm.take_lease(skycell, layer, selection, host, process_id, duration_s)
    token = _at_once(engine, call)
    return None if token is None else Lease(skycell, layer, selection, token, duration_s)


def renew_lease(engine: Engine, held: Lease) -> bool:
    """Renew a lease from now on; return False when it has been taken over or released."""
    return bool(_at_once(engine, func.mvm.renew_lease(held.token, held.duration_s)))


def release_lease(engine: Engine, held: Lease) -> None:
    """End a lease; silent when another has taken it over."""
    _at_once(engine, func.mvm.release_lease(held.token))


def _at_once(engine: Engine, call: Function[Any]) -> Any:
    """Return the answer of one statement that is a transaction of its own: nothing stays locked after it."""
    with catalog_errors(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(select(call)).scalar()


@contextmanager
def fenced(engine: Engine, held: Lease) -> Iterator[Connection]:
    """Give a connection inside a transaction that holds a lease: what it writes, its writer had the right to.

    A process that stands still in it for longer than its lease loses the transaction.

    Raises
    ------
    ConflictError
        Another process has taken the lease over, or somebody has released it; nothing is written.
    """
    with transaction(engine) as connection:
        idle_ms = str(max(1, round(held.duration_s * 1000)))
        connection.execute(select(func.set_config("idle_in_transaction_session_timeout", idle_ms, True)))
        if not connection.execute(select(func.mvm.hold_lease(held.token))).scalar():
            raise lost_lease(held)
        yield connection


def require_lease(connection: Connection) -> None:
    """Raise unless a transaction that holds a lease still does: it has not been ended for standing still.

    Raises
    ------
    CatalogError
        The server has ended it.
    """
    connection.execute(select(1))


def lost_lease(held: Lease) -> ConflictError:
    """Return what is wrong when a builder finds its lease gone."""
    return ConflictError(
        f"the lease of this build of {held.layer} of {held.skycell} has passed to another builder",
        {},
        hint=f"this one was silent for more than {held.duration_s:g} s, or its lease was released;"
        " `mvmdb build list` shows who builds",
    )


def find_holder(connection: Connection, skycell: str, layer: str, selection: str) -> LeaseHolder | None:
    """Return who holds the lease of a layer."""
    remaining = func.extract("epoch", lease.c.expires_at - func.clock_timestamp())
    query = select(lease.c.host, lease.c.process_id, remaining).where(
        lease.c.skycell == skycell, lease.c.layer == layer, lease.c.selection == selection
    )
    row = connection.execute(query).one_or_none()
    return LeaseHolder(row[0], row[1], float(row[2])) if row is not None else None


def release_build(connection: Connection, build_id: str) -> ReleasedLease:
    """End the lease of a build that somebody knows to be dead; if it lives, it can write nothing any more.

    Raises
    ------
    UnknownObjectError
        No such build runs.
    """
    held = and_(lease.c.token == build.c.lease_token, build.c.outcome == "running")
    query = select(lease).join(build, held).where(cast(build.c.build_id, Text) == build_id.lower())
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownObjectError(
            f"no build {build_id} holds a lease", hint="`mvmdb build list --outcome running` names all"
        )
    connection.execute(select(func.mvm.release_lease(row.token)))
    return ReleasedLease(build_id.lower(), row.skycell, row.layer, row.selection, row.host, row.process_id)


def list_expired(connection: Connection) -> list[tuple[str, str, str]]:
    """Return skycell, layer and selection of the leases that have run out and that nobody has given back."""
    query = text("select skycell, layer, selection from mvm.lease where expires_at <= clock_timestamp()")
    return [(row.skycell, row.layer, row.selection) for row in connection.execute(query)]
