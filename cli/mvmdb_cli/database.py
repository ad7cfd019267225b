"""``mvmdb db``: the private cluster and the schema."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer
from sqlalchemy.engine import make_url

from mvmdb import cluster
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.rights import create_roles, list_roles
from mvmdb.catalog.schema import is_current
from mvmdb.errors import InputError
from mvmdb.pipeline.database import database_url, open_catalog
from mvmdb.settings import Settings, load_settings
from mvmdb_cli.output import Json, print_facts, print_json, print_rows
from mvmdb_cli.session import opened

app = typer.Typer(no_args_is_help=True, help="The database: the private cluster, or MVMDB_DATABASE_URL.")


def _private_home() -> Settings:
    settings = load_settings()
    if settings.database_url is not None:
        raise InputError(
            "MVMDB_DATABASE_URL names a server that mvmdb does not manage",
            hint="unset it to use the private cluster",
        )
    return settings


@app.command()
def start(as_json: Json = False) -> None:
    """Start the private cluster, creating it where missing, and bring its schema up to date.

    Example: `mvmdb db start`
    """
    open_catalog(_private_home()).dispose()
    status(as_json)


@app.command()
def stop(as_json: Json = False) -> None:
    """Stop the private cluster.

    Example: `mvmdb db stop`
    """
    _show(asdict(cluster.stop(_private_home().home)), as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Show where the database is and whether it runs and is up to date; starts nothing.

    Example: `mvmdb db status --json`
    """
    settings = load_settings()
    if settings.database_url is not None:
        facts: dict[str, Any] = {"managed": False, "running": True, "url": _shown(settings.database_url)}
    else:
        facts = {"managed": True, **asdict(cluster.status(settings.home))}
    if facts["running"]:
        facts["schema_current"] = _schema_is_current(database_url(settings))
    _show({**facts, "products_dir": str(settings.products_dir)}, as_json)


def _schema_is_current(url: str) -> bool:
    engine = connect(url)
    try:
        return is_current(engine)
    finally:
        engine.dispose()


@app.command("upgrade")
def upgrade_schema(as_json: Json = False) -> None:
    """Bring the schema of the database up to date; every other command does so by itself.

    Example: `mvmdb db upgrade`
    """
    open_catalog(load_settings()).dispose()
    status(as_json)


@app.command()
def roles(as_json: Json = False) -> None:
    """Create the roles mvm_reader, mvm_ingest, mvm_builder and mvm_admin, and grant each its rights.

    Run it once, as the owner of the database, with the right to create roles. Upgrades renew the rights.
    Then make people members of them: `grant mvm_reader to astronomer`.

    Example: `mvmdb db roles`
    """
    with opened() as (_, engine), transaction(engine) as connection:
        create_roles(connection)
    headings = {"role": "role", "includes": "includes", "meaning": "its members", "writes": "writes"}
    print_rows(list_roles(), headings, as_json=as_json)


@app.command()
def url(as_json: Json = False) -> None:
    """Print the URL of the database, for example for psql.

    Example: `psql "$(mvmdb db url)"`
    """
    settings = load_settings()
    open_catalog(settings).dispose()
    address = database_url(settings).replace("postgresql+psycopg://", "postgresql://", 1)
    if as_json:
        print_json({"url": address})
    else:
        typer.echo(address)


def _shown(url: str) -> str:
    """Return a URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _show(facts: dict[str, Any], as_json: bool) -> None:
    printable = {
        name: value if isinstance(value, (bool, int, type(None))) else str(value)
        for name, value in facts.items()
    }
    if as_json:
        print_json(printable)
    else:
        print_facts(printable)
