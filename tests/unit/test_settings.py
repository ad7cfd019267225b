"""Settings: where each value comes from, which wins, and what a wrong one says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from mvmdb import settings
from mvmdb.errors import SettingsError
from mvmdb.settings import load_settings, search_path, server_environment


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and the current directory is empty."""
    for name in os.environ:
        if name.startswith("MVMDB_"):
            monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_everything_has_a_default(tmp_path: Path) -> None:
    chosen = load_settings()
    assert chosen.home == tmp_path / "xdg/mvmdb"
    assert chosen.products_dir == tmp_path / "xdg/mvmdb/products"
    assert chosen.database_url is None
    assert 1 <= chosen.workers <= (os.cpu_count() or 1)
    assert (chosen.max_build_output_bytes, chosen.max_build_seconds) == (None, None)


def test_memory_of_a_build_is_four_fifths_of_what_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    granted = tmp_path / "memory.max"
    monkeypatch.setattr(settings, "_CONTAINER_MEMORY_FILE", granted)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 5000}.__getitem__)
    assert load_settings().max_build_memory_bytes == 4_000_000
    granted.write_text("max\n")
    assert load_settings().max_build_memory_bytes == 4_000_000
    granted.write_text("1000000\n")
    assert load_settings().max_build_memory_bytes == 800_000


def test_limits_of_builds_take_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MVMDB_MAX_BUILD_MEMORY_BYTES", "4GiB")
    monkeypatch.setenv("MVMDB_MAX_BUILD_OUTPUT_BYTES", "10GB")
    monkeypatch.setenv("MVMDB_MAX_BUILD_SECONDS", "90")
    chosen = load_settings()
    assert chosen.max_build_memory_bytes == 4 * 2**30
    assert (chosen.max_build_output_bytes, chosen.max_build_seconds) == (10**10, 90.0)


def test_root_keeps_its_home_where_postgresql_can_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load_settings().home == Path("/var/lib/mvmdb")


@pytest.mark.parametrize("data_home", ["", "not/absolute"])
def test_xdg_data_home_counts_only_when_absolute(monkeypatch: pytest.MonkeyPatch, data_home: str) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", data_home)
    monkeypatch.setenv("HOME", "/home/edwin")
    assert load_settings().home == Path("/home/edwin/.local/share/mvmdb")


def test_workers_follow_the_cpus_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert load_settings().workers == 3


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mvmdb.toml").write_text('workers = 3\ndatabase_url = "postgresql://file/one"\n')
    monkeypatch.setenv("MVMDB_WORKERS", "7")
    chosen = load_settings()
    assert chosen.workers == 7
    assert chosen.database_url == "postgresql://file/one"


def test_file_of_home_counts_where_the_current_directory_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mvmdb.toml").write_text("workers = 5\n")
    monkeypatch.setenv("MVMDB_HOME", str(tmp_path))
    assert load_settings().workers == 5
    Path("mvmdb.toml").write_text("workers = 6\n")
    assert load_settings().workers == 6


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MVMDB_HOME", "~/sky")
    monkeypatch.setenv("MVMDB_PRODUCTS_DIR", "mosaics")
    assert load_settings().home == tmp_path / "sky"
    assert load_settings().products_dir == tmp_path / "here/mosaics"


def test_products_do_not_go_to_an_object_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MVMDB_HOME", str(tmp_path))
    assert load_settings().cache_dir == tmp_path / "cache"
    monkeypatch.setenv("MVMDB_PRODUCTS_DIR", "s3://bucket/mosaics/")
    with pytest.raises(SettingsError, match="is a URL, not a directory") as caught:
        load_settings()
    assert "products do not go to object stores" in str(caught.value.hint)


def test_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MVMDB_DATABASE_URL", "")
    assert load_settings().database_url is None


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().workers = 2


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MVMDB_WORKERS", "many", "'many'"),
        ("MVMDB_WORKERS", "0", "greater than or equal to 1"),
        ("MVMDB_COMPRESS", "perhaps", "'perhaps'.*boolean"),
        ("MVMDB_LEASE_S", "0", "greater than 0"),
        ("MVMDB_LEASE_S", "inf", "finite"),
        ("MVMDB_DATABASE_URL", "mysql://host/database", "postgresql://"),
        ("MVMDB_MAX_BUILD_MEMORY_BYTES", "much", "could not parse value"),
        ("MVMDB_MAX_BUILD_MEMORY_BYTES", "0", "greater than 0"),
        ("MVMDB_MAX_BUILD_OUTPUT_BYTES", "-1", "greater than 0|could not parse"),
        ("MVMDB_MAX_BUILD_SECONDS", "0", "greater than 0"),
        ("MVMDB_HOME", __file__, "is not a directory"),
        ("MVMDB_PRODUCTS_DIR", __file__, "is not a directory"),
    ],
)
def test_bad_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings()
    assert str(caught.value).startswith(variable)
    assert caught.value.hint is not None
    assert variable in caught.value.hint
    assert caught.value.exit_code == 2


def test_bad_url_does_not_betray_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MVMDB_DATABASE_URL", "mysql://me:opensesame@host/database")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "opensesame" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 0", "workers in .*mvmdb.toml"),
        ("wokers = 3", "wokers in .*mvmdb.toml: no such setting"),
        ("workers = x", "mvmdb.toml: .*line 1"),
    ],
)
def test_bad_file_is_named(text: str, message: str) -> None:
    Path("mvmdb.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_account_without_home_directory_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(settings.Path, "home", no_home)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "MVMDB_HOME" in str(caught.value.hint)


def test_conda_comes_after_the_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/a:/b")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert search_path() == "/a:/b"
    monkeypatch.setenv("CONDA_PREFIX", "/conda")
    assert search_path() == "/a:/b:/conda/bin"


def test_server_never_sees_settings_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGDATA", "PROJ_DATA", "PROJ_LIB", "LC_MESSAGES"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    environment = server_environment()
    assert "elsewhere" not in environment.values()
    assert environment["KEPT"] == "yes"
    assert environment["LC_ALL"] == "C"
