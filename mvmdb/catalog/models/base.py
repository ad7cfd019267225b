"""What tables share: schema, names of constraints, columns that several have; and the list of SQL objects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text

SCHEMA = "mvm"
OTHER_SCHEMAS = ("ivoa",)
"""Schemas whose names standards prescribe; they hold views and functions, tables all stand in ``mvm``."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)


def column(name: str, kind: Any, *constraints: Any, comment: str, **options: Any) -> Column[Any]:
    """Return a column that is not null unless it says so: every column states its meaning and unit."""
    options.setdefault("nullable", False)
    return Column(name, kind, *constraints, comment=comment, **options)


def layer_columns() -> list[Column[Any]]:
    """Return the columns that name a layer."""
    return [
        column("skycell", Text, comment="Skycell name, like p1889x07y19"),
        column("layer", Text, comment="Layer name, like wfc3_ir_f160w_coarse"),
        column(
            "selection", Text, comment="Name of the rule of which exposures the layer takes; all = every one"
        ),
    ]


def extent_columns() -> list[Column[Any]]:
    """Return the columns of a subarray."""
    return [
        column(
            "x0", Integer, comment="First column of the common subarray, 0-based fine pixels of the skycell"
        ),
        column("y0", Integer, comment="First row of the common subarray, 0-based fine pixels of the skycell"),
        column(
            "x1", Integer, comment="Column after the last, 0-based fine pixels of the skycell (half-open)"
        ),
        column("y1", Integer, comment="Row after the last, 0-based fine pixels of the skycell (half-open)"),
    ]


sql_object = Table(
    "sql_object",
    metadata,
    column("position", Integer, primary_key=True, autoincrement=False, comment="Order of creation"),
    column("kind", Text, comment="view, function or data (rows that mvmdb ships)"),
    column("identity", Text, comment="Name, and for a function its argument types, as drop needs it"),
    column("definition_sha256", Text, comment="SHA-256 of the file that defines it"),
    comment="Views and functions created from sql/, replaced at every upgrade.",
)
