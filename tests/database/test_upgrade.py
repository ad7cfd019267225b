"""Upgrades: silent when current, whole or not at all, in step with the files; dump and restore."""

from __future__ import annotations

import multiprocessing
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from sqlalchemy import Engine, make_url, text

from mvmdb.catalog import sqlfiles
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.schema import EXTENSIONS, is_current, migration_config, schema_matches, upgrade
from mvmdb.catalog.sqlfiles import sql_files
from mvmdb.cluster import candidate_binaries
from mvmdb.errors import (
    CatalogError,
    CatalogUnreachableError,
    FrozenTessellationError,
    SchemaVersionError,
    SettingsError,
)
from mvmdb.records import ExposureFacts
from tests.support.database import empty_database, upgrade_database
from tests.support.facts import CAMERAS, aim, make_facts, rootname


def run(engine: Engine, statement: str) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql(statement)


def ask(engine: Engine, question: str) -> list[tuple[object, ...]]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def every_object(engine: Engine) -> list[tuple[object, ...]]:
    """Return the catalogue numbers of all our relations and functions: another number is another object."""
    return ask(
        engine,
        """
        select 'relation', relname::text, oid::bigint from pg_class where relnamespace = 'mvm'::regnamespace
        union all
        select 'function', proname::text, oid::bigint from pg_proc where pronamespace = 'mvm'::regnamespace
        order by 1, 2, 3""",
    )


def recorded(engine: Engine) -> list[tuple[object, ...]]:
    return ask(engine, "select identity, definition_sha256 from mvm.sql_object order by position")


def test_first_upgrade_of_an_empty_database(bare_database: str) -> None:
    engine = connect(bare_database)
    assert not is_current(engine)
    upgrade(engine)
    assert is_current(engine)
    with transaction(engine) as connection:
        assert schema_matches(connection)
    engine.dispose()


def test_upgrade_again_is_silent_and_quick(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    before = every_object(engine), recorded(engine)
    start_s = time.monotonic()
    upgrade(engine)
    assert time.monotonic() - start_s < 1
    assert (every_object(engine), recorded(engine)) == before
    assert capfd.readouterr() == ("", "")


def test_recorded_objects_are_the_files(engine: Engine) -> None:
    found = [(str(name).partition("(")[0], sha256) for name, sha256 in recorded(engine)]
    assert found == [(f"{file.schema}.{file.name}", file.sha256) for file in sql_files()]


def test_changed_file_replaces_its_object(engine: Engine) -> None:
    """As after an upgrade of mvmdb: an older definition stands in the database, with its hash."""
    run(
        engine,
        "create or replace function mvm.arcsec_of_metre(length_m double precision) returns double precision"
        " language sql immutable strict parallel safe return 0",
    )
    run(engine, "update mvm.sql_object set definition_sha256 = 'older' where identity ~ 'arcsec_of_metre'")
    with transaction(engine) as connection:
        register_exposure(connection, some_exposure(0, 10.0, 20.0))
    assert not is_current(engine)
    upgrade(engine)
    assert is_current(engine)
    assert ask(engine, "select round(mvm.arcsec_of_metre(1235500.8859374306)::numeric, 6)") == [(40000,)]
    assert ask(engine, "select count(*) > 0 from mvm.layer_member") == [(True,)]


def test_object_that_is_no_longer_in_the_files_goes(engine: Engine) -> None:
    run(engine, "create view mvm.retired as select 1 as one")
    run(
        engine,
        "insert into mvm.sql_object"
        " select max(position) + 1, 'view', 'mvm.retired', 'any' from mvm.sql_object",
    )
    upgrade(engine)
    assert ask(engine, "select to_regclass('mvm.retired') is null") == [(True,)]


def test_damaged_view_definition_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = every_object(engine), recorded(engine)
    broken = sqlfiles.SqlFile(
        "view", "mvm", "broken", "create view mvm.broken as select nothing from nowhere", ()
    )
    monkeypatch.setattr("mvmdb.catalog.schema.sql_files", lambda: (*sql_files(), broken))
    with pytest.raises(CatalogError, match='relation "nowhere" does not exist'):
        upgrade(engine)
    assert (every_object(engine), recorded(engine)) == before


OLD_BUILD = """
insert into mvm.build (
  build_id, skycell, layer, selection, recipe_sha256, recipe, parameter_set, versions, directory, host,
  process_id, outcome
) values (
  gen_random_uuid(), 'p1889x07y19', 'wfc3_ir_f160w', 'all', 'any',
  '{"parameters": {"pixfrac": 0.8, "sky": "none", "kernel": "square"}}',
  'hap pixfrac=0.8 sky=none', '{}', '/', 'any', 1, 'running'
), (
  gen_random_uuid(), 'p1889x07y19', 'wfc3_ir_f160w', 'all', 'any', '{"parameters": {}}', 'mvmdb', '{}', '/',
  'any', 1, 'running'
)"""

OLD_EXPOSURES = """
insert into mvm.exposure (
  rootname, revision, is_current, instrument, detector, filter, exptime_s, start_mjd, end_mjd, target_name,
  file_type, file_sha256, footprint, ingested_at
)
select
  'itst0001q', n, n = 2, 'wfc3', 'ir', 'f160w', 1, 55000, 55000, 'ANY', 'footprint', n::text,
  ST_GeomFromText('MULTIPOLYGON EMPTY', 104047)::geography,
  '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 day'
from (values (1), (2)) as revision (n)"""


def test_builds_and_exposures_of_an_older_schema_are_taken_over(bare_database: str) -> None:
    engine = connect(bare_database)
    for name in EXTENSIONS:
        run(engine, f"create extension if not exists {name}")
    with transaction(engine) as connection:
        connection.exec_driver_sql("create schema mvm")
        command.upgrade(migration_config(connection), "0005")
        connection.exec_driver_sql(
            "insert into spatial_ref_sys (srid, proj4text) values (104047, '+proj=longlat +R=6370997')"
            " on conflict do nothing"
        )
        connection.exec_driver_sql(OLD_BUILD)
        connection.exec_driver_sql("alter table mvm.exposure disable trigger user")
        connection.exec_driver_sql(OLD_EXPOSURES)
        connection.exec_driver_sql("alter table mvm.exposure enable trigger user")
        command.upgrade(migration_config(connection), "head")
    choices = "select parameter_set, parameter_overrides from mvm.build order by 1"
    assert ask(engine, choices) == [("hap", {"pixfrac": 0.8, "sky": "none"}), ("mvmdb", {})]
    dates = "select (standing_since at time zone 'UTC')::date::text from mvm.exposure order by revision"
    assert ask(engine, dates) == [("2026-01-03",), ("2026-01-03",)]
    with transaction(engine) as connection:
        command.downgrade(migration_config(connection), "0005")
    assert ask(engine, "select parameter_set from mvm.build order by 1") == [
        ("hap sky=none pixfrac=0.8",),
        ("mvmdb",),
    ]
    engine.dispose()


def test_stranger_that_depends_on_us_fails_loudly_and_nothing_changes(engine: Engine) -> None:
    run(engine, "create view public.my_cells as select skycell, n_exposures from mvm.layer_depth")
    run(engine, "update mvm.sql_object set definition_sha256 = 'older' where identity = 'mvm.skycell'")
    before = every_object(engine)
    with pytest.raises(
        CatalogError, match=r"cannot drop view .*layer_depth because other objects depend on it"
    ):
        upgrade(engine)
    assert every_object(engine) == before
    assert ask(engine, "select count(*) from public.my_cells") == [(0,)]
    assert ask(engine, "select skycell from mvm.skycell_at(180, 26)") == [("p1889x11y11",)]
    run(engine, "drop view public.my_cells")
    upgrade(engine)
    assert is_current(engine)


def test_newer_schema_is_refused(engine: Engine) -> None:
    run(engine, "update mvm.alembic_version set version_num = '9999'")
    for attempt in (upgrade, is_current):
        with pytest.raises(
            SchemaVersionError, match="schema revision 9999, which this version does not know"
        ) as caught:
            attempt(engine)
        assert "upgrade mvmdb" in str(caught.value.hint)


def test_other_tessellation_is_refused(engine: Engine) -> None:
    [(ours,)] = ask(engine, "select definition_sha256 from mvm.tessellation")
    run(engine, "update mvm.tessellation set definition_sha256 = 'other rings'")
    with pytest.raises(FrozenTessellationError, match="made for another tessellation") as caught:
        upgrade(engine)
    assert caught.value.differences == {"definition": ("other rings", ours)}


def test_tessellation_is_one_row(engine: Engine) -> None:
    with pytest.raises(CatalogError, match="tessellation_only_row_key"):
        run(engine, "insert into mvm.tessellation (definition_sha256) values ('second')")


def test_server_that_is_not_there() -> None:
    engine = connect("postgresql://nobody@/nothing?host=/nonexistent")
    with pytest.raises(CatalogUnreachableError, match="/nonexistent") as caught:
        upgrade(engine)
    assert "MVMDB_DATABASE_URL" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "set local statement_timeout = 10; select pg_sleep(5)",
            "canceling statement due to statement timeout",
        ),
        ("select 1 / 0", "division by zero"),
        ("select pg_terminate_backend(pg_backend_pid())", "terminating connection"),
    ],
)
def test_only_a_lost_connection_is_unreachable(engine: Engine, statement: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said) as caught:
        run(engine, statement)
    assert isinstance(caught.value, CatalogUnreachableError) == ("connection" in said)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url", "'no url' is not a database URL"),
        ("sqlite:///file", "'sqlite:///file' is not a PostgreSQL URL"),
    ],
)
def test_what_is_no_url_of_postgresql(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        connect(url)
    assert "ostgre" in str(caught.value.hint)


def test_concurrent_first_upgrades(bare_database: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mvmdb.pipeline.build"])
    processes = [context.Process(target=upgrade_database, args=(bare_database,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    engine = connect(bare_database)
    assert is_current(engine)
    assert ask(engine, "select count(*) from mvm.projection_cell") == [(2644,)]
    engine.dispose()


def programs() -> Path:
    """Return the directory of pg_dump and pg_restore, those of the newest PostgreSQL here."""
    found = [item.directory for item in candidate_binaries() if (item.directory / "pg_restore").exists()]
    if not found:
        pytest.skip("pg_dump and pg_restore are not installed here")
    return found[0]


def libpq_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


# All 1,166,004 skycells say nothing that two projection cells do not.
COMPARED = {"skycell": " where projection_cell in (0, 1889)"}


def everything(engine: Engine) -> dict[str, list[str]]:
    """Return the rows of all tables and views, as text, in an order of their own."""
    relations = ask(
        engine,
        "select relname::text from pg_class"
        " where relnamespace = 'mvm'::regnamespace and relkind in ('r', 'v')",
    )
    return {
        str(name): sorted(
            str(row[0])
            for row in ask(engine, f"select t::text from mvm.{name} as t{COMPARED.get(str(name), '')}")
        )
        for (name,) in relations
    }


def test_dump_and_restore(engine: Engine, database: str, server_url: str, tmp_path: Path) -> None:
    """A restored database has the same rows, answers the same and needs no upgrade."""
    register_some(engine)
    directory, dump = programs(), tmp_path / "mvm.dump"
    pg_dump = [directory / "pg_dump", "-Fc", "-f", dump, libpq_url(database)]
    subprocess.run(pg_dump, check=True, capture_output=True)
    with empty_database(server_url) as url:
        pg_restore = [directory / "pg_restore", "--exit-on-error", "-d", libpq_url(url), dump]
        subprocess.run(pg_restore, check=True, capture_output=True)
        restored = connect(url)
        assert everything(restored) == everything(engine)
        assert is_current(restored)
        for question in (
            "select * from mvm.skycell_at(181.0, 28.0)",
            "select * from mvm.coverage(181.0, 28.0, 3600)",
            "select * from mvm.layer_inputs('p1889x07y19', 'wfc3_ir_f160w')",
        ):
            assert ask(restored, question) == ask(engine, question) != []
        with transaction(restored) as connection:  # the trigger is in force
            register_exposure(connection, some_exposure(99, 10.0, 20.0))
        assert ask(restored, "select count(*) > 0 from mvm.layer_member where exposure = 'itst002rq'") == [
            (True,)
        ]
        restored.dispose()


def register_some(engine: Engine) -> None:
    positions = [(181.0, 28.0), (181.02, 28.0), (0.0, 0.0), (77.0, 90.0), (180.0, -90.0)]
    with transaction(engine) as connection:
        for number, position in enumerate(positions):
            register_exposure(connection, some_exposure(number, *position))


def some_exposure(number: int, ra_deg: float, dec_deg: float) -> ExposureFacts:
    footprints = aim(CAMERAS[3], ra_deg, dec_deg, 30.0, np.random.default_rng(number))
    return make_facts(rootname(number), footprints)
