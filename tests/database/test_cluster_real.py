"""A real cluster in temporary homes: made, killed, deleted, raced for; as root and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from mvmdb import cluster
from mvmdb.cluster import ClusterStatus, candidate_binaries, settling

START = "import sys, pathlib; from mvmdb import cluster; print(cluster.start(pathlib.Path(sys.argv[1])).pid)"

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs under another account")
only_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to list processes")


@pytest.fixture(scope="module", autouse=True)
def installation() -> None:
    """Only where the user works with a server of their own may the private one be impossible."""
    if os.environ.get("MVMDB_DATABASE_URL") and not any(b.has_postgis for b in candidate_binaries()):
        pytest.skip("MVMDB_DATABASE_URL names a server, and PostgreSQL with PostGIS is not installed here")


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give a home with a path short enough for a socket; mode 0700, as ``mktemp -d`` makes it."""
    directory = Path(tempfile.mkdtemp(prefix="mvmdb-home-", dir="/tmp"))
    yield directory
    delete(directory)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of this test alone."""
    with temporary_home() as directory:
        yield directory


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """A home for tests that leave a usable cluster behind."""
    with temporary_home() as directory:
        yield directory


def delete(home: Path) -> None:
    last = cluster.stop(home)
    for directory in (home, last.data_dir.parent, last.socket_dir):
        shutil.rmtree(directory, ignore_errors=True)


def ask(status: ClusterStatus, question: str) -> object:
    with psycopg.connect(status.url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def make_table(status: ClusterStatus) -> None:
    with psycopg.connect(status.url, autocommit=True) as connection:
        connection.execute("drop table if exists kept")
        connection.execute("create table kept as select 7 as number")


def servers_of(data_dir: Path) -> list[int]:
    """Process numbers of all servers of the data directory, from the list of processes."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # gone meanwhile
            continue
        if arguments[0].endswith(b"/postgres") and os.fsencode(data_dir) in arguments:
            parents[int(entry.name)] = parent
    # A child just forked still carries the arguments of its server.
    return [pid for pid, parent in parents.items() if parent not in parents]


def wait_until_gone(pid: int) -> None:
    deadline_s = time.monotonic() + 10
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < deadline_s:
        time.sleep(0.01)


def test_life_of_a_cluster(shared_home: Path) -> None:
    first = cluster.start(shared_home)
    assert first.running
    assert first == cluster.status(shared_home) == cluster.start(shared_home)
    assert first.data_dir.is_relative_to(shared_home)
    assert first.note is None

    with psycopg.connect(first.url, autocommit=True) as connection:
        for extension in ("postgis", "btree_gist", "citext"):
            connection.execute(f"create extension {extension}")
        equator_to_pole = "select st_distance('point(0 0)'::geography, 'point(0 90)')"
        distance_m = connection.execute(equator_to_pole).fetchone()
        assert distance_m is not None
        assert distance_m[0] == pytest.approx(10_001_965.7, abs=1)  # quarter meridian of WGS 84
        assert connection.info.server_version // 10_000 == int(first.version or 0)
    make_table(first)

    stopped = cluster.stop(shared_home)
    assert not stopped.running
    assert stopped.pid is None
    assert stopped.url == first.url
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stopped.url)
    assert cluster.stop(shared_home) == stopped

    assert ask(cluster.start(shared_home), "select number from kept") == 7


def test_defaults_are_private_and_survive_crashes(shared_home: Path) -> None:
    status = cluster.start(shared_home)
    for name, value in {
        "listen_addresses": "",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "jit": "off",
        "random_page_cost": "1.1",
        "max_wal_size": "2GB",
        "shared_buffers": "256MB",
        "server_encoding": "UTF8",
        "timezone": "UTC",
    }.items():
        assert (name, ask(status, f"show {name}")) == (name, value)
    assert ask(status, "select current_user || '/' || current_database()") == "mvmdb/mvmdb"
    assert ask(status, "select rolsuper from pg_roles where rolname = current_user") is True
    assert status.data_dir.parent.stat().st_mode & 0o777 == 0o700
    assert status.data_dir.stat().st_mode & 0o777 == 0o700


def test_killed_server_comes_back_with_what_was_committed(shared_home: Path) -> None:
    first = cluster.start(shared_home)
    make_table(first)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    wait_until_gone(first.pid)
    assert not cluster.status(shared_home).running
    second = cluster.start(shared_home)
    assert second.pid != first.pid
    assert ask(second, "select number from kept") == 7


@pytest.mark.parametrize("content", ["of another process", "empty"])
def test_lock_files_that_postgresql_would_believe(shared_home: Path, content: str) -> None:
    first = cluster.start(shared_home)
    owner = first.data_dir.stat()
    cluster.stop(shared_home)
    command = ["sleep", "60"]
    # PostgreSQL believes in a process of its own account only.
    as_owner = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(command, cwd="/", **as_owner) as stranger:
        text = "" if content == "empty" else f"{stranger.pid}\n{first.data_dir}\n1700000000\n5432\n"
        locks = [first.data_dir / "postmaster.pid", first.socket_dir / ".s.PGSQL.5432.lock"]
        for lock in locks:
            lock.write_text(text)
            os.chown(lock, owner.st_uid, owner.st_gid)
        second = cluster.start(shared_home)
        stranger.kill()
    assert second.running
    assert second.pid != stranger.pid


@only_linux
def test_set_up_that_was_killed_is_begun_again(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", START, str(home)], start_new_session=True) as process:
        deadline_s = time.monotonic() + 20
        while not list(home.glob("cluster/data.new-*/base")) and time.monotonic() < deadline_s:
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
    assert list(home.glob("cluster/data.new-*/base"))
    assert not cluster.status(home).data_dir.exists()
    assert ask(cluster.start(home), "select 1") == 1
    assert not list(home.glob("cluster/data.new-*"))


@only_linux
def test_home_deleted_under_a_running_server(shared_home: Path) -> None:
    first = cluster.start(shared_home)
    make_table(first)
    shutil.rmtree(shared_home)
    assert not cluster.status(shared_home).running
    second = cluster.start(shared_home)
    assert second.pid != first.pid
    assert ask(second, "select to_regclass('kept') is null") is True
    for pid in servers_of(first.data_dir):
        if pid != second.pid:  # it would notice within a minute
            os.kill(pid, signal.SIGQUIT)


@only_linux
def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    command = [sys.executable, "-c", START, str(home)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    pids = {starter.communicate(timeout=60)[0].strip() for starter in starters}
    assert {int(pid) for pid in pids} == {cluster.status(home).pid}
    assert len(servers_of(cluster.status(home).data_dir)) == 1


def test_long_home_is_reached_by_a_short_socket(home: Path) -> None:
    home.chmod(0o711)
    long = home / ("long" * 25)
    first = cluster.start(long)
    try:
        assert first.data_dir.is_relative_to(long)
        assert not first.socket_dir.is_relative_to(home)
        assert ask(cluster.status(long), "select 1") == 1
        cluster.stop(long)
        assert cluster.start(long).url == first.url
    finally:
        delete(long)


@only_root
def test_closed_home_is_opened_and_nothing_else(shared_home: Path) -> None:
    parent_mode = shared_home.parent.stat().st_mode
    cluster.stop(shared_home)
    shared_home.chmod(0o700)
    status = cluster.start(shared_home)
    assert shared_home.stat().st_mode & 0o777 == 0o701
    assert shared_home.parent.stat().st_mode == parent_mode
    assert pwd.getpwuid(status.data_dir.stat().st_uid).pw_name in {"postgres", "nobody"}


@only_root
def test_home_that_postgresql_cannot_reach(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable = Path(tempfile.mkdtemp(prefix="mvmdb-reachable-", dir="/tmp"))
    reachable.chmod(0o755)
    monkeypatch.setattr(settling, "REACHABLE_CLUSTERS", reachable / "clusters")
    inner = home / "inner"
    first = cluster.start(inner)
    try:
        assert home.stat().st_mode & 0o777 == 0o700
        assert first.data_dir.is_relative_to(reachable)
        assert str(first.data_dir.parent) in str(first.note)
        assert cluster.status(inner) == first
        make_table(first)

        shutil.rmtree(inner)  # and with it the record of the place outside
        second = cluster.start(inner)
        assert second.data_dir == first.data_dir
        assert ask(second, "select to_regclass('kept') is null") is True
        assert first.data_dir.parent.with_suffix(".old").exists()
    finally:
        delete(inner)
        shutil.rmtree(reachable)


@only_root
def test_root_runs_a_users_cluster_as_that_user(shared_home: Path) -> None:
    data_dir = cluster.start(shared_home).data_dir
    cluster.stop(shared_home)
    nobody = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", str(nobody.pw_uid), str(shared_home)], check=True)
    status = cluster.start(shared_home)
    assert Path(f"/proc/{status.pid}").stat().st_uid == nobody.pw_uid == data_dir.stat().st_uid
    assert (shared_home / "cluster.lock").stat().st_uid == nobody.pw_uid
