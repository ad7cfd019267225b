"""Answers as dataclasses: a row class names the columns it wants of a view or a set-returning function."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Function, Select, TableClause, column, select, table

from mvmdb.catalog.models import SCHEMA

Row = TypeVar("Row")


def columns_of(row_class: type[Any]) -> list[str]:
    """Return the names of the columns that a row class holds."""
    return [item.name for item in fields(row_class)]


def view(name: str, row_class: type[Any], *others: str) -> TableClause:
    """Return a view of schema ``mvm`` with the columns of a row class, and others to ask by."""
    names = [*columns_of(row_class), *others]
    return table(name, *(column(item) for item in names), schema=SCHEMA)


def select_view(row_class: type[Any], source: TableClause) -> Select[Any]:
    """Return the question for a row class's columns of a view."""
    return select(*(source.c[name] for name in columns_of(row_class)))


def select_function(row_class: type[Any], function: Function[Any]) -> Select[Any]:
    """Return the question for a row class's columns of a set-returning function."""
    return select(*function.table_valued(*columns_of(row_class)).columns)


def fetch(connection: Connection, row_class: type[Row], query: Select[Any]) -> list[Row]:
    """Return the rows of a question."""
    return [row_class(**row) for row in connection.execute(query).mappings()]
