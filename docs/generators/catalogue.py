"""What the models and the SQL files say about the objects of our schemas; no database is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mvmdb.catalog.models import metadata
from mvmdb.catalog.sqlfiles import Kind, SqlFile, packaged_directory, sql_files

_COMMENT = re.compile(
    r"comment on (view|column|function|type) (?:mvm|ivoa)\.([\w.]+)(?:\([^)]*\))? is\s+'((?:[^']|'')*)'"
)
_SIGNATURE = re.compile(r"^create function (.*?)\s+language ", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class View:
    """A view: its comment, and the comment of each column in their order."""

    schema: str
    name: str
    comment: str
    columns: dict[str, str]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Function:
    """A function: how it is declared, its comment, and the remarks at the head of its file."""

    schema: str
    name: str
    signature: str
    comment: str
    remarks: str

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


def views() -> list[View]:
    """Return the views by name."""
    return [_view(file) for file in _files("view")]


def functions() -> list[Function]:
    """Return the functions under ``sql/`` by name."""
    return [_function(file) for file in _files("function")]


def migrated_objects() -> list[tuple[str, str, str]]:
    """Return kind, name and latest comment of the functions and types that migrations create."""
    texts = [path.read_text() for path in sorted(packaged_directory("migrations").glob("versions/*.py"))]
    latest = {(kind, name): words for text in texts for kind, name, words in _comments(text)}
    return [(kind, name, words) for (kind, name), words in latest.items()]


@cache
def column_comments() -> dict[str, dict[str, str]]:
    """Return the comments of the columns of every table and view, by the name of the relation."""
    of_views = {view.name: view.columns for view in views()}
    of_tables = {
        table.name: {column.name: column.comment or "" for column in table.columns}
        for table in metadata.sorted_tables
    }
    return of_tables | of_views


def _files(kind: Kind) -> list[SqlFile]:
    return sorted((file for file in sql_files() if file.kind == kind), key=lambda file: file.name)


def _view(file: SqlFile) -> View:
    comments = _comments(file.definition)
    columns = {name.partition(".")[2]: text for kind, name, text in comments if kind == "column"}
    return View(file.schema, file.name, _comment_on(file), columns)


def _function(file: SqlFile) -> Function:
    match = _SIGNATURE.search(file.definition)
    if match is None:
        raise ValueError(f"{file.key}: no 'create function {file.schema}. ... language'")
    return Function(file.schema, file.name, match.group(1), _comment_on(file), _remarks(file))


def _comment_on(file: SqlFile) -> str:
    return next(
        text for kind, name, text in _comments(file.definition) if (kind, name) == (file.kind, file.name)
    )


def _comments(text: str) -> list[tuple[str, str, str]]:
    return [(kind, name, words.replace("''", "'")) for kind, name, words in _COMMENT.findall(text)]


def _remarks(file: SqlFile) -> str:
    lines = [
        line.removeprefix("--").strip() for line in file.definition.splitlines() if line.startswith("--")
    ]
    return " ".join(line for line in lines if not line.startswith("requires:"))
