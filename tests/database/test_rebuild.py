"""The catalogue lost and made again from product files: every column that a file can tell is the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits
from sqlalchemy import text

from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.withdrawals import withdraw_exposure
from mvmdb.errors import InputError
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import ParameterChoice
from mvmdb.pipeline.rebuild import RebuildReport, list_candidates, rebuild_catalog
from mvmdb.pipeline.verify import Scope, verify
from tests.database.test_builds import LAYER, OTHER_LAYER, Site, site
from tests.database.test_retention import keep
from tests.support.database import cloned_database

__all__ = ["site"]

# Numbers of rows are the database's own; times are known to the second of the beginning of the build.
COSTS = (
    "n_input_pixels n_output_pixels n_context_planes n_threads wall_s cpu_s peak_memory_bytes output_bytes"
)
"""What a build took, which its file does not say."""
BUILDS = (
    "select to_jsonb(b) - array['started_at', 'finished_at', 'lease_token', 'engine']"
    f" - string_to_array('{COSTS}', ' ') from mvm.build as b order by b.build_id"
)
PRODUCTS = (
    "select to_jsonb(p) - array['product_id', 'published_at'] from mvm.product as p order by p.build_id"
)
INPUTS = (
    "select p.build_id::text, to_jsonb(i) - array['product_id', 'exposure_id'], e.rootname, e.file_sha256"
    " from mvm.product_input as i join mvm.product as p on p.product_id = i.product_id"
    " join mvm.exposure as e on e.exposure_id = i.exposure_id order by 1, i.context_index"
)
STATUSES = "select skycell, layer, status, reasons, parameter_set, parameter_overrides from mvm.layer_status"


@pytest.fixture
def empty(site: Site, template_url: str) -> Iterator[Site]:
    """The same files with another catalogue that knows nothing."""
    with cloned_database(template_url) as url:
        engine = connect(url)
        yield replace(site, engine=engine)
        engine.dispose()


def rebuild(site: Site, *, dry_run: bool = False) -> RebuildReport:
    return rebuild_catalog(site.engine, list_candidates(site.products_dir), dry_run=dry_run)


def ingest_all(site: Site) -> None:
    files = [str(path) for path in sorted(site.exposures_dir.rglob("*.fits"))]
    assert all(result.error is None for result in ingest_files(site.engine, files))


def build_some(site: Site) -> None:
    """Two layers, one with three revisions of which the first is pruned, one with parameters of its own."""
    site.build()
    site.build(force=True)
    site.add(2)
    site.build()
    choice = ParameterChoice(overrides={"pixfrac": 0.1 + 0.2, "sky": "match"})
    build_layer(site.engine, site.products_dir, site.skycell, OTHER_LAYER, choice=choice)


def lacks(report: RebuildReport) -> list[tuple[str, str]]:
    return [(lack.kind, lack.name) for lack in report.not_restored]


def test_rows_are_those_that_were_lost(site: Site, empty: Site) -> None:
    build_some(site)
    ingest_all(empty)
    [(pruned,)] = site.rows("select build_id::text from mvm.product where file_state = 'pruned'")
    report = rebuild(empty)
    assert lacks(report) == [("revision", str(site.plan().product_name))]
    assert "revision 1 has no usable file here" in report.not_restored[0].detail
    coarse, fine = (str(site.plan(layer).product_name) for layer in (LAYER, OTHER_LAYER))
    assert [(item.product, item.revision, item.state) for item in report.restored] == [
        (coarse, 2, "superseded"),
        (coarse, 3, "current"),
        (fine, 1, "current"),
    ]
    for query in (BUILDS, PRODUCTS, INPUTS):
        before = [row for row in site.rows(query) if str(pruned) not in str(row)]
        assert empty.rows(query) == before != []
    assert empty.rows(STATUSES) == site.rows(STATUSES)
    assert {row[2] for row in empty.rows(STATUSES) if row[0] == str(site.skycell)} == {"current"}
    [(seconds,)] = site.rows("select max(extract(epoch from finished_at - started_at)) from mvm.build")
    offsets = "select build_id::text, extract(epoch from started_at)::float from mvm.build"
    started = {str(row[0]): row[1] for row in site.rows(offsets)}
    for build_id, moment in empty.rows(offsets):
        assert float(str(moment)) == pytest.approx(float(str(started[str(build_id)])), abs=2)
    assert float(str(seconds)) < 60
    assert verify(empty.engine, Scope(empty.products_dir)).findings == []
    assert empty.build() == "current"


def test_rebuild_twice_changes_nothing(site: Site, empty: Site) -> None:
    build_some(site)
    ingest_all(empty)
    rebuild(empty)
    before = empty.rows("select to_jsonb(p)::text from mvm.product as p order by 1")
    again = rebuild(empty)
    assert (again.n_files, again.n_known, again.n_found, again.restored) == (3, 3, 0, [])
    assert again.not_restored == []
    assert empty.rows("select to_jsonb(p)::text from mvm.product as p order by 1") == before


def test_rows_with_plain_hashes_are_known(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    build_some(site)
    before = site.rows("select to_jsonb(p)::text from mvm.product as p order by 1")
    monkeypatch.setattr("mvmdb.files.piece_reader.PIECE_BYTES", 4096)  # then they are none of trees
    report = rebuild(site)
    assert (report.n_files, report.n_known, report.n_found, report.restored) == (3, 3, 0, [])
    assert report.not_restored == []
    assert site.rows("select to_jsonb(p)::text from mvm.product as p order by 1") == before


def test_dry_run_restores_nothing(site: Site, empty: Site) -> None:
    build_some(site)
    ingest_all(empty)
    assert len(rebuild(empty, dry_run=True).restored) == 3
    assert empty.rows("select count(*) from mvm.build") == [(0,)]


def test_partial_catalogue_is_completed(site: Site) -> None:
    """A catalogue from an old backup: it knows the first revision as current."""
    keep(site, 9)
    site.build()
    site.build(force=True)
    before = [site.rows(query) for query in (PRODUCTS, INPUTS)]
    with transaction(site.engine) as connection:
        connection.execute(text("delete from mvm.product where revision = 2"))
        connection.execute(
            text("delete from mvm.build where build_id not in (select build_id from mvm.product)")
        )
        final = str(site.directory / str(site.plan().product_name))
        connection.execute(
            text("update mvm.product set state = 'current', file_path = :path"), {"path": final}
        )
    report = rebuild(site)
    assert [(item.revision, item.state) for item in report.restored] == [(2, "current")]
    assert (report.n_found, report.not_restored) == (1, [])
    after = [site.rows(query) for query in (PRODUCTS, INPUTS)]
    without_date = [
        [({**dict(row[0]), "file_state_since": None},) for row in rows]  # type: ignore[call-overload]
        for rows in (before[0], after[0])
    ]
    assert without_date[0] == without_date[1]
    assert before[1] == after[1]
    assert verify(site.engine, Scope(site.products_dir)).findings == []


def test_what_cannot_be_restored_is_told_one_by_one(site: Site, empty: Site) -> None:
    build_some(site)
    with transaction(site.engine) as connection:
        withdraw_exposure(connection, "ib6o2302q", reason="noisy", by="ada")
        withdraw_exposure(connection, "ib6o2301q", reason="trailed", by="ada")
    site.build()
    # One exposure is never ingested, a file is damaged, another has a foreign name.
    files = [str(path) for path in sorted(site.exposures_dir.glob("*.fits"))]
    list(ingest_files(empty.engine, [file for file in files if "2302" not in file]))
    fine = site.directory / str(site.plan(OTHER_LAYER).product_name)
    content = bytearray(fine.read_bytes())
    content[-5000] ^= 4
    damaged = fine.with_name(fine.name.replace("f160w", "f140w"))
    damaged.write_bytes(content)
    strange = fine.with_name(fine.name.replace("f160w", "f125w"))
    shutil.copy(fine, strange)
    report = rebuild(empty)
    coarse = str(site.plan().product_name)
    assert {(item.product, item.revision) for item in report.restored} == {(coarse, 4)}
    assert ("file", str(damaged)) in lacks(report)
    assert ("file", str(strange)) in lacks(report)
    assert ("exposure", "ib6o2302q") in lacks(report)
    assert ("withdrawal", "ib6o2301q") in lacks(report)
    assert ("current_product", fine.name) in lacks(report)
    told = {lack.name: lack.detail for lack in report.not_restored}
    assert "CHECKSUM" in told[str(damaged)]
    assert f"its header says that it is {fine.name}" in told[str(strange)]
    assert "trailed" in told["ib6o2301q"]
    list(ingest_files(empty.engine, files))
    again = rebuild(empty)
    assert ("exposure", "ib6o2302q") not in lacks(again)
    assert {(item.product, item.revision) for item in again.restored} == {(coarse, 3), (fine.name, 1)}


def test_revision_that_is_another_build(site: Site, empty: Site) -> None:
    site.build()
    elsewhere = site.products_dir.with_name("elsewhere")
    shutil.move(site.products_dir, elsewhere)
    ingest_all(empty)
    empty.build()
    before = empty.products()
    report = rebuild_catalog(empty.engine, list_candidates(elsewhere))
    [lack] = report.not_restored
    assert (lack.kind, report.restored) == ("conflict", [])
    assert f"is one of build {before[0].build_id}" in lack.detail
    assert empty.products() == before


def test_file_of_a_known_build_that_has_been_rewritten(site: Site) -> None:
    site.build()
    [row] = site.products()
    with fits.open(row.file_path, mode="update") as hdus:
        hdus[0].header["OBSERVER"] = "Ada"
        hdus[0].add_checksum()
    [lack] = rebuild(site).not_restored
    assert (lack.kind, lack.name) == ("conflict", row.file_path)


def test_own_parameter_set_is_missed(site: Site, empty: Site) -> None:
    with transaction(site.engine) as connection:
        connection.execute(text("insert into mvm.parameter_set values ('mine', 'my own', false)"))
    build_layer(
        site.engine, site.products_dir, site.skycell, LAYER, choice=ParameterChoice(parameter_set="mine")
    )
    ingest_all(empty)
    assert lacks(rebuild(empty)) == [("parameter_set", "mine")]


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no directory"):
        list_candidates(tmp_path / "nothing")
