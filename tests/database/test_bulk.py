"""Footprint tables in the catalogue: the same twice is silence, a file outranks, nothing is half loaded."""

from __future__ import annotations

import csv
import dataclasses
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from mvmdb.catalog.bulk import (
    BulkCounts,
    Rejection,
    compare_staged,
    hold_exposures,
    merge_staged,
    stream_rejections,
)
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.exposures import (
    Registration,
    find_exposure,
    list_exposures,
    list_revisions,
    register_exposure,
)
from mvmdb.catalog.layers import find_plan, list_inputs, list_layers
from mvmdb.catalog.schema import migration_config, schema_matches, upgrade
from mvmdb.catalog.staging import content_sha256, stage_footprints
from mvmdb.catalog.types import sky_polygons_ewkb, sky_polygons_ewkt
from mvmdb.errors import CatalogError, MissingFileError, TableError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import build_layer, require_files
from mvmdb.pipeline.bulk import load_footprints
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import DrizzleParameters, Finding, FootprintChunk, FootprintRow, RejectedRow
from mvmdb.sky.footprint import SkyRing
from tests.support.facts import CAMERAS, aim, make_facts, ring_of_pixels
from tests.support.footprint_tables import write_table
from tests.support.shared_data import shared_data

SKYCELL = "p1889x07y19"
LAYER = "wfc3_ir_f160w"
FIELD = ring_of_pixels(SKYCELL, (3000, 4000, 4000, 5000))
BESIDE = ring_of_pixels(SKYCELL, (5000, 4000, 6000, 5000))
ABOVE = ring_of_pixels(SKYCELL, (3000, 6000, 4000, 7000))
ELSEWHERE = ring_of_pixels("p0003x11y11", (3000, 4000, 4000, 5000))


def row(name: str, *rings: SkyRing, **changes: Any) -> FootprintRow:
    made = FootprintRow(
        line=2,
        rootname=name,
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
        footprint=rings or (FIELD,),
    )
    return dataclasses.replace(made, **changes)


def load(
    connection: Connection, *rows: FootprintRow | RejectedRow, path: str = "a.csv"
) -> tuple[BulkCounts, list[Rejection]]:
    """Merge rows as the pipeline does, one chunk per row."""
    for name in ("footprint_row", "footprint_file", "footprint_exposure", "footprint_change"):
        connection.execute(text(f"drop table if exists pg_temp.{name}"))
    stage_footprints(connection, in_chunks(rows, path))
    hold_exposures(connection)
    counts = compare_staged(connection)
    merge_staged(connection, counts)
    return counts, list(stream_rejections(connection))


def in_chunks(rows: Iterable[FootprintRow | RejectedRow], path: str) -> Iterator[FootprintChunk]:
    for item in rows:
        good = (item,) if isinstance(item, FootprintRow) else ()
        bad = (item,) if isinstance(item, RejectedRow) else ()
        yield FootprintChunk(path, good, bad, 1.0)


def ask(connection: Connection, query: str, **values: object) -> list[tuple[Any, ...]]:
    return [tuple(found) for found in connection.execute(text(query), values)]


def lit_by(connection: Connection, ring: SkyRing) -> list[str]:
    """Return the exposures that come within an arcsec of the first vertex of a ring."""
    ra_deg, dec_deg = ring[0]
    query = "select exposure from mvm.coverage(:ra_deg, :dec_deg, 1)"
    return [name for (name,) in ask(connection, query, ra_deg=ra_deg, dec_deg=dec_deg)]


def versions_of_all_rows(connection: Connection) -> list[tuple[Any, ...]]:
    """Return where and by which transaction every row was written, and how far the numbering went."""
    return ask(
        connection,
        """
        select 'exposure', ctid::text, xmin::text, xmax::text from mvm.exposure
        union all select 'chip', ctid::text, xmin::text, xmax::text from mvm.chip
        union all select 'placement', ctid::text, xmin::text, xmax::text from mvm.placement
        union all select 'number', last_value::text, '', '' from mvm.exposure_exposure_id_seq
        order by 1, 2""",
    )


def counts_of(counts: BulkCounts) -> dict[str, int]:
    """Return the counts that are not 0."""
    return {name: value for name, value in vars(counts).items() if value}


def test_footprint_is_an_exposure_without_file(connection: Connection) -> None:
    counts, rejected = load(connection, row("itst00a1q", FIELD, BESIDE, wcsname="IDC_x"))
    assert (counts_of(counts), rejected) == ({"n_rows": 1, "n_exposures": 1, "n_new": 1}, [])
    found = find_exposure(connection, "itst00a1q")
    assert (found.file_type, found.file_path, found.revision, found.filter) == ("footprint", None, 1, "f160w")
    assert ask(connection, "select visit, file_size_bytes from mvm.exposure") == [("itst00", None)]
    assert ask(connection, "select chip, part, wcsname, hdu_index, bunit from mvm.chip order by part") == [
        (1, 1, "IDC_x", None, None),
        (2, 2, "IDC_x", None, None),
    ]
    assert lit_by(connection, FIELD) == ["itst00a1q"]


def test_footprint_and_file_of_the_same_outline_are_placed_alike(connection: Connection) -> None:
    """Cameras all over the sky, RA 0 and the poles among them; files come one by one, footprints by COPY."""
    random = np.random.default_rng(8)
    places = [(0.0, 0.0), (359.999, 45.0), (180.0, -30.0), (12.0, 89.99), (200.0, -90.0), (181.0, 28.0)]
    rings = {
        f"itst{index:04d}q": aim(CAMERAS[index % len(CAMERAS)], *place, 30.0 * index, random)
        for index, place in enumerate(places * 3)
    }
    load(connection, *(row(name, *found) for name, found in rings.items()))
    query = """
        select e.rootname, p.projection_cell, ST_AsText(p.shape) from mvm.placement as p
        join mvm.exposure as e on e.exposure_id = p.exposure_id order by 1, 2"""
    from_table = ask(connection, query)
    assert len({name for name, _, _ in from_table}) == len(rings)
    for name, found in rings.items():
        assert register_exposure(connection, make_facts(name, found)) is Registration.REVISED
    assert ask(connection, query) == from_table


def test_ewkb_is_the_ewkt(connection: Connection) -> None:
    rings = (FIELD, ((359.9, -1.0), (0.1, 0.5), (180.0, 89.0)))
    query = "select ST_AsEWKT(cast(:binary as geography)) = ST_AsEWKT(cast(:words as geography))"
    values = {"binary": sky_polygons_ewkb(rings).hex(), "words": sky_polygons_ewkt(rings)}
    assert ask(connection, query, **values) == [(True,)]


def test_same_table_again_touches_no_row(connection: Connection) -> None:
    rows = [row("itst00a1q"), row("itst00a2q", BESIDE), row("itst00a3q", FIELD, BESIDE)]
    load(connection, *rows)
    before = versions_of_all_rows(connection)
    counts, _ = load(connection, *rows[::-1], path="under_another_name.csv")
    assert counts_of(counts) == {"n_rows": 3, "n_exposures": 3, "n_unchanged": 3}
    assert versions_of_all_rows(connection) == before


CHANGES: dict[str, dict[str, Any]] = {
    "footprint": {"footprint": (BESIDE,)},
    "exptime_s": {"exptime_s": 999.0},
    "filter": {"filter": "f125w"},
    "start_mjd": {"start_mjd": 54999.0},
    "end_mjd": {"end_mjd": 55001.0},
    "target_name": {"target_name": "OTHER"},
    "proposal_id": {"proposal_id": None},
    "wcsname": {"wcsname": "NEW"},
    "detector": {"detector": "uvis"},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_changed_row_is_a_new_revision(connection: Connection, changed: str) -> None:
    load(connection, row("itst00a1q"), row("itst00a2q"))
    counts, _ = load(connection, row("itst00a1q", **CHANGES[changed]), row("itst00a2q"))
    assert counts_of(counts) == {"n_rows": 2, "n_exposures": 2, "n_unchanged": 1, "n_revised": 1}
    revisions = list_revisions(connection, "itst00a1q")
    assert [(item.revision, item.is_current) for item in revisions] == [(1, False), (2, True)]
    query = """
        select count(*) from mvm.placement as p join mvm.exposure as e on e.exposure_id = p.exposure_id
        where e.rootname = 'itst00a1q' and not e.is_current"""
    assert ask(connection, query) == [(0,)]


def test_every_field_of_a_row_counts() -> None:
    plain = row("itst00a1q")
    fields = {field.name for field in dataclasses.fields(FootprintRow)} - {"line", "instrument", "chip"}
    assert fields - CHANGES.keys() == {"rootname", "findings"}
    hashes = [
        content_sha256(changed, sky_polygons_ewkb(changed.footprint))
        for changed in (plain, *(row("itst00a1q", **change) for change in CHANGES.values()))
    ]
    assert len(set(hashes)) == len(CHANGES) + 1
    moved = row("itst00a1q", line=77)
    assert content_sha256(moved, sky_polygons_ewkb(moved.footprint)) == hashes[0]


def test_former_content_comes_into_force_again(connection: Connection) -> None:
    """What the newest table says holds, though it has been said before."""
    first, second = row("itst00a1q", FIELD), row("itst00a1q", BESIDE)
    for item in (first, second, first):
        counts, _ = load(connection, item)
    assert counts_of(counts) == {"n_rows": 1, "n_exposures": 1, "n_revised": 1}
    revisions = list_revisions(connection, "itst00a1q")
    assert [(item.revision, item.is_current) for item in revisions] == [(1, True), (2, False)]
    assert len(lit_by(connection, FIELD)) == 1
    assert len(lit_by(connection, BESIDE)) == 0
    assert counts_of(load(connection, first)[0]) == {"n_rows": 1, "n_exposures": 1, "n_unchanged": 1}


def test_file_takes_the_place_of_its_footprint(connection: Connection) -> None:
    load(connection, row("itst00a1q", FIELD))
    facts = make_facts("itst00a1q", [BESIDE])
    assert register_exposure(connection, facts) is Registration.REVISED
    assert find_exposure(connection, "itst00a1q").file_path == facts.file_path
    assert len(lit_by(connection, FIELD)) == 0
    counts, _ = load(connection, row("itst00a1q", FIELD))
    assert counts_of(counts) == {"n_rows": 1, "n_exposures": 1, "n_unchanged": 1}
    assert find_exposure(connection, "itst00a1q").file_path == facts.file_path


@pytest.mark.parametrize("file_type", ["flt", "flc", "c0m", "raw"])
def test_footprint_never_outranks_a_file(connection: Connection, file_type: str) -> None:
    register_exposure(connection, make_facts("itst00a1q", [FIELD], file_type=file_type))
    before = ask(connection, "select * from mvm.placement")
    counts, _ = load(connection, row("itst00a1q", BESIDE))
    assert counts_of(counts) == {"n_rows": 1, "n_exposures": 1, "n_outranked": 1}
    assert find_exposure(connection, "itst00a1q").file_type == file_type
    assert ask(connection, "select * from mvm.placement") == before
    counts, _ = load(connection, row("itst00a1q", BESIDE))
    assert counts_of(counts) == {"n_rows": 1, "n_exposures": 1, "n_unchanged": 1}
    assert [item.is_current for item in list_revisions(connection, "itst00a1q")] == [True, False]


def test_chips_of_an_exposure_come_together_from_anywhere(connection: Connection) -> None:
    """Out of order, apart from each other, in two chunks; the polygons keep the order of the chips."""
    chips = {2: BESIDE, 4: FIELD, 1: ABOVE}
    rows = [row("itst00a1q", ring, chip=chip, wcsname=f"W{chip}") for chip, ring in chips.items()]
    counts, _ = load(connection, rows[0], row("itst00a2q"), *rows[1:])
    assert counts_of(counts) == {"n_rows": 4, "n_exposures": 2, "n_new": 2}
    query = """
        select
          c.chip, c.part, c.wcsname,
          ST_X(ST_PointN(ST_ExteriorRing(ST_GeometryN(e.footprint::geometry, c.part)), 1))
        from mvm.chip as c join mvm.exposure as e on e.exposure_id = c.exposure_id
        where e.rootname = 'itst00a1q' order by c.part"""
    found = ask(connection, query)
    assert [item[:3] for item in found] == [(1, 1, "W1"), (2, 2, "W2"), (4, 3, "W4")]
    assert [item[3] % 360 for item in found] == [chips[chip][0][0] for chip in (1, 2, 4)]
    assert find_exposure(connection, "itst00a1q").wcsname == "W1"
    again, _ = load(connection, *rows[::-1])
    assert counts_of(again) == {"n_rows": 3, "n_exposures": 1, "n_unchanged": 1}
    fewer, _ = load(connection, *rows[:2])
    assert counts_of(fewer) == {"n_rows": 2, "n_exposures": 1, "n_revised": 1}


def test_exposure_without_one_of_its_chips_is_refused_whole(connection: Connection) -> None:
    bad = RejectedRow(7, "ITST00A1Q", "itst00a1q", True, "s_region: polygon encloses no area")
    one, two = row("itst00a1q", chip=1, line=5), row("itst00a1q", BESIDE, chip=2, line=6)
    counts, rejected = load(connection, one, two, bad, row("itst00a2q", line=8))
    assert counts_of(counts) == {"n_rows": 4, "n_rejected": 3, "n_exposures": 1, "n_new": 1}
    why = "another chip of the exposure was refused, line 7"
    assert [(item.line, item.identifier, item.reason) for item in rejected] == [
        (5, "itst00a1q", why),
        (6, "itst00a1q", why),
        (7, "ITST00A1Q", bad.reason),
    ]
    assert [item.exposure for item in list_exposures(connection)] == ["itst00a2q"]


def test_refused_row_of_a_whole_exposure_leaves_another_row_of_it_alone(connection: Connection) -> None:
    bad = RejectedRow(2, "itst00a1q", "itst00a1q", False, "t_min: is missing")
    counts, _ = load(connection, bad, row("itst00a1q", line=3))
    assert counts_of(counts) == {"n_rows": 2, "n_rejected": 1, "n_exposures": 1, "n_new": 1}


@pytest.mark.parametrize("change", ["filter", "exptime_s", "start_mjd", "target_name", "detector", "end_mjd"])
def test_chips_that_disagree_are_refused(connection: Connection, change: str) -> None:
    other = row("itst00a1q", BESIDE, chip=2, line=3, **CHANGES[change])
    counts, rejected = load(connection, row("itst00a1q", chip=1), other)
    assert counts_of(counts) == {"n_rows": 2, "n_rejected": 2}
    assert {item.reason.partition(" on ")[0] for item in rejected} == {"the chips of the exposure disagree"}


def test_chips_far_apart_are_refused(connection: Connection) -> None:
    """The polygons of one exposure share tangent planes, and no plane holds more than a hemisphere."""
    far = [row("itst00a1q", chip=1), row("itst00a1q", ELSEWHERE, chip=2, line=3)]
    counts, rejected = load(connection, *far, row("itst00a2q"))
    assert counts_of(counts) == {"n_rows": 3, "n_rejected": 2, "n_exposures": 1, "n_new": 1}
    assert {item.reason for item in rejected} == {"the chips of the exposure lie more than 10 degrees apart"}


def test_whole_and_chips_of_one_exposure_are_refused(connection: Connection) -> None:
    counts, rejected = load(connection, row("itst00a1q"), row("itst00a1q", chip=1, line=3))
    assert counts_of(counts) == {"n_rows": 2, "n_rejected": 2}
    assert {item.reason for item in rejected} == {
        "the exposure stands there both as a whole and chip by chip"
    }


def test_repeated_rows(connection: Connection) -> None:
    """The first counts; one that says the same is passed over, one that says something else is refused."""
    rows = [row("itst00a1q"), row("itst00a1q", line=3), row("itst00a1q", BESIDE, line=4)]
    counts, rejected = load(connection, *rows)
    assert counts_of(counts) == {"n_rows": 3, "n_rejected": 1, "n_repeated": 1, "n_exposures": 1, "n_new": 1}
    assert rejected == [Rejection("a.csv", 4, "itst00a1q", "differs from line 2, which bears the same name")]


def test_repeated_chips(connection: Connection) -> None:
    rows = [
        row("itst00a1q", chip=1),
        row("itst00a1q", BESIDE, chip=2, line=3),
        row("itst00a1q", chip=1, line=4),
    ]
    counts, _ = load(connection, *rows)
    assert counts_of(counts) == {"n_rows": 3, "n_repeated": 1, "n_exposures": 1, "n_new": 1}
    assert ask(connection, "select count(*) from mvm.chip") == [(2,)]


def test_nothing_at_all(connection: Connection) -> None:
    counts, rejected = load(connection)
    assert (counts_of(counts), rejected) == ({}, [])


def test_only_refused_rows(connection: Connection) -> None:
    bad = [RejectedRow(line, "", None, False, "has 2 cells where the header has 9") for line in (3, 2)]
    counts, rejected = load(connection, *bad)
    assert counts_of(counts) == {"n_rows": 2, "n_rejected": 2}
    assert [item.line for item in rejected] == [2, 3]


def test_excluded_footprint_enters_no_layer(connection: Connection) -> None:
    load(connection, row("itst00a1q", findings=(Finding("spectroscopic", "FILTER = 'g102'"),)))
    assert ask(connection, "select count(*) from mvm.placement") == [(0,)]
    assert find_exposure(connection, "itst00a1q").exclusion == "spectroscopic"


def test_other_telescopes_have_coverage_and_no_layers(connection: Connection) -> None:
    name = "jw02732001001_02105_00002_nrca1"
    load(connection, row(name, instrument="nircam", detector="nrca1", filter="nc-f150w"))
    assert ask(connection, "select visit from mvm.exposure") == [(None,)]
    assert lit_by(connection, FIELD) == [name]
    assert list_layers(connection, SkycellName.parse(SKYCELL)) == []


def test_plan_says_which_inputs_have_no_file(connection: Connection) -> None:
    register_exposure(connection, make_facts("itst00a2q", [FIELD], start_mjd=54000.0, end_mjd=54000.1))
    load(connection, row("itst00a1q", FIELD, BESIDE), row("itst00a3q", BESIDE))
    inputs = list_inputs(connection, SkycellName.parse(SKYCELL), LayerName.parse(LAYER))
    assert [(item.rootname, item.chip, item.has_file) for item in inputs] == [
        ("itst00a2q", 1, True),
        ("itst00a1q", 1, False),
        ("itst00a1q", 2, False),
        ("itst00a3q", 1, False),
    ]
    assert inputs[0].file.path == "/archive/itst00a2q_flt.fits"
    with pytest.raises(MissingFileError) as caught:
        assert inputs[1].file
    assert caught.value.rootnames == ("itst00a1q",)
    task = plan_layer(connection, SkycellName.parse(SKYCELL), LayerName.parse(LAYER))
    assert task.plan.rootnames_without_file == ("itst00a1q", "itst00a3q")
    with pytest.raises(
        MissingFileError, match="2 of 3 exposures have no file yet: itst00a1q itst00a3q"
    ) as all_of_them:
        require_files(task.plan)
    assert all_of_them.value.rootnames == ("itst00a1q", "itst00a3q")
    for name, ring in (("itst00a1q", FIELD), ("itst00a3q", BESIDE)):
        register_exposure(connection, make_facts(name, [ring]))
    plan = plan_layer(connection, SkycellName.parse(SKYCELL), LayerName.parse(LAYER)).plan
    assert plan.rootnames_without_file == ()
    assert plan.recipe_sha256() != task.plan.recipe_sha256()
    require_files(plan)


def test_message_of_a_deep_layer_stays_readable(connection: Connection) -> None:
    load(connection, *(row(f"itst{k:04d}q") for k in range(80)))
    parameters = DrizzleParameters()
    names = SkycellName.parse(SKYCELL), LayerName.parse(LAYER)
    with pytest.raises(MissingFileError, match=r"80 of 80 .* and 30 more$") as caught:
        require_files(find_plan(connection, *names, parameters=parameters, parameter_set="any", engine="any"))
    assert len(caught.value.rootnames) == 80


def test_build_is_refused_and_leaves_no_trace(engine: Engine, tmp_path: Path) -> None:
    with transaction(engine) as connection:
        load(connection, row("itst00a1q"))
    with pytest.raises(MissingFileError, match="itst00a1q") as caught:
        build_layer(engine, tmp_path, SkycellName.parse(SKYCELL), LayerName.parse(LAYER))
    assert caught.value.hint is not None
    assert list(tmp_path.iterdir()) == []
    with transaction(engine) as connection:
        assert ask(connection, "select count(*) from mvm.build") == [(0,)]


def test_file_waits_for_a_merge_to_end(engine: Engine) -> None:
    """Both bring the same root name; the file comes second and takes the place of the footprint."""
    done: list[Registration] = []

    def ingest() -> None:
        with transaction(engine) as own:
            done.append(register_exposure(own, make_facts("itst00a1q", [FIELD])))

    with transaction(engine) as connection:
        stage_footprints(connection, in_chunks([row("itst00a1q")], "a.csv"))
        hold_exposures(connection)
        counts = compare_staged(connection)
        thread = threading.Thread(target=ingest)
        thread.start()
        time.sleep(0.3)
        assert done == []
        merge_staged(connection, counts)
    thread.join(timeout=20)
    assert done == [Registration.REVISED]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        found = list(rows)
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return path


def table_row(number: int, **changes: Any) -> dict[str, Any]:
    region = " ".join(f"{ra!r} {dec!r}" for ra, dec in FIELD)
    made = {"obs_id": f"itst{number:04d}q", "instrument": "WFC3/IR", "filter": "F160W", "exptime": 100}
    return {**made, "t_min": 55000, "s_region": f"POLYGON ICRS {region}", **changes}


def n_exposures(engine: Engine) -> int:
    with transaction(engine) as connection:
        return len(list_exposures(connection))


def test_broken_second_table_leaves_nothing_of_the_first(engine: Engine, tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", map(table_row, range(5)))
    for name, content in (("cut.csv", good.read_bytes() + b"\xff"), ("other.csv", b"a,b\n1,2\n")):
        broken = tmp_path / name
        broken.write_bytes(content)
        with pytest.raises(TableError, match=name):
            load_footprints(engine, [good, broken])
        assert n_exposures(engine) == 0
    with pytest.raises(UnknownObjectError, match="nowhere"):
        load_footprints(engine, [good, tmp_path / "nowhere.csv"])
    assert counts_of(load_footprints(engine, [good])) == {"n_rows": 5, "n_exposures": 5, "n_new": 5}


@pytest.mark.parametrize("stage", ["read", "compare"])
def test_lost_connection_leaves_nothing(engine: Engine, tmp_path: Path, stage: str) -> None:
    table = write(tmp_path / "good.csv", map(table_row, range(5000)))
    end_others = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    def cut(what: str, _: float) -> None:
        if what == stage:
            other = connect(engine.url.render_as_string(hide_password=False))
            with transaction(other) as connection:
                connection.execute(text(end_others))
            other.dispose()

    with pytest.raises(CatalogError):
        load_footprints(engine, [table], on_progress=cut)
    assert n_exposures(engine) == 0


def test_dry_run_counts_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", [*map(table_row, range(5)), table_row(9, s_region="CIRCLE ICRS 1 2")])
    rejected: list[Rejection] = []
    counts = load_footprints(engine, [table], dry_run=True, on_rejection=rejected.append)
    assert counts_of(counts) == {"n_rows": 6, "n_rejected": 1, "n_exposures": 5, "n_new": 5}
    assert [(item.file_path, item.line, item.identifier) for item in rejected] == [
        (str(table), 7, "itst0009q")
    ]
    assert n_exposures(engine) == 0


def test_progress_goes_through_all_stages(engine: Engine, tmp_path: Path) -> None:
    tables = [write(tmp_path / f"{k}.csv", map(table_row, range(3000 * k, 3000 * k + 3000))) for k in (0, 1)]
    told: list[tuple[str, float]] = []
    load_footprints(engine, tables, on_progress=lambda *what: told.append(what))
    assert list(dict.fromkeys(stage for stage, _ in told)) == ["read", "compare", "merge"]
    read = [fraction for stage, fraction in told if stage == "read"]
    assert read == sorted(read)
    assert len(read) == 4
    assert read[-1] == told[-1][1] == 1.0


def test_many_footprints_beyond_180_degrees(engine: Engine, tmp_path: Path) -> None:
    """PostGIS gives notice of every longitude beyond 180, and thousands of notices hang a COPY."""
    table = tmp_path / "a.csv"
    write_table(table, 20_000)
    start_s = time.monotonic()
    counts = load_footprints(engine, [table])
    assert time.monotonic() - start_s < 120
    assert counts_of(counts) == {"n_rows": 20_000, "n_exposures": 20_000, "n_new": 20_000}
    with transaction(engine) as connection:
        (limits,) = ask(
            connection,
            "select min(ST_XMin(footprint::geometry)) < -170, max(ST_XMax(footprint::geometry)) > 170,"
            " (select count(distinct exposure_id) from mvm.placement) from mvm.exposure",
        )
        before = versions_of_all_rows(connection)
    assert limits == (True, True, 20_000)
    assert counts_of(load_footprints(engine, [table])) == {
        "n_rows": 20_000,
        "n_exposures": 20_000,
        "n_unchanged": 20_000,
    }
    with transaction(engine) as connection:
        assert versions_of_all_rows(connection) == before


def test_real_tables(engine: Engine) -> None:
    """Archives repeat themselves: one exposure under several products, and not always in the same words."""
    hubble = shared_data("footprints/hst_hdrtab_exposures.csv")
    webb = shared_data("footprints/jwst_imaging_s_region.csv.gz")
    counts = load_footprints(engine, [hubble, webb])
    assert (counts.n_rows, counts.n_new, counts.n_exposures) == (179 + 17_626, 104 + 12_626, 104 + 12_626)
    assert counts.n_rejected + counts.n_repeated == 2 + 17_626 - 12_626
    with transaction(engine) as connection:
        (chips,) = ask(
            connection,
            "select count(*) from mvm.chip join mvm.exposure using (exposure_id)"
            " where instrument in ('acs', 'wfc3')",
        )
        assert chips == (177,)
        assert len(list_layers(connection, SkycellName.parse("p0294x16y17"))) == 4
    again = load_footprints(engine, [webb, hubble])
    assert (again.n_unchanged, again.n_rejected) == (counts.n_exposures, counts.n_rejected)


def test_downgrade_removes_footprints_and_upgrade_lets_them_in_again(engine: Engine) -> None:
    with transaction(engine) as connection:
        load(connection, row("itst00a1q"))
        register_exposure(connection, make_facts("itst00a2q", [FIELD]))
        command.downgrade(migration_config(connection), "0003")
        assert ask(connection, "select rootname from mvm.exposure") == [("itst00a2q",)]
        assert not schema_matches(connection)
    upgrade(engine)
    with transaction(engine) as connection:
        assert schema_matches(connection)
        load(connection, row("itst00a1q"))


@pytest.mark.parametrize(
    "change",
    [
        "update mvm.exposure set file_path = '/a' where file_type = 'footprint'",
        "update mvm.exposure set file_path = null, file_size_bytes = null where file_type = 'flt'",
        "update mvm.chip set hdu_index = 1 where bunit is null",
        "update mvm.chip set bunit = null where bunit is not null",
    ],
)
def test_file_facts_are_there_all_or_none(connection: Connection, change: str) -> None:
    load(connection, row("itst00a1q"))
    register_exposure(connection, make_facts("itst00a2q", [FIELD]))
    with pytest.raises(IntegrityError, match="check"):
        connection.execute(text(change))
