"""The cluster's decisions that need no PostgreSQL: which binaries, which places, which process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg.conninfo
import pytest

from mvmdb import cluster
from mvmdb.cluster import Binaries, choose_binaries, cluster_url, install_command, settling
from mvmdb.cluster.binaries import candidate_binaries, read_binaries
from mvmdb.cluster.place import Place, locate, remember
from mvmdb.cluster.server import find_server
from mvmdb.cluster.settling import fits_socket, outside_directory, settle
from mvmdb.errors import CatalogUnreachableError

DEBIAN_17 = Binaries(Path("/usr/lib/postgresql/17/bin"), 17, has_postgis=False)
DEBIAN_15 = Binaries(Path("/usr/lib/postgresql/15/bin"), 15, has_postgis=True)
CONDA_16 = Binaries(Path("/conda/bin"), 16, has_postgis=True)


def make_installation(root: Path, version: str, *, has_postgis: bool) -> Path:
    """Write the files by which an installation is recognised; return its directory of programs."""
    programs, extensions = root / "bin", root / "share/extension"
    programs.mkdir(parents=True)
    extensions.mkdir(parents=True)
    for name in ("initdb", "pg_ctl", "postgres", "pg_config"):
        script = f"#!/bin/sh\necho 'PostgreSQL {version}'\necho '{root / 'share'}'\n"
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    if has_postgis:
        (extensions / "postgis.control").touch()
    return programs


def make_program(directory: Path, name: str) -> None:
    directory.mkdir()
    (directory / name).write_text("#!/bin/sh\n")
    (directory / name).chmod(0o755)


# --- Binaries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "major"), [("15.18 (Debian 15.18-0+deb12u1)", 15), ("18beta1", 18), ("9.6.24", 9)]
)
@pytest.mark.parametrize("has_postgis", [True, False])
def test_installation_tells_version_and_postgis(
    tmp_path: Path, version: str, major: int, has_postgis: bool
) -> None:
    programs = make_installation(tmp_path, version, has_postgis=has_postgis)
    assert read_binaries(programs) == Binaries(programs, major, has_postgis)


def test_directory_of_clients_only_is_no_installation(tmp_path: Path) -> None:
    programs = make_installation(tmp_path, "15.1", has_postgis=True)
    (programs / "initdb").unlink()
    assert read_binaries(programs) is None


def test_installation_that_tells_nothing_is_none(tmp_path: Path) -> None:
    programs = make_installation(tmp_path, "15.1", has_postgis=True)
    (programs / "pg_config").write_text("#!/bin/sh\nexit 1\n")
    assert read_binaries(programs) is None


def test_search_path_and_conda_are_searched_in_this_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = make_installation(tmp_path / "first", "15.1", has_postgis=False)
    second = make_installation(tmp_path / "second", "17.1", has_postgis=True)
    conda = make_installation(tmp_path / "conda", "16.1", has_postgis=True)
    monkeypatch.setenv("PATH", f"{first}:{second}:/bin")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    found = [binaries.directory for binaries in candidate_binaries()]
    assert [directory for directory in found if tmp_path in directory.parents] == [first, second, conda]


def test_newest_without_postgis_is_passed_over() -> None:
    assert choose_binaries([DEBIAN_17, DEBIAN_15, CONDA_16]) == DEBIAN_15


def test_data_directory_asks_for_its_own_version() -> None:
    assert choose_binaries([DEBIAN_17, DEBIAN_15, CONDA_16], major=16) == CONDA_16


def test_missing_version_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "apt-get")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(CatalogUnreachableError, match="PostgreSQL 14 ") as caught:
        choose_binaries([DEBIAN_17, DEBIAN_15], major=14)
    assert caught.value.hint == "apt-get install postgresql-14-postgis-3"


@pytest.mark.parametrize(
    ("candidates", "command"),
    [
        ([], "apt-get install postgresql-postgis"),
        ([DEBIAN_17], "apt-get install postgresql-17-postgis-3"),
    ],
)
def test_debian_is_told_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, candidates: list[Binaries], command: str
) -> None:
    make_program(tmp_path / "bin", "apt-get")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(CatalogUnreachableError, match="not installed") as caught:
        choose_binaries(candidates)
    assert caught.value.hint == command


@pytest.mark.parametrize(("platform", "start"), [("darwin", "brew install "), ("linux", "conda install ")])
def test_other_systems_are_told_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, start: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert install_command([]).startswith(start)
    assert "postgis" in install_command([])
    assert "14" in install_command([], major=14)


# --- Places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("directory", ["/tmp/home/cluster", "/tmp/a b&c=d%20/ä", "/tmp/?host=x"])
def test_url_says_the_same_to_libpq(directory: str) -> None:
    understood = psycopg.conninfo.conninfo_to_dict(cluster_url(Path(directory)))
    assert understood == {"user": "mvmdb", "dbname": "mvmdb", "host": directory, "port": "5432"}


def test_socket_name_may_have_100_bytes() -> None:
    longest = Path("/" + "d" * (100 - len("/" + "/.s.PGSQL.5432")))
    assert fits_socket(longest)
    assert not fits_socket(longest.with_name(longest.name + "d"))


@pytest.mark.parametrize("directory", ["/tmp/a,b", "/tmp/a b", "/tmp/ä", '/tmp/"'])
def test_socket_directory_needs_no_quotes(directory: str) -> None:
    assert not fits_socket(Path(directory))


def test_cluster_lies_in_home_by_rule(tmp_path: Path) -> None:
    assert locate(tmp_path) == Place(tmp_path / "cluster", tmp_path / "cluster")


@pytest.mark.parametrize(
    ("cluster_dir", "socket_dir"), [("/var/lib/x", "/tmp/y"), ("/var/lib/x", "/var/lib/x"), (None, "/tmp/y")]
)
def test_exceptions_are_remembered(tmp_path: Path, cluster_dir: str | None, socket_dir: str) -> None:
    place = Place(Path(cluster_dir) if cluster_dir else tmp_path / "cluster", Path(socket_dir))
    remember(tmp_path, place)
    assert locate(tmp_path) == place


def test_home_that_moves_takes_its_cluster_along(tmp_path: Path) -> None:
    remember(tmp_path, Place(tmp_path / "cluster", Path("/tmp/y")))
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert locate(moved).cluster_dir == moved / "cluster"


def test_each_home_has_its_own_directory_outside() -> None:
    homes = [Path("/root/a"), Path("/root/b")]
    assert len({outside_directory(home) for home in homes}) == 2
    assert outside_directory(homes[0]) == outside_directory(Path("/root/a"))


def test_long_home_gets_one_short_socket_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settling, "SHORT_SOCKETS", tmp_path)
    home = tmp_path / ("long" * 25)
    home.mkdir()
    first = settle(home, None)
    assert first.cluster_dir == home / "cluster"
    assert first.socket_dir.parent == tmp_path
    assert first.socket_dir.stat().st_mode & 0o777 == 0o700
    assert settle(home, None) == first == locate(home)


@pytest.mark.parametrize("change", ["removed", "opened", "replaced"])
def test_short_socket_directory_that_others_could_use_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    monkeypatch.setattr(settling, "SHORT_SOCKETS", tmp_path)
    home = tmp_path / ("long" * 25)
    home.mkdir()
    first = settle(home, None).socket_dir
    if change == "opened":
        first.chmod(0o777)
    else:
        first.rmdir()
    if change == "replaced":
        home.chmod(0o700)
        first.symlink_to(home)
    second = settle(home, None).socket_dir
    assert second != first
    assert locate(home).socket_dir == second


def test_cluster_directory_is_private(tmp_path: Path) -> None:
    assert settle(tmp_path, None).cluster_dir.stat().st_mode & 0o777 == 0o700


# --- Status and errors ---------------------------------------------------------------------------


def test_status_of_nothing_creates_nothing(tmp_path: Path) -> None:
    found = cluster.status(tmp_path / "home")
    assert not found.running
    assert found.data_dir == tmp_path / "home/cluster/data"
    assert (found.version, found.pid, found.note) == (None, None, None)
    assert cluster.stop(tmp_path / "home") == found
    assert not (tmp_path / "home").exists()


def test_cluster_of_a_version_not_installed_is_refused(tmp_path: Path) -> None:
    data_dir = cluster.status(tmp_path).data_dir
    data_dir.mkdir(parents=True)
    (data_dir / "PG_VERSION").write_text("8\n")
    assert cluster.status(tmp_path).version == "8"
    with pytest.raises(CatalogUnreachableError, match="PostgreSQL 8 "):
        cluster.start(tmp_path)


def test_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogUnreachableError, match="file/home") as caught:
        cluster.start(tmp_path / "file/home")
    assert "MVMDB_HOME" in str(caught.value.hint)


@pytest.mark.parametrize("character", ['"', "$", "`", "\\", "\n"])
def test_home_that_a_shell_would_misread_is_refused(tmp_path: Path, character: str) -> None:
    with pytest.raises(CatalogUnreachableError, match="cannot be started"):
        cluster.start(tmp_path / f"a{character}b")


# --- Whether a server lives ----------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "cluster/data").mkdir(parents=True)
    return locate(tmp_path)


@pytest.fixture
def server_pid(place: Place) -> Iterator[int]:
    """A process that has the data directory among its arguments, as PostgreSQL's server has."""
    command = [sys.executable, "-c", "print(flush=True); input()", "-D", str(place.data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


def write_pid_file(place: Place, pid: int, *rest: str) -> None:
    lines = [str(pid), str(place.data_dir), "1700000000", "5432", *rest]
    (place.data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")


def test_no_file_no_server(place: Place) -> None:
    assert find_server(place) is None


@pytest.mark.parametrize("text", ["", "\n", "nonsense\n"])
def test_file_emptied_by_a_crash_is_no_server(place: Place, text: str) -> None:
    (place.data_dir / "postmaster.pid").write_text(text)
    assert find_server(place) is None


def test_number_of_another_process_is_no_server(place: Place) -> None:
    write_pid_file(place, os.getpid(), "/tmp/y", "", "123 456", "ready   ")
    assert find_server(place) is None


def test_number_of_a_dead_process_is_no_server(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    write_pid_file(place, process.pid, "/tmp/y", "", "123 456", "ready   ")
    assert find_server(place) is None


@pytest.mark.parametrize(
    ("rest", "is_ready"),
    [
        ((), False),
        (("/tmp/y", "", "123 456", "starting"), False),
        (("/tmp/y", "", "123 456", "ready   "), True),
        (("/tmp/y", "", "123 456", "stopping"), False),
    ],
)
def test_server_tells_whether_it_is_ready(
    place: Place, server_pid: int, rest: tuple[str, ...], is_ready: bool
) -> None:
    write_pid_file(place, server_pid, *rest)
    found = find_server(place)
    assert found is not None
    assert (found.pid, found.is_ready) == (server_pid, is_ready)
    assert found.socket_dir == (Path("/tmp/y") if rest else place.socket_dir)
