"""Find the PostgreSQL that has PostGIS, or the command that installs it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mvmdb.cluster.account import run_as
from mvmdb.errors import CatalogUnreachableError
from mvmdb.settings import search_path

_SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")  # Debian and Ubuntu; Red Hat
_APPLICATIONS = (
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_PROGRAMS = ("initdb", "pg_ctl", "postgres", "pg_config")


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: its directory of programs and its major version."""

    directory: Path
    major: int
    has_postgis: bool

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.directory / name)


def candidate_binaries() -> tuple[Binaries, ...]:
    """Return every installation of PostgreSQL found here, the preferred ones first.

    The system's packages, newest first; the search path and conda; then Homebrew and Postgres.app.
    """
    on_path = (read_binaries(Path(entry)) for entry in search_path().split(os.pathsep))
    return (*_newest_first(_SYSTEM), *filter(None, on_path), *_newest_first(_APPLICATIONS))


def read_binaries(directory: Path) -> Binaries | None:
    """Return the installation whose programs are in ``directory``; None when it holds no server."""
    if not all((directory / name).exists() for name in _PROGRAMS):
        return None
    report = run_as(None, [str(directory / "pg_config"), "--version", "--sharedir"]).stdout.splitlines()
    version = re.search(r"\d+", report[0]) if len(report) == 2 else None
    if version is None:
        return None
    return Binaries(directory, int(version[0]), Path(report[1], "extension/postgis.control").exists())


def choose_binaries(candidates: Sequence[Binaries], major: int | None = None) -> Binaries:
    """Return the first installation that has PostGIS, of the version ``major`` if that is given.

    Raises
    ------
    CatalogUnreachableError
        There is none; the hint is the command that installs it.
    """
    for binaries in candidates:
        if binaries.has_postgis and major in (None, binaries.major):
            return binaries
    missing = "PostgreSQL with PostGIS is not installed"
    if major is not None:
        missing = f"PostgreSQL {major} with PostGIS, which made this private cluster, is not installed"
    raise CatalogUnreachableError(missing, hint=install_command(candidates, major))


def install_command(candidates: Sequence[Binaries], major: int | None = None) -> str:
    """Return the command that installs PostGIS here, for the newest PostgreSQL there is already."""
    if shutil.which("apt-get", path=search_path()):
        server = major or max((binaries.major for binaries in candidates), default=None)
        return f"apt-get install {f'postgresql-{server}-postgis-3' if server else 'postgresql-postgis'}"
    if sys.platform == "darwin":
        return f"brew install postgresql@{major or 17} postgis"
    return "conda install -c conda-forge postgis" + (f" postgresql={major}" if major else "")


def _newest_first(patterns: Sequence[str]) -> list[Binaries]:
    directories = (directory for pattern in patterns for directory in Path("/").glob(pattern[1:]))
    found = [binaries for directory in directories if (binaries := read_binaries(directory))]
    return sorted(found, key=lambda binaries: -binaries.major)
