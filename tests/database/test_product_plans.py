"""Questions about products stay quick among many: their plans go through indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.sqlfiles import sql_files
from tests.support.database import cloned_database

MANY = """
with built as (
  insert into mvm.build (
    build_id, skycell, layer, selection, recipe_sha256, recipe, parameter_set, versions, directory, host,
    process_id, outcome, finished_at
  )
  select
    gen_random_uuid(), mvm.skycell_name(1850 + n / 441, n % 21 + 1, n / 21 % 21 + 1), 'wfc3_ir_f160w',
    'all', n::text, '{}', 'mvmdb', '{}', '/products', 'ada', n, 'published', now()
  from generate_series(1, 20000) as n
  returning build_id, skycell, layer, selection
)
insert into mvm.product (
  build_id, product, skycell, layer, selection, revision, state, file_path, file_sha256, file_size_bytes,
  x0, y0, x1, y1, n_x_pix, n_y_pix, n_pixels_observed, coverage_fraction, mean_exptime_s, median_exptime_s,
  mean_n_exposures, median_n_exposures, mean_weight, median_weight, sky, n_sky_groups, equalisation,
  published_at
)
select
  build_id, 'hst_' || skycell || '.fits', skycell, layer, selection, 1, 'current', '/products', '', 1,
  0, 0, 21954, 21954, 21954, 21954, 1, 1, 1, 1, 1, 1, 1, 1, 'none', 0, 'none', now()
from built"""
EXPOSURES = """
insert into mvm.exposure (
  rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
  target_name, file_path, file_type, file_sha256, file_size_bytes, footprint
)
select
  'i' || lpad(n::text, 8, '0'), 1, true, 'itst00', 'wfc3', 'ir', 'f160w', 1000, 55000 + n, 55000 + n,
  'ANY', '/archive/' || n, 'flt', n::text, 1,
  ST_Multi(ST_MakeEnvelope(n * 0.01, 0, n * 0.01 + 0.03, 0.03, 104047))::geography
from generate_series(1, 4000) as n"""
CHIPS = """
insert into mvm.chip
  (exposure_id, chip, part, hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn)
select exposure_id, 1, 1, 1, 1014, 1014, 0.12825, 'ELECTRONS/S', 1 from mvm.exposure"""
INPUTS = """
insert into mvm.product_input
  (product_id, context_index, exposure_id, chip, n_pixels_contributed, sky_e_per_s_arcsec2, sky_group,
  flux_scale)
select p.product_id, k, e.exposure_id, 1, 1000, 0, 0, 1
from mvm.product as p
cross join generate_series(0, 3) as k
join mvm.exposure as e on e.rootname = 'i' || lpad(((p.product_id * 4 + k) % 4000 + 1)::text, 8, '0')"""
PRODUCT = "hst_p1889x07y19.fits"


@pytest.fixture(scope="module")
def crowded_engine(template_url: str) -> Iterator[Engine]:
    """Database with many products, and the planner told about them."""
    with cloned_database(template_url) as url:
        engine = connect(url)
        with transaction(engine) as connection:
            for statement in (MANY, EXPOSURES, CHIPS, INPUTS):
                connection.execute(text(statement))
            connection.execute(
                text("analyze mvm.build, mvm.product, mvm.product_input, mvm.exposure, mvm.chip")
            )
        yield engine
        engine.dispose()


@pytest.fixture
def crowded(crowded_engine: Engine) -> Iterator[Connection]:
    """Connection to the database with many products."""
    with transaction(crowded_engine) as connection:
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


QUESTIONS = {
    "select * from mvm.position_products(181.07, 27.9)": {"product_current_idx", "projection_cell_area_idx"},
    f"select * from mvm.pixel_inputs('{PRODUCT}', array[5])": {
        "product_product_revision_key",
    },
    "select * from mvm.exposure_contribution where exposure = 'i00000017'": {
        "product_input_exposure_id_idx",
        "product_pkey",
    },
    f"select * from mvm.exposure_contribution where product = '{PRODUCT}'": {
        "product_product_revision_key",
    },
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_plan_uses_the_indexes(crowded: Connection, question: str) -> None:
    [[answer]] = crowded.execute(text(f"explain (format json, analyze, timing off) {question}")).all()
    plan = list(nodes(answer[0]["Plan"]))
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert scanned & {"product", "product_input", "exposure", "chip", "projection_cell"} == set()
    assert QUESTIONS[question] <= {node["Index Name"] for node in plan if "Index Name" in node}
    functions = {node.get("Function Name") for node in plan} & {file.name for file in sql_files()}
    assert functions <= {"skycell_key"}, "a function that is not inlined would hide its plan"
    assert crowded.execute(text(question)).all()


def test_history_of_a_skycell_looks_at_its_own_products_only(crowded: Connection) -> None:
    """Who was superseded by whom is asked after the skycell has been picked, not before."""
    question = "select * from mvm.products_at('2100-01-01', 'p1889x07y19')"
    [[answer]] = crowded.execute(text(f"explain (format json, analyze, timing off) {question}")).all()
    [window] = [node for node in nodes(answer[0]["Plan"]) if node["Node Type"] == "WindowAgg"]
    assert window["Actual Rows"] == 1
