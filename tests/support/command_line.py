"""The real command line, run as a program of its own in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True)
class CommandLine:
    """``mvmdb`` in one MVMDB_HOME."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """More variables, like MVMDB_PRODUCTS_DIR."""

    def run(self, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command; it must end with the exit code that is expected."""
        command = [sys.executable, "-W", "error", "-m", "mvmdb_cli.app", *map(str, arguments)]
        result = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=600, check=False
        )
        assert result.returncode == expect, (
            f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        )
        return result

    def json(self, *arguments: object, expect: int = 0) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        return json.loads(self.run(*arguments, "--json", expect=expect).stdout)

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the database of this home, as a SQL user would ask it."""
        url = self.run("db", "url").stdout.strip()
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def environment(self) -> dict[str, str]:
        """Return the variables that a command runs with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MVMDB_")}
        path = os.pathsep.join(str(Path(__file__).parents[2] / name) for name in ("", "cli"))
        return {**kept, "MVMDB_HOME": str(self.home), "PYTHONPATH": path, **self.settings}


@contextmanager
def command_line() -> Iterator[CommandLine]:
    """Give a command line with an empty home; its server is stopped and its files removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="mvmdb-e2e-", dir="/tmp"))
    mvmdb = CommandLine(home)
    try:
        yield mvmdb
    finally:
        mvmdb.run("db", "stop")
        shutil.rmtree(home, ignore_errors=True)
