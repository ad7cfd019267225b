"""Who may do what: four roles, and per table and function who may change what it holds.

Everything in the schema may be read by ``mvm_reader``. What is written is named here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from mvmdb.catalog.models import OTHER_SCHEMAS, SCHEMA

READER, INGEST, BUILDER, ADMIN = "mvm_reader", "mvm_ingest", "mvm_builder", "mvm_admin"
OWNER = "the owner of the database"

ROLES: Mapping[str, tuple[str, ...]] = {
    READER: (),
    INGEST: (READER,),
    BUILDER: (READER,),
    ADMIN: (INGEST, BUILDER),
}
"""Every role, and those whose rights it has besides its own."""

MEANINGS: Mapping[str, str] = {
    READER: "asks and plans",
    INGEST: "also ingests, loads footprints, withdraws and restores exposures",
    BUILDER: "also builds, publishes and prunes, records lost and damaged files, ends leases",
    ADMIN: "also changes parameter sets, selections, rules of exclusion and retention, pins, how products are"
    " published; rebuilds the catalogue",
}

_ALL = "insert, update, delete"

TABLE_WRITERS: Mapping[str, Mapping[str, str]] = {
    "exposure": {INGEST: "insert, update"},
    "chip": {INGEST: "insert"},
    "placement": {INGEST: _ALL},
    "extent_revision": {INGEST: _ALL},
    "ingest_failure": {INGEST: _ALL},
    "withdrawal": {INGEST: "insert, update"},
    "build": {BUILDER: "insert, update"},
    "product": {BUILDER: _ALL},
    "product_input": {BUILDER: "insert"},
    "lease": {BUILDER: _ALL},
    "engine": {BUILDER: "insert, update"},
    "parameter_set": {ADMIN: _ALL},
    "parameter_rule": {ADMIN: _ALL},
    "exclusion_rule": {ADMIN: _ALL},
    "selection": {ADMIN: _ALL},
    "selection_exclusion": {ADMIN: _ALL},
    "retention_rule": {ADMIN: _ALL},
    "publisher": {ADMIN: "insert, update"},
    "filter_band": {ADMIN: _ALL},
    # Written by upgrades alone, which are the owner's:
    "layer_scale": {},
    "projection_cell": {},
    "projection_core": {},
    "ring": {},
    "sql_object": {},
    "tessellation": {},
}
"""Per table who may change its rows, and how; every table is named."""

FUNCTION_CALLERS: Mapping[str, str] = {
    "take_lease": BUILDER,
    "renew_lease": BUILDER,
    "hold_lease": BUILDER,
    "release_lease": BUILDER,
    "pin_product": ADMIN,
    "lock_products": ADMIN,
}
"""Per function that writes who may call it; the others ask, and everybody may call them."""

SEQUENCE_USERS: Mapping[str, str] = {"lease_token_seq": BUILDER}
"""Sequences that functions draw from by name."""

_DENIED = re.compile(r"permission denied for (?P<kind>\w+) (?P<name>\w+)")


@dataclass(frozen=True)
class RoleRow:
    """A role and what it may do."""

    role: str
    """Name of the role."""
    includes: list[str]
    """Roles whose rights it has besides its own."""
    meaning: str
    """What its members may do, in words."""
    writes: list[str]
    """Tables whose rows it may change by itself, without those of the roles it includes."""


def list_roles() -> list[RoleRow]:
    """Return the roles, from the fewest rights to the most."""
    return [
        RoleRow(role, list(included), MEANINGS[role], [t for t, who in TABLE_WRITERS.items() if role in who])
        for role, included in ROLES.items()
    ]


def role_needed(message: str) -> str:
    """Return who may do what the server has just denied, from what it says."""
    found = _DENIED.search(message)
    if found is None:
        return OWNER
    kind, name = found["kind"], found["name"]
    if kind == "schema":
        return READER
    if kind == "function":
        return FUNCTION_CALLERS.get(name, READER)
    if kind == "sequence":
        return SEQUENCE_USERS.get(name, OWNER)
    return next(iter(TABLE_WRITERS.get(name, {OWNER: ""})), OWNER)


def create_roles(connection: Connection) -> None:
    """Create the roles where they are missing, and grant each its rights; the same again changes nothing.

    Roles belong to the server: somebody else may have made them, for another database.
    """
    exists = text("select exists (select from pg_roles where rolname = :role)")
    is_member = text("select pg_has_role(:role, :other, 'member')")
    for role, included in ROLES.items():
        if not connection.execute(exists, {"role": role}).scalar():
            connection.execute(text(f"create role {role} nologin"))
        for other in included:
            if not connection.execute(is_member, {"role": role, "other": other}).scalar():
                connection.execute(text(f"grant {other} to {role}"))
    grant_rights(connection)


def has_roles(connection: Connection) -> bool:
    """Return whether roles have been given rights in this database."""
    query = text(
        "select exists (select from pg_roles where rolname = :role"
        " and has_schema_privilege(oid, :schema, 'usage'))"
    )
    return bool(connection.execute(query, {"role": READER, "schema": SCHEMA}).scalar())


def grant_rights(connection: Connection) -> None:
    """Grant every role just the rights that stand here; the roles must exist."""
    for statement in _statements():
        connection.execute(text(statement))


def _statements() -> list[str]:
    everybody = ", ".join(ROLES)
    return [
        f"revoke all on all tables in schema {SCHEMA} from {everybody}",
        f"revoke all on all sequences in schema {SCHEMA} from {everybody}",
        f"grant usage on schema {SCHEMA} to {READER}",
        f"grant select on all tables in schema {SCHEMA} to {READER}",
        *(
            statement
            for schema in OTHER_SCHEMAS
            for statement in (
                f"revoke all on all tables in schema {schema} from {everybody}",
                f"grant usage on schema {schema} to {READER}",
                f"grant select on all tables in schema {schema} to {READER}",
            )
        ),
        *(
            f"grant {rights} on {SCHEMA}.{table} to {role}"
            for table, writers in TABLE_WRITERS.items()
            for role, rights in writers.items()
        ),
        *(f"grant usage on sequence {SCHEMA}.{name} to {role}" for name, role in SEQUENCE_USERS.items()),
        *(
            statement
            for name, role in FUNCTION_CALLERS.items()
            for statement in (
                f"revoke all on function {SCHEMA}.{name} from public",
                f"grant execute on function {SCHEMA}.{name} to {role}",
            )
        ),
    ]


def may_change(connection: Connection, table: str) -> bool:
    """Return whether the user of a connection may update the rows of a table."""
    query = text("select has_table_privilege(:name, 'update')")
    return bool(connection.execute(query, {"name": f"{SCHEMA}.{table}"}).scalar())
