"""``sql/tables/*.sql``: every table as the SQL that would create it, printed from the models."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement, SetColumnComment, SetTableComment

from mvmdb.catalog.models import metadata

_HEADER = "-- Printed from mvmdb/catalog/models; do not edit.\n"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def table_files() -> dict[str, str]:
    """Return the text of each file by the name of its table."""
    return {table.name: _table_file(table) for table in metadata.sorted_tables}


def _table_file(table: Table) -> str:
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    parts = [
        [_definition(CreateTable(table))],
        [_definition(CreateIndex(index)) for index in indexes],
        [_comment("table", table.fullname, SetTableComment(table))]
        + [_comment("column", f"{table.fullname}.{c.name}", SetColumnComment(c)) for c in table.columns],
    ]
    return "\n".join([_HEADER, *("\n".join(part) + "\n" for part in parts if part)])


def _definition(statement: DDLElement) -> str:
    """Return a statement in lower case, which holds because no literal in a definition has capitals."""
    lines = [line.rstrip() for line in _compiled(statement).replace("\t", "  ").splitlines()]
    return "\n".join(lines).lower().replace("float(53)", "double precision") + ";"


def _comment(kind: str, name: str, statement: DDLElement) -> str:
    words = _compiled(statement).partition(" IS ")[2]
    return f"comment on {kind} {name} is {words};"


def _compiled(statement: DDLElement) -> str:
    return str(statement.compile(dialect=_DIALECT)).strip()
