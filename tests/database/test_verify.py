"""Files against rows: whatever happens to a file is found, recorded, and taken back when it is undone."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.revisions import find_former
from mvmdb.files.piece_reader import tree_sha256
from mvmdb.files.product import publish
from mvmdb.pipeline.revisions import keep_former
from mvmdb.pipeline.verify import FileFinding, Scope, VerifyReport, count_files, verify
from tests.database.test_builds import LAYER, Builder, Site, site
from tests.database.test_retention import keep

__all__ = ["site"]


def checked(site: Site, **options: Any) -> VerifyReport:
    return verify(site.engine, Scope(site.products_dir, **options))


def only(report: VerifyReport) -> FileFinding:
    [finding] = report.findings
    return finding


def current(site: Site) -> Path:
    return Path(site.products()[0].file_path)


def reasons(site: Site) -> list[tuple[object, ...]]:
    return site.rows(
        f"select status, reasons from mvm.layer_statuses('{site.skycell}') where layer = '{LAYER}'"
    )


@pytest.fixture
def two(site: Site) -> Site:
    """A current product and a former revision."""
    site.build()
    site.build(force=True)
    return site


def test_sound_products_have_no_findings(two: Site) -> None:
    report = checked(two, inputs=True)
    assert (report.findings, report.n_unrepaired) == ([], 0)
    assert (report.n_products, report.n_exposures) == (2, 2)
    assert report.n_bytes == sum(path.stat().st_size for path in two.directory.rglob("*.fits"))
    assert count_files(two.engine, Scope(two.products_dir, inputs=True)) == 4
    assert checked(two, skycell=two.skycell).n_products == 2


def test_any_flipped_bit_is_found(two: Site) -> None:
    path = current(two)
    sound = path.read_bytes()
    random = np.random.default_rng(3)
    places = [0, len(sound) - 1, *(int(place) for place in random.integers(0, len(sound), 40))]
    for place in places:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        finding = only(checked(two))
        assert (finding.problem, finding.state, finding.outcome) == ("damaged", "current", "open")
        assert "SHA-256 is another" in finding.detail
    path.write_bytes(sound)
    assert checked(two).findings == []


def test_row_with_a_plain_hash_stays_valid(two: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As rows have that are older than tree hashes: of a file of one piece it is the plain one."""
    monkeypatch.setattr("mvmdb.files.piece_reader.PIECE_BYTES", 4096)
    path = current(two)
    assert path.stat().st_size > 4096
    assert tree_sha256(path) != hashlib.sha256(path.read_bytes()).hexdigest()
    assert checked(two).findings == []
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"?")
    assert only(checked(two)).problem == "damaged"


def test_damage_is_recorded_and_taken_back(two: Site) -> None:
    path = current(two)
    sound = path.read_bytes()
    path.write_bytes(sound[:-2880])
    found = checked(two, thorough=False, repair=True)
    assert (only(found).problem, only(found).outcome, found.n_unrepaired) == ("damaged", "recorded", 1)
    assert "truncated" in only(found).detail
    assert reasons(two) == [("stale", ["product_damaged"])]
    path.write_bytes(sound)
    assert only(checked(two)).problem == "returned"
    again = checked(two, repair=True)
    assert (only(again).outcome, again.n_unrepaired) == ("repaired", 0)
    assert reasons(two) == [("current", [])]
    assert checked(two).findings == []


def test_lost_file_is_recorded_and_built_again(two: Site) -> None:
    current(two).unlink()
    assert only(checked(two)).problem == "lost"
    assert reasons(two) == [("current", [])]
    assert only(checked(two, repair=True)).outcome == "recorded"
    assert reasons(two) == [("stale", ["product_lost"])]
    two.build()
    assert checked(two).findings == []


def test_lost_former_revision_is_told_once(two: Site) -> None:
    shutil.rmtree(two.directory / "revisions")
    finding = only(checked(two, repair=True))
    assert (finding.problem, finding.state, finding.outcome) == ("lost", "superseded", "recorded")
    assert checked(two).findings == []
    assert two.rows("select file_state from mvm.product order by revision") == [("lost",), ("in_place",)]
    assert reasons(two) == [("current", [])]


def test_moved_directory_is_found_by_hash(two: Site, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(two.products_dir, moved)
    there = replace(two, products_dir=moved)
    assert {finding.problem for finding in checked(there).findings} == {"moved"}
    report = checked(there, repair=True)
    assert [finding.outcome for finding in report.findings] == ["repaired", "repaired"]
    assert checked(there).findings == []
    assert all(str(path).startswith(str(moved)) for (path,) in two.rows("select file_path from mvm.product"))
    assert there.build() == "current"
    assert there.build(force=True) == "published"
    assert checked(there).findings == []


def test_leftover_of_a_dead_build_is_removed(two: Site) -> None:
    part = two.directory / f".{current(two).name}.0c1e63a4-6a0f-4d5e-9f3c-3f3d1d2b7a10.part"
    part.write_bytes(b"SIMPLE  =")
    assert only(checked(two)).problem == "leftover"
    assert part.exists()
    assert checked(two, repair=True).n_unrepaired == 0
    assert not part.exists()


def test_build_beside_it_is_no_finding(two: Site) -> None:
    """A running build has a half-written file, then one in place whose rows are still staged."""
    builder = Builder.begin(two)
    staged = builder.stage()
    assert checked(two).findings == []
    with transaction(two.engine) as connection:
        keep_former(connection, find_former(connection, str(two.skycell), str(LAYER), "all"))
    publish(staged)
    assert checked(two).findings == []
    # It is dead, as no lock is held: repair finishes what it was at.
    assert checked(two, repair=True).findings == []
    assert two.outcomes() == ["published"] * 3
    assert two.revisions() == [(1, "superseded"), (2, "superseded"), (3, "current")]


def test_extra_files_stay_and_are_told(two: Site) -> None:
    extra = two.directory / current(two).name.replace("f160w", "f140w")
    shutil.copy(current(two), extra)
    for repair in (False, True):
        finding = only(checked(two, repair=repair))
        assert (finding.problem, finding.outcome, finding.file_path) == ("extra", "open", str(extra))
        assert f"mvmdb catalog rebuild {two.directory}" in finding.remedy
    assert extra.exists()


def test_pruned_file_that_is_put_back(two: Site, tmp_path: Path) -> None:
    [kept] = (two.directory / "revisions").glob("*")
    shutil.copy(kept, tmp_path / "copy.fits")
    keep(two, 0)
    two.build(force=True)
    assert not kept.exists()
    shutil.copy(tmp_path / "copy.fits", kept)
    assert only(checked(two)).problem == "returned"
    assert checked(two, repair=True).n_unrepaired == 0
    assert two.rows("select file_state from mvm.product where revision = 1") == [("in_place",)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update mvm.product set revision = 9 where state = 'current'", "MVMREV is 2, its row says 9"),
        ("update mvm.build set recipe_sha256 = 'f' || right(recipe_sha256, 63)", "MVMRECIP is"),
    ],
)
def test_row_that_does_not_say_what_the_header_says(two: Site, change: str, said: str) -> None:
    [first] = two.rows("select left(recipe_sha256, 1) from mvm.build limit 1")
    change = change.replace("'f'", "'0'") if first == ("f",) else change
    with transaction(two.engine) as connection:
        connection.execute(text(change))
    findings = checked(two, thorough=False, repair=True).findings
    assert {(finding.problem, finding.outcome) for finding in findings} == {("differs", "open")}
    assert said in findings[-1].detail


def test_files_of_exposures(two: Site) -> None:
    first, second = sorted(two.exposures_dir.glob("*.fits"))
    with second.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert only(checked(two, inputs=True)).problem == "input_changed"
    assert checked(two, inputs=True, thorough=False).findings == []
    first.unlink()
    lost = checked(two, inputs=True, skycell=two.skycell).findings
    assert [finding.problem for finding in lost] == ["input_lost", "input_changed"]
    assert checked(two).findings == []
