"""``docs/schema.md``: views, functions and tables of our schemas, from their own comments."""

from __future__ import annotations

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from mvmdb.catalog.models import metadata

from .catalogue import Function, View, functions, migrated_objects, views
from .markdown import page, table

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_INTRODUCTION = """
# The schemas `mvm` and `ivoa`

Ask the views and functions; they keep their names and columns. The tables below them hold what is stored.
Units stand in the names: `_deg`, `_arcsec`, `_pix`, `_s` (seconds), `_mjd` (modified Julian date, UTC days).
Pixels are 0-based with their centre at the integer, and boxes are half-open; only `crpix_x`, `crpix_y` count
from 1, as in FITS. Positions are ICRS. The objects of `ivoa` have the names and units of IVOA's standards.
Examples that run stand in [the how-to on SQL](howto/sql.md).
"""


def schema_page() -> str:
    """Return the page."""
    all_views, all_functions, all_tables = views(), functions(), _tables()
    return page(
        _INTRODUCTION,
        _contents(all_views, all_functions, all_tables),
        "## Views",
        *(_view_section(view) for view in all_views),
        "## Functions",
        *(_function_section(function) for function in all_functions),
        "## Tables",
        "The same as SQL, with constraints and indexes: `sql/tables/`.",
        *(_table_section(item) for item in all_tables),
        "## Made by migrations",
        table(
            ["object", "what"],
            [[f"{kind} `mvm.{name}`", comment] for kind, name, comment in migrated_objects()],
        ),
    )


def _tables() -> list[Table]:
    return sorted(metadata.sorted_tables, key=lambda item: item.name)


def _contents(all_views: list[View], all_functions: list[Function], all_tables: list[Table]) -> str:
    rows = [("view", view.full_name, view.comment) for view in all_views]
    rows += [("function", function.full_name, function.comment) for function in all_functions]
    rows += [("table", item.fullname, item.comment or "") for item in all_tables]
    linked = [[kind, f"[`{name}`](#{kind}-{name.replace('.', '')})", comment] for kind, name, comment in rows]
    return table(["kind", "name", "what"], linked)


def _view_section(view: View) -> str:
    columns = table(["column", "meaning"], [[f"`{name}`", text] for name, text in view.columns.items()])
    return f"### View {view.full_name}\n\n{view.comment}.\n\n{columns}"


def _function_section(function: Function) -> str:
    return "\n\n".join(
        [
            f"### Function {function.full_name}",
            f"{function.comment}.",
            f"```text\n{function.signature}\n```",
            function.remarks,
        ]
    )


def _table_section(item: Table) -> str:
    rows = [
        [f"`{column.name}`", _type(column), "yes" if column.nullable else "", _meaning(column)]
        for column in item.columns
    ]
    return f"### Table mvm.{item.name}\n\n{item.comment}\n\n" + table(
        ["column", "type", "null", "meaning"], rows
    )


def _type(column: Column[object]) -> str:
    return str(column.type.compile(_DIALECT)).lower().replace("float(53)", "double precision")


def _meaning(column: Column[object]) -> str:
    marks = ["primary key"] if column.primary_key else []
    marks += [f"references `{key.column.table.fullname}`" for key in column.foreign_keys]
    return f"{column.comment} ({'; '.join(marks)})" if marks else str(column.comment)
