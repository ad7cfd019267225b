"""The private PostgreSQL + PostGIS cluster of one home: create, start, stop.

Everything lies in ``home/cluster``: the data directory, the log and the unix socket. Nothing listens on
a network, so the 0700 directory is the whole protection, and every connection made in it is trusted.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mvmdb.cluster.account import server_account
from mvmdb.cluster.binaries import Binaries, candidate_binaries, choose_binaries, install_command
from mvmdb.cluster.place import PORT, Place, locate
from mvmdb.cluster.server import DATABASE, ROLE, create, data_version, find_server, start_server, stop_server
from mvmdb.cluster.settling import settle
from mvmdb.errors import CatalogUnreachableError

__all__ = [
    "Binaries",
    "ClusterStatus",
    "candidate_binaries",
    "choose_binaries",
    "cluster_url",
    "install_command",
    "start",
    "status",
    "stop",
]


@dataclass(frozen=True)
class ClusterStatus:
    """What is known about the private cluster of one home.

    Attributes
    ----------
    running
        It accepts connections.
    data_dir, socket_dir, log_file
        Where they are, or by the rule would be made.
    version
        Major version of the PostgreSQL that made the data directory; None before that.
    pid
        Process id of the server; None when it is stopped.
    url
        libpq URI of the catalogue's database.
    note
        Why the cluster lies outside home; None when it lies inside.
    """

    running: bool
    data_dir: Path
    socket_dir: Path
    log_file: Path
    version: str | None
    pid: int | None
    url: str
    note: str | None


def start(home: Path) -> ClusterStatus:
    """Return the running cluster of ``home``; make it when missing, start it when stopped.

    Any number of processes may call this at once: one of them works, the others wait for it.

    Raises
    ------
    CatalogUnreachableError
        PostgreSQL or PostGIS is missing or refuses to start, or ``home`` cannot be used.
    """
    home = home.resolve()
    _refuse_shell_characters(home)
    with _filesystem_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        if not _status(home).running:
            with _locked(home):
                _start(home)
        return _status(home)


def stop(home: Path) -> ClusterStatus:
    """Stop the cluster of ``home``, if it runs, and wait until it is down.

    Open connections are closed and their transactions rolled back.

    Raises
    ------
    CatalogUnreachableError
        The server does not stop within a minute.
    """
    home = home.resolve()
    with _filesystem_errors(home):
        if _status(home).pid is not None:
            with _locked(home):
                stop_server(locate(home))
        return _status(home)


def status(home: Path) -> ClusterStatus:
    """Return what is known about the cluster of ``home``, changing nothing."""
    home = home.resolve()
    with _filesystem_errors(home):
        return _status(home)


def cluster_url(socket_dir: Path) -> str:
    """Return the libpq URI of the catalogue in the cluster that listens in ``socket_dir``."""
    host = quote(os.fsencode(socket_dir), safe="")
    return f"postgresql://{ROLE}@/{DATABASE}?host={host}&port={PORT}"


def _start(home: Path) -> None:
    version = data_version(locate(home).data_dir)
    binaries = choose_binaries(candidate_binaries(), version)
    account = server_account(locate(home).data_dir)
    place = settle(home, account)
    if data_version(place.data_dir) is None:
        create(place, binaries, account)
    start_server(place, binaries, account)


def _status(home: Path) -> ClusterStatus:
    place = locate(home)
    server = find_server(place)
    version = data_version(place.data_dir)
    socket_dir = server.socket_dir if server else place.socket_dir
    return ClusterStatus(
        running=server is not None and server.is_ready,
        data_dir=place.data_dir,
        socket_dir=socket_dir,
        log_file=place.log_file,
        version=None if version is None else str(version),
        pid=server.pid if server else None,
        url=cluster_url(socket_dir),
        note=_note(home, place),
    )


def _note(home: Path, place: Place) -> str | None:
    if place.cluster_dir.is_relative_to(home):
        return None
    return f"the database is in {place.cluster_dir}: PostgreSQL's account cannot enter {home.parent}"


def _refuse_shell_characters(home: Path) -> None:
    # pg_ctl hands the path to a shell between double quotes.
    if set('"$`\\\n') & set(str(home)):
        raise CatalogUnreachableError(
            f"PostgreSQL cannot be started in {str(home)!r}", hint='set MVMDB_HOME to a path without " $ ` \\'
        )


@contextmanager
def _filesystem_errors(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogUnreachableError(
            f"no private database in {home}: {error}", hint="set MVMDB_HOME to a directory of your own"
        ) from error


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the only right to change the cluster of ``home``; a dying process gives it back."""
    lock = os.open(home / "cluster.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.geteuid() == 0:  # root in a user's home: the user has to open it later
            os.fchown(lock, home.stat().st_uid, home.stat().st_gid)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
