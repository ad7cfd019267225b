"""The schema as a stranger finds it: complete, commented, in step with the models and the tessellation."""

from __future__ import annotations

import math

import pytest
from sqlalchemy import Connection, text

from mvmdb.catalog.models import metadata
from mvmdb.catalog.schema import EXTENSIONS, schema_matches
from mvmdb.catalog.sqlfiles import sql_files
from mvmdb.catalog.types import SKY_SRID, SPHERE_RADIUS_M
from mvmdb.names import N_PROJECTION_CELLS, N_SKYCELLS_PER_SIDE
from mvmdb.sky import tessellation
from tests.support.vectors import angle_deg, cell_centres, sky_of_cell_pixels, unit_vectors

# What issue and glossary promise to users of SQL, with the columns that they name.
PROMISED = {
    "skycell": {"skycell", "projection_cell", "x", "y"},
    "layer_member": {"skycell", "layer", "exposure"},
    "skycell_extent": {"skycell", "x0", "y0", "x1", "y1"},
    "layer_depth": {
        "skycell",
        "layer",
        "n_exposures",
        "exptime_s",
        "first_date",
        "last_date",
        "area_arcmin2",
    },
    "product_history": {"product", "revision", "state", "published_at", "superseded_at"},
    "exposure_contribution": {"exposure", "product", "revision", "state", "n_pixels", "area_arcsec2"},
    "build_log": {"build_id", "outcome", "host", "versions", "duration_s", "error"},
    "product_provenance": {
        "product",
        "skycell",
        "layer",
        "exposure",
        "chip",
        "context_plane",
        "context_bit",
        "exptime_s",
    },
}
PROMISED_OF_FUNCTIONS = {
    "mvm.pixel_inputs('a product', array[1])": {"exposure", "chip", "start_utc", "exptime_s", "weight_share"},
    "mvm.position_products(10, 20)": {"product", "x_pix", "y_pix", "x_skycell_pix", "y_skycell_pix"},
    "mvm.products_at(now())": {"product", "revision", "published_at", "superseded_at"},
    "mvm.skycell_at(10, 20)": {"skycell", "x_pix", "y_pix", "offset_deg"},
    "mvm.coverage(10, 20)": {"exposure", "instrument", "detector", "filter", "exptime_s"},
    "mvm.coverage(10, 20, 3.5)": {"exposure", "instrument", "detector", "filter", "exptime_s"},
}


def columns(connection: Connection, query: str) -> list[str]:
    return list(connection.execute(text(query)).scalars())


def test_tables_are_those_of_the_models(connection: Connection) -> None:
    assert schema_matches(connection)


def test_a_difference_from_the_models_shows(connection: Connection) -> None:
    connection.execute(text("alter table mvm.exposure drop column target_name cascade"))
    assert not schema_matches(connection)


def test_a_lost_comment_shows(connection: Connection) -> None:
    connection.execute(text("comment on column mvm.exposure.exptime_s is 'Exposure time, minutes'"))
    assert not schema_matches(connection)


def test_every_table_view_and_column_has_a_comment(connection: Connection) -> None:
    query = """
        select format('%s.%s', c.relname, a.attname)
        from pg_class as c
        left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'mvm'::regnamespace and c.relkind in ('r', 'v', 'm')
          and c.relname <> 'alembic_version'
          and (coalesce(trim(col_description(c.oid, a.attnum)), '') = ''
            or coalesce(trim(obj_description(c.oid, 'pg_class')), '') = '')"""
    assert columns(connection, query) == []
    n_relations = (
        "select count(*) from pg_class where relnamespace = 'mvm'::regnamespace and relkind in ('r', 'v')"
    )
    n_views = sum((file.kind, file.schema) == ("view", "mvm") for file in sql_files())
    assert connection.execute(text(n_relations)).scalar() == len(metadata.tables) + n_views + 1


def test_every_function_and_type_has_a_comment(connection: Connection) -> None:
    query = """
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace = 'mvm'::regnamespace and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''
        union all
        select t.typname::text from pg_type as t join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'mvm'::regnamespace and c.relkind = 'c'
          and coalesce(obj_description(t.oid, 'pg_type'), '') = ''"""
    assert columns(connection, query) == []
    n_functions = connection.execute(
        text("select count(*) from pg_proc where pronamespace = 'mvm'::regnamespace")
    ).scalar()
    n_triggers = 9
    assert (
        n_functions
        == sum((file.kind, file.schema) == ("function", "mvm") for file in sql_files()) + n_triggers
    )


def test_schema_of_the_standards_holds_our_objects_with_comments(connection: Connection) -> None:
    query = """
        select c.relname::text, obj_description(c.oid, 'pg_class')
        from pg_class as c where c.relnamespace = 'ivoa'::regnamespace and c.relkind <> 'c'
        union all
        select p.proname::text, obj_description(p.oid, 'pg_proc')
        from pg_proc as p where p.pronamespace = 'ivoa'::regnamespace"""
    found = connection.execute(text(query)).all()
    assert sorted(row[0] for row in found) == sorted(f.name for f in sql_files() if f.schema == "ivoa")
    assert all(row[1] for row in found)


def test_every_constraint_has_a_name_of_ours(connection: Connection) -> None:
    query = """
        select conname from pg_constraint
        where connamespace = 'mvm'::regnamespace and conname !~ '_(pkey|key|check|fkey|pkc)$'"""
    assert columns(connection, query) == []


@pytest.mark.parametrize("name", PROMISED)
def test_promised_views(connection: Connection, name: str) -> None:
    found = connection.execute(text(f"select * from mvm.{name} limit 0")).keys()
    assert set(found) >= PROMISED[name]


@pytest.mark.parametrize("call", PROMISED_OF_FUNCTIONS)
def test_promised_functions(connection: Connection, call: str) -> None:
    found = connection.execute(text(f"select * from {call} limit 0")).keys()
    assert set(found) >= PROMISED_OF_FUNCTIONS[call]


def test_extensions(connection: Connection) -> None:
    installed = columns(connection, "select extname from pg_extension")
    assert set(EXTENSIONS) <= set(installed)


def test_all_skycells(connection: Connection) -> None:
    assert columns(connection, "select count(*) from mvm.skycell") == [1_166_004]
    of_two_cells = "select skycell from mvm.skycell where projection_cell in (0, 2643)"
    numbers = [f"{number:02d}" for number in range(1, 22)]
    expected = {f"p{cell}x{x}y{y}" for cell in ("0000", "2643") for x in numbers for y in numbers}
    assert sorted(columns(connection, of_two_cells)) == sorted(expected)


def test_numbers_of_the_document(connection: Connection) -> None:
    row = connection.execute(text("select * from mvm.skycell where skycell = 'p1889x07y19'")).one()
    assert (row.projection_cell, row.x, row.y) == (1889, 7, 19)
    assert (row.crval_ra_deg, row.crval_dec_deg) == (180.0, 26.0)
    assert (row.crpix_x, row.crpix_y, row.n_pix) == (96492, -160812, 21954)


def test_numbers_in_sql_are_those_of_the_tessellation(connection: Connection) -> None:
    """SQL spells out what the tessellation defines: step and size, origin, pixel, radius of the sphere."""
    step, size = tessellation.SKYCELL_STEP_PIX, tessellation.SKYCELL_PIX
    first, second = (
        connection.execute(
            text("select ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b) from mvm.skycell_box(:x, :y) as b"),
            {"x": x, "y": y},
        ).one()
        for x, y in ((1, 1), (2, 3))
    )
    assert tuple(first) == (-0.5, -0.5, size - 0.5, size - 0.5)
    assert tuple(second) == (step - 0.5, 2 * step - 0.5, step + size - 0.5, 2 * step + size - 0.5)
    sides = connection.execute(
        text("select min(x), max(x), min(y), max(y), min(n_pix), max(n_pix) from mvm.skycell")
    )
    assert tuple(sides.one()) == (1, N_SKYCELLS_PER_SIDE, 1, N_SKYCELLS_PER_SIDE, size, size)

    origin = tessellation.PROJECTION_CELL_CRPIX - 1
    pixel_m = math.radians(tessellation.FINE_SCALE_ARCSEC / 3600) * SPHERE_RADIUS_M
    assert _pixel_of_plane(connection, 0.0, 0.0) == (origin, origin)
    x_pix, y_pix = _pixel_of_plane(connection, 3 * pixel_m, 2 * pixel_m)
    assert (x_pix, y_pix) == pytest.approx((origin - 3, origin + 2), abs=1e-9)

    length_m, angle_arcsec = connection.execute(
        text("select mvm.metre_of_arcsec(:a), mvm.arcsec_of_metre(:m)"), {"a": 0.04, "m": pixel_m}
    ).one()
    assert length_m == pytest.approx(pixel_m, rel=1e-14)
    assert angle_arcsec == pytest.approx(0.04, rel=1e-14)
    quarter_m = connection.execute(
        text("select ST_Distance(mvm.sky_point(0, 0), mvm.sky_point(0, 90))")
    ).scalar()
    assert quarter_m == pytest.approx(math.pi / 2 * SPHERE_RADIUS_M, rel=1e-12)


def _pixel_of_plane(connection: Connection, east_m: float, north_m: float) -> tuple[float, float]:
    """Return the pixel of a point given in metres on the tangent plane of cell 1889."""
    query = text("""
        select ST_X(pixel), ST_Y(pixel)
        from mvm.projection_cell as cell
        join mvm.ring using (ring)
        cross join lateral ST_Transform(ST_SetSRID(ST_MakePoint(:east, :north), ring.srid), :sky) as turned
        cross join lateral ST_Translate(turned, cell.ra_deg, 0) as sky
        cross join lateral mvm.cell_pixel_of_sky(sky, cell.ra_deg, ring.srid) as pixel
        where cell.projection_cell = 1889""")
    row = connection.execute(query, {"east": east_m, "north": north_m, "sky": SKY_SRID}).one()
    return (round(row[0], 9), round(row[1], 9))


def test_rows_of_the_tessellation(connection: Connection) -> None:
    assert columns(connection, "select definition_sha256 from mvm.tessellation") == [
        tessellation.definition_sha256()
    ]
    rows = connection.execute(
        text("select projection_cell, ra_deg, dec_deg from mvm.projection_cell order by projection_cell")
    ).all()
    ra_deg, dec_deg = cell_centres()
    assert len(rows) == N_PROJECTION_CELLS
    assert [row.projection_cell for row in rows] == list(range(2644))
    assert [row.ra_deg for row in rows] == pytest.approx(ra_deg.tolist(), abs=1e-12)
    assert [row.dec_deg for row in rows] == dec_deg.tolist()
    assert columns(connection, "select sum(n_cells) from mvm.ring") == [2644]


@pytest.mark.parametrize("cell", [0, 1, 1848, 1889, 1929, 2642, 2643])
def test_area_of_a_cell_is_that_of_its_skycells(connection: Connection, cell: int) -> None:
    corners = connection.execute(
        text("""
            select ST_X(p.geom) as ra_deg, ST_Y(p.geom) as dec_deg
            from mvm.projection_cell, ST_DumpPoints(area::geometry) as p
            where projection_cell = :cell order by p.path"""),
        {"cell": cell},
    ).all()[:-1]
    last = 20 * 21442 + 21954 - 0.5
    expected = sky_of_cell_pixels(cell, [-0.5, last, last, -0.5], [-0.5, -0.5, last, last])
    found = unit_vectors([row.ra_deg for row in corners], [row.dec_deg for row in corners])
    assert (angle_deg(found, unit_vectors(*expected)) * 3600 < 1e-7).all()


def test_layer_scales(connection: Connection) -> None:
    """IR and WFPC2 are combined coarse and fine, everything else fine (mvm_facts 4.1)."""
    rows = connection.execute(
        text(
            "select instrument, detector, string_agg(scale, ' ' order by scale)"
            " from mvm.layer_scale group by instrument, detector"
        )
    )
    assert {(row[0], row[1]): row[2] for row in rows} == {
        ("acs", "wfc"): "fine",
        ("acs", "hrc"): "fine",
        ("acs", "sbc"): "fine",
        ("wfc3", "uvis"): "fine",
        ("wfc3", "ir"): "coarse fine",
        ("wfpc2", "pc"): "coarse fine",
    }
