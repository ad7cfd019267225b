"""What each role may and may not do: tried table by table, function by function, and by the command line."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from mvmdb.catalog.engine import catalog_errors, connect, transaction
from mvmdb.catalog.models import metadata
from mvmdb.catalog.rights import (
    FUNCTION_CALLERS,
    OWNER,
    ROLES,
    TABLE_WRITERS,
    create_roles,
    role_needed,
)
from mvmdb.catalog.schema import is_current, upgrade
from mvmdb.errors import RightsError
from mvmdb.pipeline.ingest import ingest_files
from mvmdb_cli.app import app
from tests.support.exposures import SyntheticExposure

LAYER = "wfc3_ir_f160w_coarse"
DENIED = "42501"

# Rows: who; columns: what. Written by hand, not from the table of rights.
MATRIX = {
    "nobody": "",
    "mvm_reader": "ask plan",
    "mvm_ingest": "ask plan ingest footprints withdraw",
    "mvm_builder": "ask plan build release verify prune",
    "mvm_admin": "ask plan ingest footprints withdraw build release verify prune rules parameters selections"
    " leaving_out retention pins rebuild publisher",
    "owner": "ask plan ingest footprints withdraw build release verify prune rules parameters selections"
    " leaving_out retention pins rebuild publisher migrate roles",
}
ACTIONS = MATRIX["owner"].split()
NEEDED = {
    "ask": "mvm_reader",
    "plan": "mvm_reader",
    "ingest": "mvm_ingest",
    "footprints": "mvm_ingest",
    "withdraw": "mvm_ingest",
    "build": "mvm_builder",
    "release": "mvm_builder",
    "rules": "mvm_admin",
    "parameters": "mvm_admin",
    "verify": "mvm_builder",
    "prune": "mvm_builder",
    "selections": "mvm_admin",
    "leaving_out": "mvm_admin",
    "retention": "mvm_admin",
    "pins": "mvm_admin",
    "rebuild": "mvm_admin",
    "publisher": "mvm_admin",
    "migrate": OWNER,
    "roles": OWNER,
}
WRITERS_BY_HAND = {
    "mvm_reader": set[str](),
    "mvm_ingest": {"exposure", "chip", "placement", "extent_revision", "ingest_failure", "withdrawal"},
    "mvm_builder": {"build", "product", "product_input", "lease", "engine"},
}
WRITERS_BY_HAND["mvm_admin"] = (
    WRITERS_BY_HAND["mvm_ingest"]
    | WRITERS_BY_HAND["mvm_builder"]
    | {"parameter_set", "parameter_rule", "exclusion_rule"}
    | {"selection", "selection_exclusion", "retention_rule", "publisher", "filter_band"}
)


@pytest.fixture
def roles(connection: Connection) -> Connection:
    """Give a connection, rolled back afterwards, on which the roles have their rights."""
    create_roles(connection)
    return connection


def is_denied(connection: Connection, statement: str) -> bool:
    """Return whether the server refuses a statement for lack of rights; what else it says does not matter."""
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        return getattr(error.orig, "sqlstate", None) == DENIED
    finally:
        savepoint.rollback()
    return False


def names(connection: Connection, query: str) -> list[str]:
    return list(connection.execute(text(query)).scalars())


def test_rights_of_every_table_are_decided(connection: Connection) -> None:
    """Whoever adds a table says in mvmdb/catalog/rights.py who writes to it."""
    assert set(TABLE_WRITERS) == {table.name for table in metadata.tables.values()}


def test_rights_of_every_function_that_writes_are_decided(connection: Connection) -> None:
    query = (
        "select p.proname from pg_proc as p where p.pronamespace = 'mvm'::regnamespace"
        " and p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype"
    )
    assert set(names(connection, query)) == set(FUNCTION_CALLERS)


def test_functions_run_with_the_rights_of_who_calls_them(connection: Connection) -> None:
    definers = "select proname from pg_proc where pronamespace = 'mvm'::regnamespace and prosecdef"
    assert names(connection, definers) == []


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_everything(roles: Connection, role: str) -> None:
    relations = names(
        roles,
        "select oid::regclass::text from pg_class"
        " where relnamespace in ('mvm'::regnamespace, 'ivoa'::regnamespace) and relkind in ('r', 'v')",
    )
    roles.exec_driver_sql(f"set local role {role}")
    denied = [name for name in relations if is_denied(roles, f"select * from {name} limit 0")]
    assert "ivoa.obscore" in relations
    assert len(relations) > 30
    assert denied == []


@pytest.mark.parametrize("role", ROLES)
def test_functions_by_role(roles: Connection, role: str) -> None:
    calls = roles.execute(
        text(
            "select p.proname, format('select mvm.%I(%s)', p.proname, ("
            " select string_agg('null::' || format_type(t, null), ', ' order by n)"
            " from unnest(p.proargtypes) with ordinality as a (t, n)))"
            " from pg_proc as p where p.pronamespace = 'mvm'::regnamespace"
            " and p.prorettype <> 'trigger'::regtype"
        )
    ).all()
    roles.exec_driver_sql(f"set local role {role}")
    denied = {name for name, call in calls if is_denied(roles, call.replace("%", "%%"))}
    leases = {"take_lease", "renew_lease", "hold_lease", "release_lease"}
    decisions = {"pin_product", "lock_products"}
    nobody = {"mvm_admin": set[str](), "mvm_builder": decisions}
    assert denied == nobody.get(role, leases | decisions)


@pytest.mark.parametrize("role", ROLES)
def test_who_writes_to_which_table(roles: Connection, role: str) -> None:
    roles.exec_driver_sql(f"set local role {role}")
    for table in metadata.sorted_tables:
        name, column = table.name, next(iter(table.columns)).name
        expected = name in WRITERS_BY_HAND[role]
        assert is_denied(roles, f"insert into mvm.{name} default values") != expected, name
        if not expected:
            assert is_denied(roles, f"update mvm.{name} set {column} = {column} where false"), name
            assert is_denied(roles, f"delete from mvm.{name} where false"), name
        assert is_denied(roles, f"truncate mvm.{name}"), name
        assert is_denied(roles, f"drop table mvm.{name} cascade"), name


def test_nobody_changes_what_builds_were_made_of(roles: Connection) -> None:
    """Inputs of products, and chips, are written once; exposures are kept for provenance."""
    roles.exec_driver_sql("set local role mvm_admin")
    assert is_denied(roles, "update mvm.product_input set chip = 1 where false")
    assert is_denied(roles, "delete from mvm.product_input where false")
    assert is_denied(roles, "update mvm.chip set chip = 1 where false")
    assert is_denied(roles, "delete from mvm.exposure where false")
    assert is_denied(roles, "delete from mvm.build where false")


def test_role_is_told_from_what_the_server_says() -> None:
    assert role_needed("permission denied for schema mvm") == "mvm_reader"
    assert role_needed("permission denied for table exposure") == "mvm_ingest"
    assert role_needed("permission denied for function take_lease") == "mvm_builder"
    assert role_needed("permission denied for sequence lease_token_seq") == "mvm_builder"
    assert role_needed("permission denied for table tessellation") == OWNER
    assert role_needed("must be owner of view layers") == OWNER
    assert role_needed("permission denied to create role") == OWNER


def test_upgrade_renews_the_rights(engine: Engine) -> None:
    """It makes views and functions anew; without roles in force it grants nothing."""
    query = "select has_table_privilege('mvm_reader', 'mvm.layer_status', 'select')"
    with transaction(engine) as connection:
        create_roles(connection)
        connection.execute(text("delete from mvm.sql_object where identity = 'mvm.deep_layers'"))
        connection.execute(text("update mvm.sql_object set definition_sha256 = 'other' where position = 0"))
        upgraded = is_current(engine)
    assert upgraded or not is_current(engine)
    upgrade(engine)
    with transaction(engine) as connection:
        assert connection.execute(text(query)).scalar() is True
        grant = "select has_function_privilege('mvm_reader', oid, 'execute') from pg_proc"
        [taken] = connection.execute(text(f"{grant} where proname = 'take_lease'")).scalars()
        assert taken is False
        connection.execute(text("revoke usage on schema mvm from mvm_reader"))
        connection.execute(text("revoke select on all tables in schema mvm from mvm_reader"))
        connection.execute(text("update mvm.sql_object set definition_sha256 = 'other' where position = 0"))
    upgrade(engine)
    with transaction(engine) as connection:
        assert connection.execute(text(query)).scalar() is False


def test_owner_without_superuser_rights(bare_database: str) -> None:
    """Extensions by a superuser, all else by an owner who may create roles, as the how-to says."""
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    superuser = connect(bare_database)
    name = make_url(bare_database).database
    with transaction(superuser) as connection:
        for statement in (
            f"create role {owner} login createrole password 'secret'",
            f"alter database {name} owner to {owner}",
            "create extension postgis",
            "create extension btree_gist",
            "create extension citext",
            f"grant select, insert on spatial_ref_sys to {owner}",
        ):
            connection.execute(text(statement))
    login = make_url(bare_database).set(username=owner, password="secret")
    engine = connect(login.render_as_string(hide_password=False))
    upgrade(engine)
    with transaction(engine) as connection:
        create_roles(connection)
        create_roles(connection)
        definition = "update mvm.sql_object set definition_sha256 = 'other' where position = 0"
        connection.execute(text(definition))
    upgrade(engine)
    assert is_current(engine)
    engine.dispose()
    with transaction(superuser) as connection:
        connection.execute(text(f"drop owned by {owner} cascade"))
        connection.execute(text(f"alter database {name} owner to current_user"))
        connection.execute(text(f"drop role {owner}"))
    superuser.dispose()


@dataclass
class Archive:
    """A database with an exposure, and a login for each role."""

    engine: Engine
    url: str
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    suffix: str
    skycell: str
    numbers: Iterator[int]

    def url_of(self, who: str) -> str:
        """Return the URL by which somebody connects."""
        if who == "owner":
            return self.url
        login = make_url(self.url).set(username=f"{who}_{self.suffix}", password="secret")
        return login.render_as_string(hide_password=False)

    def run(self, who: str, *arguments: object) -> Result:
        """Run a command as somebody."""
        self.monkeypatch.setenv("MVMDB_DATABASE_URL", self.url_of(who))
        self.monkeypatch.setenv("MVMDB_HOME", str(self.folder))
        self.monkeypatch.setenv("MVMDB_WORKERS", "1")
        return CliRunner().invoke(app, [*map(str, arguments)])

    def sql(self, who: str, statement: str) -> None:
        """Run a statement as somebody, in a transaction that is rolled back."""
        engine = connect(self.url_of(who))
        try:
            with catalog_errors(), engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def exposure(self) -> Path:
        """Write an exposure that nobody has ingested."""
        number = next(self.numbers)
        made = SyntheticExposure(rootname=f"b6o2{number:03d}q", ra_deg=150 + number / 36000, level=1)
        return made.write(self.folder)

    def table(self) -> Path:
        """Write a table of one footprint that nobody has loaded."""
        path = self.folder / f"table{next(self.numbers)}.csv"
        path.write_text(
            "obs_id,instrument_name,filters,t_min,t_exptime,s_region\n"
            f"izsm{next(self.numbers):02d}a1q,WFC3/IR,F160W,55000.25,1202.9,"
            '"POLYGON ICRS 10.01 0.01 10.05 0.01 10.05 0.05 10.01 0.05"\n'
        )
        return path


@pytest.fixture(scope="module")
def archive(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Give an archive with roles and logins; the logins go at the end, the roles stay with the server."""
    from tests.support.database import cloned_database

    suffix = uuid.uuid4().hex[:8]
    folder = tmp_path_factory.mktemp("archive")
    with cloned_database(template_url) as url, pytest.MonkeyPatch.context() as monkeypatch:
        engine = connect(url)
        made = Archive(engine, url, folder, monkeypatch, suffix, "", itertools.count(10))
        logins = [f"{who}_{suffix}" for who in MATRIX if who != "owner"]
        with transaction(engine) as connection:
            create_roles(connection)
            for login in logins:
                connection.execute(text(f"create role {login} login password 'secret'"))
                if not login.startswith("nobody"):
                    connection.execute(text(f"grant {login.rpartition('_')[0]} to {login}"))
        assert [item.error for item in ingest_files(engine, [made.exposure()])] == [None]
        with transaction(engine) as connection:
            made.skycell = connection.execute(text("select min(skycell) from mvm.layer_member")).scalar_one()
        yield made
        with transaction(engine) as connection:
            for login in logins:
                connection.execute(text(f"drop role {login}"))
        engine.dispose()


STATEMENTS = {
    "parameters": "update mvm.parameter_rule set parameter_set = parameter_set",
    "leaving_out": "delete from mvm.selection_exclusion",
    "publisher": "update mvm.publisher set obs_collection = obs_collection",
}
"""What there is no command for, and what no command does alone."""


def built_product(archive: Archive) -> tuple[str, str]:
    """Return the name and revision of a product that is in place; its former revisions stay."""
    with transaction(archive.engine) as connection:
        connection.execute(text("update mvm.retention_rule set keep_newest = 99"))
    archive.run("owner", "layer", "build", archive.skycell, LAYER, "--force")
    with transaction(archive.engine) as connection:
        product, revision = connection.execute(
            text("select product, revision from mvm.product where state = 'current'")
        ).one()
    return product, str(revision)


def verify_returned(archive: Archive, who: str) -> Result:
    """Verify as somebody, when a file that was taken for lost is there again."""
    built_product(archive)
    with transaction(archive.engine) as connection:
        lost = "update mvm.product set file_state = 'lost' where state = 'current'"
        connection.execute(text(lost))
    return archive.run(who, "verify", archive.skycell, "--repair")


def prune_former(archive: Archive, who: str) -> Result:
    """Prune as somebody, when there is something to prune."""
    built_product(archive)
    built_product(archive)
    with transaction(archive.engine) as connection:
        connection.execute(text("update mvm.retention_rule set keep_newest = 0"))
    return archive.run(who, "product", "prune")


def attempt(archive: Archive, who: str, action: str) -> Result | None:
    """Do something as somebody; return what the command line said, None for what it has no command for."""
    commands: dict[str, Callable[[], Result]] = {
        "ask": lambda: archive.run(who, "status", archive.skycell),
        "plan": lambda: archive.run(who, "layer", "plan", archive.skycell),
        "ingest": lambda: archive.run(who, "ingest", archive.exposure()),
        "footprints": lambda: archive.run(who, "footprint", "load", archive.table()),
        "withdraw": lambda: archive.run(
            who, "exposure", "withdraw", "ib6o2010q", "--reason", "x", "--skycell", archive.skycell
        ),
        "build": lambda: archive.run(who, "layer", "build", archive.skycell, LAYER, "--force"),
        "release": lambda: archive.run(who, "build", "release", running_build(archive)),
        "verify": lambda: verify_returned(archive, who),
        "prune": lambda: prune_former(archive, who),
        "selections": lambda: archive.run(who, "selection", "add", f"of{next(archive.numbers)}"),
        "retention": lambda: archive.run(who, "retention", "set", "--newest", "0"),
        "pins": lambda: archive.run(who, "product", "pin", *built_product(archive)),
        "rebuild": lambda: archive.run(who, "catalog", "rebuild", archive.folder),
        "rules": lambda: archive.run(who, "exclusion", "set", "quad_filter", "--exclude"),
        "migrate": lambda: archive.run(who, "db", "upgrade"),
        "roles": lambda: archive.run(who, "db", "roles"),
    }
    if action in STATEMENTS:
        archive.sql(who, STATEMENTS[action])
        return None
    return commands[action]()


def running_build(archive: Archive) -> str:
    """Record a build that runs under a lease; return its identity."""
    build_id = str(uuid.uuid4())
    with transaction(archive.engine) as connection:
        layer = f"'{archive.skycell}', 'layer_of_{build_id[:8]}', 'all'"
        token = connection.execute(text(f"select mvm.take_lease({layer}, 'host', 1, 60)")).scalar_one()
        connection.execute(
            text(
                "insert into mvm.build (build_id, skycell, layer, selection, recipe_sha256, recipe,"
                " parameter_set, versions, directory, host, process_id, lease_token, outcome)"
                f" values (:build_id, {layer}, 'x', '{{}}', 'mvmdb', '{{}}', '/nowhere', 'host', 1, :token,"
                " 'running')"
            ),
            {"build_id": build_id, "token": token},
        )
    return build_id


def undo(archive: Archive) -> None:
    """Put back what actions change, and end what they began."""
    with transaction(archive.engine) as connection:
        connection.execute(
            text("update mvm.build set outcome = 'failed', finished_at = now() where outcome = 'running'")
        )
        connection.execute(text("delete from mvm.lease"))
        connection.execute(
            text("update mvm.withdrawal set restored_at = now(), restored_by = 'x' where restored_at is null")
        )


@pytest.mark.parametrize("action", [a for a in ACTIONS if a != "migrate"])
@pytest.mark.parametrize("who", MATRIX)
def test_matrix(archive: Archive, who: str, action: str) -> None:
    allowed = action in MATRIX[who].split()
    try:
        result = attempt(archive, who, action)
        error = result.exception if result is not None else None
    except RightsError as denied:
        result, error = None, denied
    undo(archive)
    if allowed:
        assert result is None or result.exit_code == 0, (result.output, error)
        assert error is None
    elif result is not None and isinstance(error, SystemExit):  # a build reports its error as a row
        assert result.exit_code == 4
        assert f"this needs {NEEDED[action] if who != 'nobody' else 'mvm_reader'}" in result.output.replace(
            "\n", " "
        )
    else:
        assert isinstance(error, RightsError)
        assert error.role == ("mvm_reader" if who == "nobody" else NEEDED[action])
        assert error.exit_code == 4
        assert error.hint is not None


@pytest.mark.parametrize("who", [who for who in MATRIX if who != "nobody"])
def test_only_the_owner_migrates(archive: Archive, who: str) -> None:
    with transaction(archive.engine) as connection:
        connection.execute(text("update mvm.sql_object set definition_sha256 = 'other' where position = 0"))
    result = attempt(archive, who, "migrate")
    assert result is not None
    if who == "owner":
        assert result.exit_code == 0
        assert is_current(archive.engine)
        return
    assert isinstance(result.exception, RightsError)
    assert result.exception.role == OWNER
    upgrade(archive.engine)


def test_reader_of_a_lost_file_records_nothing(archive: Archive) -> None:
    result = archive.run("owner", "layer", "build", archive.skycell, LAYER, "--force")
    assert result.exit_code == 0
    with transaction(archive.engine) as connection:
        [path] = connection.execute(text("select file_path from mvm.current_product")).scalars()
    Path(path).unlink()
    assert archive.run("mvm_reader", "layer", "plan", archive.skycell).exit_code == 0
    states = "select file_state from mvm.current_product"
    with transaction(archive.engine) as connection:
        assert connection.execute(text(states)).scalars().all() == ["in_place"]
    assert archive.run("mvm_builder", "layer", "plan", archive.skycell).exit_code == 0
    with transaction(archive.engine) as connection:
        assert connection.execute(text(states)).scalars().all() == ["lost"]
