"""What the documentation shows is true: SQL runs, JSON is as described, printed tables are the tables."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
import uuid
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, func, select
from typer.testing import CliRunner

from docs.generators.json_shapes import OUTPUTS, Grid, Output
from mvmdb.catalog import builds
from mvmdb.catalog.bulk import compare_staged, merge_staged
from mvmdb.catalog.costs import find_work, record_cost
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.models import metadata
from mvmdb.catalog.staging import stage_footprints
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.database import open_catalog
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import (
    BuildUsage,
    Finding,
    FootprintChunk,
    FootprintRow,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerStatistics,
    PublishedFile,
)
from mvmdb.settings import load_settings
from mvmdb.simulate.field import demo_programme
from mvmdb.sky.grid import skycell_grid
from mvmdb_cli.app import app
from tests.support.facts import make_facts, ring_of_pixels

ROOT = Path(__file__).parents[2]
DEMO, GOODS_S, PLANNED = "p1889x07y19", "p0647x17y21", "p1322x11y03"
TABLE_ROW = {
    "obs_id": "izsm99a1q",
    "instrument_name": "WFC3/IR",
    "filters": "F160W",
    "t_min": "55000.25",
    "t_exptime": "1202.9",
    "s_region": "POLYGON ICRS 0.01 0.01 0.05 0.01 0.05 0.05 0.01 0.05",
}


def sql_examples() -> dict[str, str]:
    """Return the SQL statements of the documentation by page and number."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {
        f"{page.relative_to(ROOT)}:{number}": statement
        for page in pages
        for number, statement in enumerate(re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL), 1)
    }


EXAMPLES = sql_examples()


@pytest.fixture(scope="module")
def documented(session_engine: Engine) -> Iterator[Connection]:
    """Give a connection on which the exposures and products of the documentation are registered."""
    with session_engine.connect() as connection:
        transaction = connection.begin()
        register_demo(connection)
        register_goods_s(connection)
        plan_footprint(connection)
        for layer in ("wfc3_ir_f160w", "wfc3_ir_f160w_coarse", "acs_wfc_f850lp"):
            publish(connection, DEMO, layer)
        publish(connection, GOODS_S, "wfc3_ir_f125w_coarse")
        revise(connection)
        yield connection
        transaction.rollback()


def register_demo(connection: Connection) -> None:
    """Register the demo's programme, each exposure with one large chip around its pointing."""
    for planned in demo_programme():
        x, y = (
            int(v)
            for v in skycell_grid(SkycellName.parse(DEMO)).sky_to_pixel(planned.ra_deg, planned.dec_deg)
        )
        instrument, detector = planned.detector_name.split("/")
        facts = make_facts(
            planned.rootname,
            [ring_of_pixels(DEMO, (x - 1500, y - 1500, x + 1500, y + 1500))],
            instrument=instrument,
            detector=detector,
            filter=planned.filter.lower(),
            exptime_s=planned.exptime_s,
            start_mjd=planned.start_mjd,
            end_mjd=planned.end_mjd,
            proposal_id=planned.proposal_id,
            file_type=planned.file_type,
            wcsname=planned.wcsname,
        )
        register_exposure(connection, facts)


def register_goods_s(connection: Connection) -> None:
    """Register an exposure and a grism exposure that hold the position of the tutorial."""
    x, y = (int(v) for v in skycell_grid(SkycellName.parse(GOODS_S)).sky_to_pixel(53.0718, -27.7012))
    ring = ring_of_pixels(GOODS_S, (x - 1500, y - 1500, x + 1500, y + 1500))
    register_exposure(connection, make_facts("ib6o03n9q", [ring], filter="f125w"))
    grism = Finding("spectroscopic", "OBSTYPE = 'SPECTROSCOPIC'")
    register_exposure(connection, make_facts("ib6o23rsq", [ring], filter="g141", findings=(grism,)))


def plan_footprint(connection: Connection) -> None:
    """Record an exposure that no file tells of yet, far from the others."""
    ring = ring_of_pixels(PLANNED, (3000, 4000, 4000, 5000))
    row = FootprintRow(
        line=1,
        rootname="izsm99a1q",
        chip=None,
        instrument="wfc3",
        detector="ir",
        filter="f160w",
        exptime_s=1000.0,
        start_mjd=55000.0,
        end_mjd=55000.1,
        target_name="ANY-FIELD",
        proposal_id=11359,
        wcsname=None,
        findings=(),
        footprint=(ring,),
    )
    stage_footprints(connection, [FootprintChunk("table.csv", (row,), (), 1.0)])
    merge_staged(connection, compare_staged(connection))


def publish(connection: Connection, skycell: str, layer: str) -> None:
    """Publish a product of a layer, as a build would, without its file."""
    plan = plan_layer(connection, SkycellName.parse(skycell), LayerName.parse(layer)).plan
    nothing = np.zeros((1, 1), dtype=np.float32)
    image = LayerImage(
        LayerArrays(nothing, nothing, np.zeros((1, 1, 1), dtype=np.int32)),
        LayerStatistics(9, 0.1, 100.0, 100.0, 1.0, 1.0, 100.0, 100.0),
        tuple(InputStatistics(item.context_index, 9) for item in plan.inputs),
    )
    build_id = str(uuid.uuid4())
    file = PublishedFile(f"/products/{plan.product_name}", build_id, 1)
    builds.begin_build(connection, plan, build_id, host="tester", versions={}, directory="/products")
    builds.stage_product(connection, build_id, plan=plan, image=image, file=file, revision=1)
    work, usage = find_work(connection, plan), BuildUsage(2.0, 1.5, 200_000_000)
    record_cost(connection, build_id, engine=plan.engine, work=work, usage=usage, output_bytes=1)
    builds.publish_product(connection, build_id)


def revise(connection: Connection) -> None:
    """Register a new content of an exposure that has gone into a product."""
    ring = ring_of_pixels(GOODS_S, (9000, 100, 12000, 3100))
    register_exposure(connection, make_facts("ib6o03n9q", [ring], filter="f125w", file_sha256="other"))


def test_there_are_examples() -> None:
    assert {"README.md:5", "docs/howto/sql.md:1", "docs/tutorial.md:1"} <= set(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_sql_example_runs_and_finds_something(documented: Connection, example: str) -> None:
    result = documented.exec_driver_sql(EXAMPLES[example])
    assert result.all() if result.returns_rows else result.rowcount > 0


def test_first_examples_of_readme_answer_their_question(documented: Connection) -> None:
    coverage, depth, provenance = (EXAMPLES[f"README.md:{number}"] for number in (1, 2, 3))
    taken = [planned for planned in demo_programme() if planned.filter == "F160W"]
    exposures = {row.exposure for row in documented.exec_driver_sql(coverage)}
    assert exposures == {planned.rootname for planned in demo_programme()}
    deep = {(row.skycell, row.layer): row.exptime_s for row in documented.exec_driver_sql(depth)}
    assert deep[DEMO, "wfc3_ir_f160w"] == pytest.approx(sum(planned.exptime_s for planned in taken))
    assert {row.product for row in documented.exec_driver_sql(provenance)} == {
        f"hst_skycell-{DEMO}_wfc3_ir_f160w_all_drz.fits",
        f"hst_skycell-{DEMO}_wfc3_ir_f160w_coarse-all_drz.fits",
    }


DESCRIPTION_OF_TABLES = {
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
          pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum), obj_description(c.oid)
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'mvm'::regnamespace and c.relkind = 'r' and c.relname <> 'alembic_version'
        order by 1, 2""",
    "constraints": """
        select c.relname, o.conname, pg_get_constraintdef(o.oid)
        from pg_constraint as o
        join pg_class as c on c.oid = o.conrelid
        where o.connamespace = 'mvm'::regnamespace and c.relname <> 'alembic_version'
        order by 1, 2""",
    "indexes": """
        select tablename, indexname, indexdef
        from pg_indexes
        where schemaname = 'mvm' and tablename <> 'alembic_version'
        order by 1, 2""",
}


def description_of_tables(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        kind: [tuple(row) for row in connection.exec_driver_sql(query)]
        for kind, query in DESCRIPTION_OF_TABLES.items()
    }


def test_printed_tables_make_the_same_tables(connection: Connection) -> None:
    expected = description_of_tables(connection)
    assert len(expected["columns"]) > 80
    connection.exec_driver_sql("alter schema mvm rename to mvm_upgraded")
    connection.exec_driver_sql("create schema mvm")
    for table in metadata.sorted_tables:  # in the order of their foreign keys
        connection.exec_driver_sql((ROOT / f"sql/tables/{table.name}.sql").read_text())
    assert description_of_tables(connection) == expected


@pytest.fixture
def own_server(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands work on a database of this test's own."""
    monkeypatch.setenv("MVMDB_DATABASE_URL", database.replace("postgresql+psycopg://", "postgresql://"))
    monkeypatch.setenv("MVMDB_HOME", str(tmp_path))


def printed_by_program(*arguments: str) -> Any:
    """Return what a command prints with ``--json``, run as a program of its own."""
    command = [sys.executable, "-m", "mvmdb_cli.app", *arguments, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def printed(*arguments: object, exit_code: int = 0) -> Any:
    """Return what a command prints with ``--json``, run in this process."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def shape(command: str, case: str = "") -> Any:
    """Return what the documentation says that a command prints."""
    return next(output.shape for output in OUTPUTS if output == Output(command, output.shape, case))


def faults(value: Any, kind: Any, where: str = "") -> list[str]:
    """Return where a JSON value differs from a shape in fields or types; empty where it conforms."""
    parts = get_args(kind)
    if isinstance(kind, types.UnionType) or get_origin(kind) is Union:
        return min((faults(value, part, where) for part in parts), key=len)
    if get_origin(kind) is list and isinstance(value, list):
        return [fault for item in value for fault in faults(item, parts[0], f"{where}[]")]
    if get_origin(kind) is dict and isinstance(value, dict):
        return [fault for name, item in value.items() for fault in faults(item, parts[1], f"{where}.{name}")]
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        found = [f"{where}.{name}" for name in value.keys() ^ {field.name for field in fields(kind)}]
        known = [name for name in value if name in hints]
        return found + [
            fault for name in known for fault in faults(value[name], hints[name], f"{where}.{name}")
        ]
    right = value in parts if get_origin(kind) is Literal else is_of(value, kind)
    return [] if right else [f"{where}: {value!r} is not of {kind}"]


def is_of(value: Any, kind: Any) -> bool:
    """Return whether a JSON value is of a simple type; a number may lack a fraction, a boolean is none."""
    if kind is datetime:
        return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is {Path: str}.get(kind, kind)


def test_faults_are_found() -> None:
    grid = {"crval_deg": [1.0, 2], "crpix": [1, 2], "scale_arcsec": 0.04, "naxis": [3, 4]}
    assert faults(grid, Grid) == []
    assert faults(grid | {"more": 1}, Grid) == [".more"]
    assert faults(grid | {"naxis": [3.5, 4]}, Grid) == [".naxis[]: 3.5 is not of <class 'int'>"]
    assert faults([grid, None], list[Grid | None]) == []
    assert faults([True], list[float]) == ["[]: True is not of <class 'float'>"]


@pytest.mark.usefixtures("own_server")
def test_db_commands_print_the_json_that_is_described() -> None:
    # As programs: these commands leave their connections to the end of the process.
    for command in ("db status", "db upgrade"):
        value = printed_by_program(*command.split())
        assert faults(value, shape(command, "with MVMDB_DATABASE_URL")) == []


def running_build() -> str:
    """Record a build that runs under a lease; return its identity."""
    engine = open_catalog(load_settings())
    with transaction(engine) as connection:
        skycell, layer = SkycellName.parse(DEMO), LayerName.parse("wfc3_ir_f160w")
        connection.execute(select(func.mvm.take_lease(DEMO, str(layer), "all", "host", 1, 60.0)))
        build_id = str(uuid.uuid4())
        plan = plan_layer(connection, skycell, layer).plan
        builds.begin_build(connection, plan, build_id, host="host", versions={}, directory="/products")
    engine.dispose()
    return build_id


@pytest.mark.usefixtures("own_server")
def test_commands_print_the_json_that_is_described(tmp_path: Path) -> None:
    bad = tmp_path / "bad_flt.fits"
    bad.write_bytes(b"no FITS")
    table = tmp_path / "table.csv"
    table.write_text(f"{','.join(TABLE_ROW)}\n{','.join(TABLE_ROW.values())}\n")
    layer = "wfc3_ir_f160w_coarse"
    product = f"hst_skycell-{DEMO}_wfc3_ir_f160w_coarse-all_drz.fits"
    assert faults(printed("demo", "--small", "--workers", 1), shape("demo")) == []
    assert faults(printed("ingest", bad, exit_code=3), shape("ingest")) == []
    for command, case, arguments in [
        ("coverage", "", ["181.1186", "27.9537", "--radius", "30"]),
        ("provenance", "", [product]),
        ("provenance", "", ["izsm11a5q"]),
        ("db url", "", []),
        ("layer list", "with SKYCELL", [DEMO]),
        ("layer list", "without", []),
        ("layer plan", "", [DEMO]),
        ("layer build", "", [DEMO, layer, "--force"]),
        ("layer build", "with --dry-run", [DEMO, layer, "--dry-run"]),
        ("layer explain", "", [DEMO, layer]),
        ("selection add", "", ["early", "--until", "2100-01-01", "--exclude", "izsm11a5q"]),
        ("selection list", "", []),
        ("selection show", "", ["early"]),
        ("layer plan", "", [DEMO, layer, "--selection", "early"]),
        ("layer build", "", [DEMO, layer, "--selection", "early"]),
        ("selection change", "", ["early", "--min-exptime", "1"]),
        ("layer epochs", "", [DEMO, layer]),
        ("selection remove", "", ["early", "--force"]),
        ("status", "without SKYCELL", []),
        ("status", "without SKYCELL, with --cost", ["--cost"]),
        ("status", "with SKYCELL", [DEMO, "--check"]),
        ("verify", "", ["--quick", "--inputs"]),
        ("skycell at", "", ["181.1186", "27.9537"]),
        ("skycell show", "", [DEMO]),
        ("skycell show", "", ["p0000x01y01"]),
        ("deep", "", ["F160W", "100"]),
        ("exposure list", "", []),
        ("exposure list", "with --failed", ["--failed"]),
        ("exposure show", "", ["izsm11a5q"]),
        ("exposure withdraw", "", ["izsm11a5q", "--reason", "trailed"]),
        ("exposure withdrawals", "", []),
        ("exposure restore", "", ["izsm11a5q"]),
        ("footprint load", "", [table]),
        ("layer plan", "", [PLANNED]),
        ("preview", "", [DEMO, "--output", tmp_path / "pictures"]),
        ("product list", "", []),
        ("product show", "", [product]),
        ("product list", "with --at", ["--at", "2100-01-01"]),
        ("product history", "", [product]),
        ("product links", "", [product]),
        ("exposure contributions", "", ["izsm11a5q"]),
        ("pixel", "", ["181.1186", "27.9537", "--box", "3"]),
        ("product diff", "", [product]),
        ("product pin", "", [product, "1"]),
        ("product unpin", "", [product, "1"]),
        ("retention list", "", []),
        ("retention set", "", ["--newest", "0"]),
        ("product prune", "", ["--dry-run"]),
        ("catalog rebuild", "", [tmp_path / "products"]),
        ("build list", "", []),
        ("build release", "", [running_build()]),
        ("db roles", "", []),
    ]:
        value = printed(*command.split(), *arguments)
        assert value, command
        assert faults(value, shape(command, case)) == []


def test_private_cluster_prints_the_json_that_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MVMDB_DATABASE_URL", raising=False)
    monkeypatch.setenv("MVMDB_HOME", str(tmp_path))
    assert faults(printed("db", "stop"), shape("db stop")) == []
    stopped = printed("db", "status")
    assert "schema_current" not in stopped
    assert faults({**stopped, "schema_current": True}, shape("db status", "with the private cluster")) == []
