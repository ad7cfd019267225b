"""Decide where a cluster can live: within reach of its account, with a path short enough for a socket."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import tempfile
from pathlib import Path

from mvmdb.cluster.account import can_enter
from mvmdb.cluster.place import SOCKET_NAME, Place, locate, remember
from mvmdb.cluster.server import stop_server

# For root's cluster when PostgreSQL's account cannot reach home, and for sockets with a long path.
REACHABLE_CLUSTERS = Path("/var/lib/mvmdb/clusters")
SHORT_SOCKETS = Path("/tmp")

_MAX_SOCKET_BYTES = 100  # systems allow 107 (Linux) or 103 (macOS)
_PLAIN_PATH = re.compile(r"[\w./@+-]+", re.ASCII)  # needs no quotes in a list of socket directories


def settle(home: Path, account: pwd.struct_passwd | None) -> Place:
    """Decide where the cluster of ``home`` lies, make its directories and remember exceptions.

    Parameters
    ----------
    home
        Existing directory; the only one whose mode may be changed (o+x, for ``account``).
    account
        Who runs PostgreSQL; None for the present account.
    """
    known = locate(home)
    cluster_dir = known.cluster_dir
    if account and cluster_dir.parent == home:
        cluster_dir = _within_reach(home, account)
    if not cluster_dir.exists():
        _make_private(cluster_dir, account)
    place = Place(cluster_dir, _socket_dir(cluster_dir, known.socket_dir, account))
    if place != known:
        remember(home, place)
    return place


def fits_socket(directory: Path) -> bool:
    """Tell whether PostgreSQL can listen in ``directory``: a short, plain path."""
    plain = _PLAIN_PATH.fullmatch(str(directory)) is not None
    return plain and len(os.fsencode(directory / SOCKET_NAME)) <= _MAX_SOCKET_BYTES


def outside_directory(home: Path) -> Path:
    """Return the directory for the cluster of a home that PostgreSQL's account cannot reach."""
    return REACHABLE_CLUSTERS / hashlib.sha256(os.fsencode(home)).hexdigest()[:16]


def _within_reach(home: Path, account: pwd.struct_passwd) -> Path:
    inside = home / "cluster"
    if not inside.exists() and not can_enter(account, home.parent):
        outside = outside_directory(home)
        _set_aside(outside)
        return outside
    if not can_enter(account, home):
        home.chmod(home.stat().st_mode | 0o001)
    return inside


def _set_aside(cluster_dir: Path) -> None:
    """Keep, as ``.old``, the cluster of an earlier home of this name that was deleted without it."""
    if not cluster_dir.exists():
        return
    stop_server(Place(cluster_dir, cluster_dir))
    older = cluster_dir.with_suffix(".old")
    shutil.rmtree(older, ignore_errors=True)
    cluster_dir.rename(older)


def _make_private(directory: Path, account: pwd.struct_passwd | None) -> None:
    for parent in reversed([parent for parent in directory.parents if not parent.exists()]):
        parent.mkdir()
        parent.chmod(0o755)  # whatever the umask: the account must pass
    directory.mkdir(mode=0o700)
    if account:
        os.chown(directory, account.pw_uid, account.pw_gid)


def _socket_dir(cluster_dir: Path, kept: Path, account: pwd.struct_passwd | None) -> Path:
    if fits_socket(cluster_dir):
        return cluster_dir
    owner = account.pw_uid if account else os.geteuid()
    if kept != cluster_dir and _is_private(kept, owner):
        return kept
    short = Path(tempfile.mkdtemp(prefix="mvmdb-", dir=SHORT_SOCKETS))
    os.chown(short, owner, -1)
    return short


def _is_private(directory: Path, owner: int) -> bool:
    """Tell whether only ``owner`` can put a socket there: /tmp is cleaned, then anybody may take the name."""
    if directory.is_symlink() or not directory.is_dir():
        return False
    facts = directory.stat()
    return facts.st_uid == owner and facts.st_mode & 0o077 == 0
