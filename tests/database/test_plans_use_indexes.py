"""The questions stay quick among many exposures: their plans go through the spatial indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.sqlfiles import sql_files
from tests.support.database import cloned_database

N_EXPOSURES = 20_000
CROWDED = "p1889x07y19"
"""One field in ten lies around this skycell."""

# As ingest writes them, without the trip through Python: square footprints of 2 arcmin, all over the sky.
MANY_EXPOSURES = """
with centre as (
  select
    n,
    case when n % 10 = 0 then -178.93 + 0.05 * (random() - 0.5) else 359 * random() - 179.5 end as lon,
    case when n % 10 = 0 then 27.9 + 0.05 * (random() - 0.5)
      else degrees(asin(1.98 * random() - 0.99)) end as lat
  from generate_series(1, :n) as n
), square as (
  select n, ST_MakeEnvelope(-width_deg, -1 / 60.0, width_deg, 1 / 60.0, 104047) as shape, lon, lat
  from centre
  cross join lateral (select 1 / 60.0 / cosd(lat) as width_deg) as stretched
)
insert into mvm.exposure (
  rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
  target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
)
select
  'i' || lpad(n::text, 8, '0'), 1, true, 'itst00', 'wfc3', 'ir', 'f160w', 1000, 55000 + n, 55000 + n,
  'ANY', '/archive/' || n, 'flt', n::text, 1, ST_Multi(ST_Translate(shape, lon, lat))::geography
from square"""

CHIPS = """
insert into mvm.chip
  (exposure_id, chip, part, hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn)
select exposure_id, 1, 1, 1, 1014, 1014, 0.12825, 'ELECTRONS/S', 1 from mvm.exposure"""


PRODUCTS = """
with built as (
  insert into mvm.build (
    build_id, skycell, layer, selection, recipe_sha256, recipe, parameter_set, versions, directory, host,
    process_id, outcome, finished_at
  )
  select
    gen_random_uuid(), :skycell, layer, 'all', layer, '{"parameters": {}, "engine": "older"}', 'mvmdb', '{}',
    '/products', 'builder', 1, 'published', now()
  from (values ('wfc3_ir_f160w'), ('wfc3_ir_f160w_coarse')) as layer (layer)
  returning build_id, skycell, layer, selection
), made as (
  insert into mvm.product (
    build_id, product, skycell, layer, selection, revision, state, file_path, file_sha256, file_size_bytes,
    x0, y0, x1, y1, n_x_pix, n_y_pix, n_pixels_observed, coverage_fraction, mean_exptime_s, median_exptime_s,
    mean_n_exposures, median_n_exposures, mean_weight, median_weight, sky, n_sky_groups, equalisation,
    published_at
  )
  select
    build_id, layer, skycell, layer, selection, 1, 'current', '/products/' || layer, layer, 1,
    0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 'none', 0, 'none', now()
  from built
  returning product_id
)
insert into mvm.product_input (
  product_id, context_index, exposure_id, chip, n_pixels_contributed, sky_e_per_s_arcsec2, sky_group,
  flux_scale
)
select product_id, exposure_id, exposure_id, 1, 1, 0, 0, 1
from made cross join mvm.exposure where exposure_id % 20 = 0"""


@pytest.fixture(scope="module")
def crowded_engine(template_url: str) -> Iterator[Engine]:
    """Database with many exposures, and the planner told about them."""
    with cloned_database(template_url) as url:
        engine = connect(url)
        with transaction(engine) as connection:
            connection.execute(text("select setseed(0.5)"))
            connection.execute(text(MANY_EXPOSURES), {"n": N_EXPOSURES})
            connection.execute(text(CHIPS))
            connection.execute(text(PRODUCTS), {"skycell": CROWDED})
            connection.execute(text("analyze mvm.exposure, mvm.placement, mvm.chip, mvm.product_input"))
        yield engine
        engine.dispose()


@pytest.fixture
def crowded(crowded_engine: Engine) -> Iterator[Connection]:
    """Connection to the database with many exposures."""
    with transaction(crowded_engine) as connection:
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def explain(connection: Connection, question: str) -> list[dict[str, Any]]:
    """Return the nodes of the plan of a question."""
    [[answer]] = connection.execute(text(f"explain (format json, analyze, timing off) {question}")).all()
    return list(nodes(answer[0]["Plan"]))


PLACEMENT, FOOTPRINT, AREA = (
    "placement_projection_cell_shape_idx",
    "exposure_footprint_idx",
    "projection_cell_area_idx",
)
OF_EXPOSURE, HISTORY = "placement_pkey", "extent_revision_pkey"

POSITIONS = """
select w.n, count(*)
from (select n, 359.0 * n / 1000 as ra_deg, n / 20.0 - 25 as dec_deg from generate_series(1, 1000) as n) as w
join mvm.exposure as e on ST_Intersects(e.footprint, mvm.sky_point(w.ra_deg, w.dec_deg))
where e.is_current and e.exclusion is null
group by w.n"""

FOR_OTHER_SELECTIONS = {"selection_changes", "selection_depth"}
"""Not inlined, so that questions about ``all`` do not pay for them; mvm.layer_members is asked by itself."""

BY_EXPOSURE = "select skycell from mvm.skycell_member where exposure_id = 7"
UNION_AREA = "select mvm.union_area_deg2(array[7, 8, 9])"

QUESTIONS = {
    f"select * from mvm.skycell_extent('{CROWDED}')": PLACEMENT,
    f"select * from mvm.layer_members('{CROWDED}')": PLACEMENT,
    f"select * from mvm.layer_members('{CROWDED}', 'early')": PLACEMENT,
    f"select * from mvm.layer_inputs('{CROWDED}', 'wfc3_ir_f160w', 'early')": PLACEMENT,
    f"select * from mvm.layer_statuses('{CROWDED}', 'early')": PLACEMENT,
    f"select * from mvm.selection_cost('early', '{CROWDED}')": PLACEMENT,
    f"select * from mvm.layer_epochs('{CROWDED}', 'wfc3_ir_f160w')": PLACEMENT,
    f"select * from mvm.layer_depths('{CROWDED}')": PLACEMENT,
    f"select * from mvm.layers('{CROWDED}')": PLACEMENT,
    f"select * from mvm.layer_statuses('{CROWDED}')": PLACEMENT,
    f"select * from mvm.layer_changes('{CROWDED}', 'wfc3_ir_f160w')": PLACEMENT,
    "select * from mvm.layer_members('p0400x03y05')": PLACEMENT,
    f"select * from mvm.layer_inputs('{CROWDED}', 'wfc3_ir_f160w')": PLACEMENT,
    "select * from mvm.layer_inputs('p0400x03y05', 'wfc3_ir_f160w')": PLACEMENT,
    "select * from mvm.layer_member where projection_cell = 1889 and x = 7 and y = 19": PLACEMENT,
    "select * from mvm.skycell_extent where projection_cell = 1889 and x = 7 and y = 19": PLACEMENT,
    "select * from mvm.coverage(181.07, 27.9)": FOOTPRINT,
    "select * from mvm.coverage(10, -30)": FOOTPRINT,
    "select * from mvm.coverage(10, -30, 60)": FOOTPRINT,
    "select * from mvm.skycell_at(181.07, 27.9)": AREA,
    "select * from mvm.skycell_at(10, -30)": AREA,
    "select * from mvm.primary_skycell(181.07, 27.9)": AREA,
    "select * from mvm.primary_skycell(0, 90)": AREA,
    "select * from mvm.coverage_in(mvm.sky_box(181.07, 27.9, 60, 60))": FOOTPRINT,
    "select * from mvm.coverage_in(mvm.sky_polygon(array[359.9, 1, 0.1, 1, 0, 1.2]))": FOOTPRINT,
    "select * from mvm.depth_at(181.07, 27.9)": FOOTPRINT,
    "select * from mvm.depth_at(10, -30)": FOOTPRINT,
    "select * from mvm.layers('p0400x03y05')": PLACEMENT,
    "select * from mvm.layer_exclusions('p0400x03y05', 'wfc3_ir_f160w')": FOOTPRINT,
    "select * from mvm.deep_layers('f160w', 2000, 'p0400x03y05')": PLACEMENT,
    "select * from mvm.exposure_overlap('p0400x03y05')": PLACEMENT,
    "select * from mvm.exposure_overlap('p0400x03y05', 'wfc3_ir_f160w')": PLACEMENT,
    f"select * from mvm.skycell_footprints('{CROWDED}')": PLACEMENT,
    f"select * from mvm.skycell_footprints('{CROWDED}', 'wfc3_ir_f160w')": PLACEMENT,
    f"select * from mvm.footprint_polygons('{CROWDED}')": PLACEMENT,
    BY_EXPOSURE: OF_EXPOSURE,
    "select * from mvm.skycell_extent_history where projection_cell = 1889 and x = 7 and y = 19": HISTORY,
    POSITIONS: FOOTPRINT,
}


# These show no plan of their own: they are called, not inlined.
CALLED = (UNION_AREA, "select mvm.primary_region('p1889x07y19')")


def large_tables(question: str) -> set[str]:
    """Return the tables that a question may not read from end to end.

    Where the exposure is given, reading the 2,644 projection cells is the short way to its one or two.
    """
    is_by_exposure = question in (BY_EXPOSURE, UNION_AREA)
    return {"exposure", "placement", "chip", *(() if is_by_exposure else ("projection_cell",))}


@pytest.mark.parametrize("question", QUESTIONS)
def test_plan_uses_the_spatial_index(crowded: Connection, question: str) -> None:
    plan = explain(crowded, question)
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert scanned & large_tables(question) == set()
    used = {node["Index Name"] for node in plan if "Index Name" in node}
    assert QUESTIONS[question] in used
    # A function that is not inlined would hide its plan.
    hidden = {node.get("Function Name") for node in plan} & {file.name for file in sql_files()}
    assert hidden <= FOR_OTHER_SELECTIONS


# What the tables themselves count, whatever the plan says; a prepared statement sends integers as int2.
SCANS = "select relname, coalesce(seq_scan, 0) from pg_stat_xact_user_tables where schemaname = 'mvm'"


@pytest.mark.parametrize("question", [*QUESTIONS, *CALLED])
def test_no_table_is_read_from_end_to_end(crowded: Connection, question: str) -> None:
    before = dict(tuple(row) for row in crowded.execute(text(SCANS)))
    crowded.execute(text(question)).all()
    after = dict(tuple(row) for row in crowded.execute(text(SCANS)))
    assert [name for name in large_tables(question) if after[name] > before[name]] == []


def test_plan_with_integers_of_the_client(crowded: Connection) -> None:
    """psycopg sends small numbers as int2, which GiST has no operator for beside int4."""
    before = dict(tuple(row) for row in crowded.execute(text(SCANS)))
    raw = crowded.connection.driver_connection
    assert raw is not None
    query = "select count(*) from mvm.layer_member where projection_cell = %s and x = %s and y = %s"
    with raw.cursor() as cursor:
        plan = cursor.execute(f"explain (format json, analyze) {query}", (1889, 7, 19)).fetchone()[0][0][
            "Plan"
        ]
    after = dict(tuple(row) for row in crowded.execute(text(SCANS)))
    assert after["placement"] == before["placement"]
    [scan] = [node for node in nodes(plan) if node.get("Index Name") == PLACEMENT]
    assert "projection_cell" in scan["Index Cond"]
    assert "shape" in scan["Index Cond"]


def test_there_is_something_to_find(crowded: Connection) -> None:
    """The plans above are those of answers with many rows."""
    query = text("select n_changes from mvm.layer_statuses(:skycell)")
    assert all(n > 900 for n in crowded.execute(query, {"skycell": CROWDED}).scalars())
    count = "select count(*) from mvm.layer_members(:skycell) where layer = 'wfc3_ir_f160w'"
    assert crowded.execute(text(count), {"skycell": CROWDED}).scalar_one() > N_EXPOSURES / 20
    assert crowded.execute(text("select count(*) from mvm.coverage(181.07, 27.9)")).scalar_one() > 50


ROWS_READ = """
select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
from pg_stat_xact_user_tables where schemaname = 'mvm'"""

ONE_MORE = """
insert into mvm.exposure (
  rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
  target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
)
select
  'one more', 1, true, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
  target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
from mvm.exposure where exposure_id = 7"""

CHANGES = {
    "new": ONE_MORE,
    "retired": "update mvm.exposure set is_current = false where exposure_id = 7",
    "moved": "update mvm.exposure set file_path = '/elsewhere' where exposure_id = 7",
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_exposure_touches_few_rows(crowded: Connection, change: str) -> None:
    """Its placements and the history of its extents, however many others there are."""
    undone = crowded.begin_nested()
    before = dict(tuple(row) for row in crowded.execute(text(ROWS_READ)))
    for _ in range(2):  # plans are made the first time and kept
        again = crowded.begin_nested()
        crowded.execute(text(CHANGES[change]))
        again.rollback()
    after = dict(tuple(row) for row in crowded.execute(text(ROWS_READ)))
    undone.rollback()
    for name in ("exposure", "placement", "extent_revision"):
        assert after[name] - before[name] < 100, name
