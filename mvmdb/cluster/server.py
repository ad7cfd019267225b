"""The data directory and its server: made complete or not at all, started, found, stopped."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mvmdb.cluster.account import run_as
from mvmdb.cluster.binaries import Binaries
from mvmdb.cluster.place import PORT, SOCKET_NAME, Place
from mvmdb.errors import CatalogUnreachableError

ROLE = "mvmdb"
DATABASE = "mvmdb"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60

_CONFIGURATION = """
# Written once, when mvmdb made this cluster. The last line of a name counts: add your own below.
shared_buffers = '256MB'
max_wal_size = '2GB'
random_page_cost = 1.1
jit = off
fsync = on
full_page_writes = on
synchronous_commit = on    # what was recorded survives a crash
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True)
class Server:
    """A living server, as its ``postmaster.pid`` tells."""

    pid: int
    socket_dir: Path
    is_ready: bool


def data_version(data_dir: Path) -> int | None:
    """Return the major version that made the data directory; None when there is none."""
    try:
        return int((data_dir / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def create(place: Place, binaries: Binaries, account: pwd.struct_passwd | None) -> None:
    """Make the data directory under another name; rename it when it is complete and on disk."""
    for abandoned in place.cluster_dir.glob("data.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix="data.new-", dir=place.cluster_dir))
    if account:
        os.chown(new, account.pw_uid, account.pw_gid)
    _initialise(new, binaries, account)
    with (new / "postgresql.conf").open("a") as configuration:
        configuration.write(_CONFIGURATION)
    initdb, postgres = binaries.program("initdb"), binaries.program("postgres")
    single = [postgres, "--single", "-F", "-D", str(new), "-c", "exit_on_error=on", "postgres"]
    _check("postgres", run_as(account, single, stdin=f"create database {DATABASE}\n"))
    _check("initdb", run_as(account, [initdb, "--sync-only", "-D", str(new)]))
    new.rename(place.data_dir)
    _sync_directory(place.cluster_dir)


def start_server(place: Place, binaries: Binaries, account: pwd.struct_passwd | None) -> None:
    """Start the server and wait until it is ready; one that is just starting or stopping is awaited first."""
    command = [binaries.program("pg_ctl"), "start", "-w", "-t", str(START_TIMEOUT_S)]
    command += ["-D", str(place.data_dir), "-l", str(place.log_file)]
    command += ["-o", f"-c listen_addresses='' -p {PORT} -k {place.socket_dir}"]
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not ((server := find_server(place)) and server.is_ready):
        is_late = time.monotonic() > deadline_s
        if server is None:
            _start_once(place, account, command, is_last=is_late)
        elif is_late:
            raise CatalogUnreachableError(
                f"PostgreSQL (process {server.pid}) is not ready after {START_TIMEOUT_S} s",
                hint=f"see {place.log_file}",
            )
        time.sleep(0.02)


def find_server(place: Place) -> Server | None:
    """Return the living server of the data directory; None when there is none, whatever files say."""
    try:
        lines = (place.data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    pid = _first_number(lines)
    if pid is None or not _serves(pid, place.data_dir):
        return None
    is_complete = len(lines) >= 8  # the lines come one by one while it starts
    socket_dir = Path(lines[4]) if is_complete else place.socket_dir
    return Server(pid, socket_dir, is_complete and lines[7].strip() == "ready")


def stop_server(place: Place) -> None:
    """Stop the server, if there is one, and wait until it is gone.

    Raises
    ------
    CatalogUnreachableError
        It is still there after ``STOP_TIMEOUT_S``.
    """
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    if server := find_server(place):
        os.kill(server.pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    while find_server(place):
        if time.monotonic() > deadline_s:
            raise CatalogUnreachableError(
                f"PostgreSQL does not stop within {STOP_TIMEOUT_S} s", hint=f"see {place.log_file}"
            )
        time.sleep(0.02)


def _initialise(new: Path, binaries: Binaries, account: pwd.struct_passwd | None) -> None:
    command = [binaries.program("initdb"), "--no-sync", "-D", str(new), f"--username={ROLE}"]
    command += ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--data-checksums"]
    result = run_as(account, [*command, "--locale=C.UTF-8"])
    if "invalid locale" in result.stderr:
        result = run_as(account, [*command, "--locale=C"])
    _check("initdb", result)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _start_once(
    place: Place, account: pwd.struct_passwd | None, command: list[str], *, is_last: bool
) -> None:
    _remove_stale_locks(place)
    log_offset = place.log_file.stat().st_size if place.log_file.exists() else 0
    result = run_as(account, command)
    written = _log_since(place, log_offset)
    # After a crash of the postmaster alone, its children take a moment to notice and go.
    if is_last or "is still in use" not in written:
        _check("pg_ctl start", result, written)


def _check(program: str, result: subprocess.CompletedProcess[str], log: str = "") -> None:
    if result.returncode != 0:
        said = f"{result.stdout}\n{result.stderr}\n{log}".split("\n")
        last = [line.strip() for line in said if line.strip()][-6:]
        raise CatalogUnreachableError(
            f"PostgreSQL's {program} failed: {' | '.join(last)}",
            hint="remove that cause, or set MVMDB_DATABASE_URL to a server of your own",
        )


def _log_since(place: Place, offset: int) -> str:
    if not place.log_file.exists():
        return ""
    with place.log_file.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")


def _serves(pid: int, data_dir: Path) -> bool:
    """Tell whether the process is a server of this data directory: after a crash, numbers are used again."""
    if sys.platform != "linux":
        return f"-D {data_dir}" in run_as(None, ["ps", "-ww", "-o", "command=", "-p", str(pid)]).stdout
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(data_dir) in arguments


def _remove_stale_locks(place: Place) -> None:
    """Remove the lock files of a dead server that PostgreSQL itself would believe.

    It believes one whose process number now belongs to somebody else, and refuses an empty one.
    """
    for lock in (place.data_dir / "postmaster.pid", place.socket_dir / f"{SOCKET_NAME}.lock"):
        if not lock.exists():
            continue
        pid = _first_number(lock.read_text().splitlines())
        if pid is None or _is_alive(pid):
            lock.unlink()


def _first_number(lines: list[str]) -> int | None:
    """Return the process number in a lock file's first line; None when a crash left it empty."""
    return abs(int(lines[0])) if lines and lines[0].strip("- ").isdigit() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
