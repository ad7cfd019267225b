"""What every upgrade replaces: per file under ``sql/`` one view or function, or rows that mvmdb ships."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

import mvmdb
from mvmdb.errors import CatalogError

Kind = Literal["view", "function", "data"]

FOLDERS: Mapping[Kind, str] = {"view": "views", "function": "functions", "data": "data"}

_REQUIRES = re.compile(r"^-- requires: *(.*)$", re.MULTILINE)
_CREATES = re.compile(r"^(?:create (?:view|function)|insert into) (\w+)\.", re.MULTILINE)


@dataclass(frozen=True)
class SqlFile:
    """One replaceable object: the text that creates it and the objects that must stand before it."""

    kind: Kind
    schema: str
    name: str
    definition: str
    requires: tuple[str, ...]

    @property
    def key(self) -> str:
        """Folder and name, as ``-- requires:`` lines spell it: ``views/skycell``."""
        return f"{FOLDERS[self.kind]}/{self.name}"

    @property
    def sha256(self) -> str:
        """Hash of the file's text."""
        return hashlib.sha256(self.definition.encode()).hexdigest()


def packaged_directory(name: Literal["sql", "migrations"]) -> Path:
    """Return the folder of that name: inside an installed wheel, else at the top of the checkout."""
    package = Path(mvmdb.__file__).parent
    installed = package / f"_{name}"
    return installed if installed.is_dir() else package.parent / name


@cache
def sql_files() -> tuple[SqlFile, ...]:
    """Return every replaceable object in an order in which they can be created; rows last, for triggers."""
    found = {file.key: file for file in _read_all(packaged_directory("sql"))}
    order = TopologicalSorter({key: found[key].requires for key in sorted(found)}).static_order()
    return tuple(sorted((found[key] for key in order), key=lambda file: file.kind == "data"))


def _read_all(directory: Path) -> list[SqlFile]:
    return [
        _read(path, kind)
        for kind, folder in FOLDERS.items()
        for path in sorted(directory.glob(f"{folder}/*.sql"))
    ]


def _read(path: Path, kind: Kind) -> SqlFile:
    definition = path.read_text(encoding="utf-8")
    requires = tuple(
        name for line in _REQUIRES.findall(definition) for name in line.replace(",", " ").split()
    )
    return SqlFile(kind, _schema(path, definition), path.stem, definition, requires)


def _schema(path: Path, definition: str) -> str:
    """Return the schema of what a file creates: that of its first object."""
    match = _CREATES.search(definition)
    if match is None:
        raise CatalogError(f"{path}: creates no view or function of a named schema, and inserts no row")
    return match.group(1)
