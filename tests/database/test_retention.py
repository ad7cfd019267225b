"""Former revisions: kept through every window of a publication, pruned by rules, pinned."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import mvmdb.pipeline.build as build_module
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.retention import (
    list_prunable,
    list_retention_rules,
    lock_prunable,
    pin_product,
    remove_retention_rule,
    set_retention_rule,
    unpin_product,
)
from mvmdb.catalog.revisions import find_former
from mvmdb.errors import ConflictError, ProductFileError, UnknownObjectError
from mvmdb.files.revisions import keep_file
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.pipeline.recovery import recover
from mvmdb.pipeline.retention import prune_products
from mvmdb.pipeline.revisions import keep_former, put_former_back
from tests.database.test_builds import LAYER, OTHER_LAYER, Site, assert_sound, file_sha256, site

__all__ = ["site"]


class Killed(BaseException):
    """Stands for a process that dies: nothing of the program catches it."""


class Deadline:
    """Dies before the n-th file operation of a publication, or after it, or before its commit."""

    def __init__(self, patch: pytest.MonkeyPatch, n_steps: int, *, hard_links: bool) -> None:
        self.left, self.armed = n_steps, False
        keep = build_module.keep_former
        patch.setattr(build_module, "keep_former", lambda *given: (self.arm(), keep(*given)))
        link = os.link if hard_links else refuse_link
        patch.setattr(os, "link", self.watched(link))
        for name in ("rename", "replace", "unlink"):
            patch.setattr(Path, name, self.watched(getattr(Path, name)))
        publish = build_module.builds.publish_product
        patch.setattr(build_module.builds, "publish_product", self.watched(publish))

    def arm(self) -> None:
        self.armed = True

    def step(self) -> None:
        self.left -= self.armed
        if self.left < 0:
            self.armed = False
            raise Killed

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = function(*arguments, **options)
            self.step()
            return result

        return stepped


def refuse_link(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", str(source), None, str(target))


def shown(site: Site) -> list[tuple[object, ...]]:
    return site.rows(
        "select revision, state, file_state, regexp_replace(file_path, '.*/', '')"
        " from mvm.product order by product_id"
    )


def name_of(site: Site) -> ProductName:
    return site.plan().product_name


@pytest.mark.parametrize("hard_links", [True, False])
def test_killed_in_every_window_of_a_publication(site: Site, hard_links: bool) -> None:
    """Whatever a dead builder leaves, its predecessor's file is there, and after recovery has its name."""
    site.build()
    n_steps, finished = 0, False
    while not finished:
        [before] = site.products()
        with pytest.MonkeyPatch.context() as patch:
            Deadline(patch, n_steps, hard_links=hard_links)
            try:
                finished = site.build(force=True) == "published"
            except Killed:
                n_steps += 1
        every = [path for path in site.directory.rglob("*") if path.is_file()]
        assert before.file_sha256 in {file_sha256(path) for path in every}
        recover(site.engine)
        prune_products(site.engine)  # one that died between removing a file and recording it is done again
        assert_sound(site)
        [after] = site.products()
        if after.revision > before.revision:
            [[path, state]] = site.rows(
                f"select file_path, file_state from mvm.product where build_id = '{before.build_id}'"
            )
            assert (file_sha256(str(path)), state) == (before.file_sha256, "in_place")
        else:
            assert after == before
    # Link and rename, commit, then the pruning of the one before; each can be cut before and after.
    assert n_steps >= 8
    assert {"abandoned", "published"} == set(site.outcomes())


def test_former_revision_has_a_name_of_its_own(site: Site) -> None:
    site.build()
    [first] = site.products()
    content = Path(first.file_path).read_bytes()
    site.build(force=True)
    stem = first.product.removesuffix(".fits")
    assert shown(site) == [
        (1, "superseded", "in_place", f"{stem}_r0001.fits"),
        (2, "current", "in_place", first.product),
    ]
    [[path]] = site.rows("select file_path from mvm.product where revision = 1")
    assert Path(str(path)) == site.directory / "revisions" / f"{stem}_r0001.fits"
    assert Path(str(path)).read_bytes() == content


def test_drz_is_kept_when_it_becomes_drc(site: Site) -> None:
    site.build()
    [drz] = site.products()
    with transaction(site.engine) as connection:  # as if FLT and FLC had made it
        connection.execute(text("update mvm.exposure set file_type = 'flc'"))
        connection.execute(text('update mvm.build set recipe = recipe || \'{"engine": "older"}\''))
    site.build()
    [drc] = site.products()
    assert drc.product == drz.product.replace("_drz", "_drc")
    assert site.kept() == [drz.product.replace(".fits", "_r0001.fits")]
    assert file_sha256(site.directory / "revisions" / site.kept()[0]) == drz.file_sha256
    assert_sound(site)


def test_lost_predecessor_stays_known(site: Site) -> None:
    site.build()
    Path(site.products()[0].file_path).unlink()
    site.build()
    assert [row[:3] for row in shown(site)] == [(1, "superseded", "lost"), (2, "current", "in_place")]
    assert_sound(site)


def test_nothing_is_published_over_what_cannot_be_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.build()
    before = site.products()
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse_link)
        patch.setattr(shutil, "copyfile", refuse_link)
        with pytest.raises(ProductFileError, match="cannot be kept as"):
            site.build(force=True)
    recover(site.engine)
    assert site.products() == before
    assert_sound(site)


def test_newest_former_revision_is_kept_by_default(site: Site) -> None:
    for _ in range(4):
        site.build(force=True)
    assert [row[:3] for row in shown(site)] == [
        (1, "superseded", "pruned"),
        (2, "superseded", "pruned"),
        (3, "superseded", "in_place"),
        (4, "current", "in_place"),
    ]
    [[since]] = site.rows("select count(file_state_since) from mvm.product where file_state = 'pruned'")
    assert since == 2
    assert_sound(site)


def keep(site: Site, newest: int, days: float = 0.0, **place: Any) -> None:
    with transaction(site.engine) as connection:
        set_retention_rule(connection, keep_newest=newest, keep_days=days, **place)


def test_young_revisions_are_kept(site: Site) -> None:
    keep(site, 0, days=2.0)
    for _ in range(3):
        site.build(force=True)
    assert len(site.kept()) == 2
    with transaction(site.engine) as connection:
        past = "update mvm.product set published_at = published_at - interval '50 hours' where revision < 3"
        connection.execute(text(past))
    report = prune_products(site.engine)
    # The second was superseded just now, by the third; the first fifty hours ago.
    assert [row.revision for row in report.files] == [1]
    assert report.freed_bytes == report.files[0].file_size_bytes > 10000
    assert_sound(site)


def test_the_most_special_rule_decides(site: Site) -> None:
    skycell, layer = site.skycell, LAYER
    with transaction(site.engine) as connection:
        answer = text("select keep_newest from mvm.retention(:skycell, :layer)")

        def decided(skycell: object, layer: object) -> object:
            return connection.execute(answer, {"skycell": str(skycell), "layer": str(layer)}).scalar_one()

        assert decided(skycell, layer) == 1
        set_retention_rule(connection, keep_newest=5, keep_days=0, layer=layer)
        set_retention_rule(connection, keep_newest=6, keep_days=0, skycell=skycell)
        set_retention_rule(connection, keep_newest=7, keep_days=0, skycell=skycell, layer=layer)
        other = SkycellName.parse("p0000x01y01")
        assert [decided(skycell, layer), decided(skycell, OTHER_LAYER)] == [7, 6]
        assert [decided(other, layer), decided(other, OTHER_LAYER)] == [5, 1]
        remove_retention_rule(connection, skycell=skycell, layer=layer)
        assert decided(skycell, layer) == 6
        assert [(row.skycell, row.layer) for row in list_retention_rules(connection)] == [
            ("*", "*"),
            ("*", str(layer)),
            (str(skycell), "*"),
        ]
        with pytest.raises(UnknownObjectError, match="no rule for skycell p0000x01y01"):
            remove_retention_rule(connection, skycell=other, layer=None)
        with pytest.raises(ConflictError, match="cannot be removed"):
            remove_retention_rule(connection, skycell=None, layer=None)


def test_rule_of_a_layer_leaves_the_others_alone(site: Site) -> None:
    keep(site, 0, layer=LayerName.parse("wfc3_ir_f160w_coarse"))
    for layer in (LAYER, OTHER_LAYER):
        site.build(layer=layer)
        site.build(layer=layer, force=True)
    assert [("coarse" in name) for name in site.kept()] == [False]


def test_pinned_revision_is_never_pruned(site: Site) -> None:
    site.build()
    with transaction(site.engine) as connection:
        pin_product(connection, name_of(site), 1, by="ada")
    keep(site, 0)
    site.build(force=True)
    site.build(force=True)
    assert [row[2] for row in shown(site)] == ["in_place", "pruned", "in_place"]
    assert prune_products(site.engine).n_files == 0
    with transaction(site.engine) as connection:
        with pytest.raises(ConflictError, match="revision 2 has been pruned"):
            pin_product(connection, name_of(site), 2, by="ada")
        with pytest.raises(UnknownObjectError, match="no revision 9"):
            pin_product(connection, name_of(site), 9, by="ada")
        assert unpin_product(connection, name_of(site), 1).pinned_by is None
    assert prune_products(site.engine).n_files == 1
    assert site.kept() == []


def test_pin_that_comes_between_listing_and_removing(site: Site) -> None:
    keep(site, 9)
    site.build()
    site.build(force=True)
    keep(site, 0)
    with transaction(site.engine) as connection:
        [row] = list_prunable(connection)
        pin_product(connection, name_of(site), 1, by="ada")
        assert not lock_prunable(connection, row)


def test_dry_run_removes_nothing(site: Site) -> None:
    keep(site, 9)
    for _ in range(3):
        site.build(force=True)
    keep(site, 0)
    would = prune_products(site.engine, dry_run=True)
    assert len(site.kept()) == 2
    done = prune_products(site.engine)
    assert (would.files, would.freed_bytes) == (done.files, done.freed_bytes)
    assert (done.n_files, site.kept()) == (2, [])
    assert len(site.revisions()) == 3


def test_killed_between_removal_and_record(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(site, 9)
    site.build()
    site.build(force=True)
    keep(site, 0)

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("mvmdb.pipeline.retention.record_pruned", die)
        with pytest.raises(Killed):
            prune_products(site.engine)
    assert site.kept() == []
    assert prune_products(site.engine).n_files == 1
    assert [row[2] for row in shown(site)] == ["pruned", "in_place"]


def test_damaged_revision_pushes_no_sound_one_out(site: Site) -> None:
    keep(site, 9)
    for _ in range(3):
        site.build(force=True)
    with transaction(site.engine) as connection:
        connection.execute(text("update mvm.product set file_state = 'damaged' where revision = 2"))
    keep(site, 1)
    assert prune_products(site.engine).n_files == 0
    site.build(force=True)
    assert [row[2] for row in shown(site)] == ["pruned", "pruned", "in_place", "in_place"]


def test_late_builder_takes_no_newer_file_for_the_former_one(site: Site) -> None:
    """It asked what it supersedes, stood still, and meanwhile others have published and pruned."""
    keep(site, 0)
    site.build()
    with transaction(site.engine) as connection:
        former = find_former(connection, str(site.skycell), str(LAYER), "all")
    assert former is not None
    site.build(force=True)
    [newer] = site.products()

    def lost() -> None:
        raise ConflictError("the lease has passed on", {})

    kept = site.directory / "revisions" / f"{Path(newer.product).stem}_r0001.fits"
    with pytest.raises(ConflictError, match="passed on"):
        keep_file(Path(newer.file_path), kept, former.file.sha256, still_ours=lost)
    with transaction(site.engine) as connection:
        put_former_back(connection, former)
    assert_sound(site)
    assert site.products() == [newer]


def test_late_builder_leaves_a_kept_revision(site: Site) -> None:
    keep(site, 9)
    site.build()
    with transaction(site.engine) as connection:
        former = find_former(connection, str(site.skycell), str(LAYER), "all")
    site.build(force=True)
    with transaction(site.engine) as connection:
        keep_former(connection, former)
    with transaction(site.engine) as connection:
        put_former_back(connection, former)
    assert [row[:3] for row in shown(site)] == [(1, "superseded", "in_place"), (2, "current", "in_place")]
    assert_sound(site)


def test_product_that_no_row_knows_is_not_overwritten(site: Site) -> None:
    site.build()
    [first] = site.products()
    content = Path(first.file_path).read_bytes()
    with transaction(site.engine) as connection:
        connection.execute(text("delete from mvm.product_input"))
        connection.execute(text("delete from mvm.product"))
        connection.execute(text("delete from mvm.build"))
    with pytest.raises(ProductFileError, match="does not know it") as caught:
        site.build()
    assert f"mvmdb catalog rebuild {site.directory}" in str(caught.value.hint)
    assert Path(first.file_path).read_bytes() == content
    assert site.outcomes() == []


@pytest.mark.parametrize("pinned", [False, True])
def test_retired_product_goes_unless_it_is_pinned(site: Site, pinned: bool) -> None:
    keep(site, 9)
    site.build()
    site.build(force=True)
    if pinned:
        with transaction(site.engine) as connection:
            pin_product(connection, name_of(site), 2, by="ada")
    with transaction(site.engine) as connection:
        connection.execute(text("update mvm.exposure set exclusion = 'quad_filter', exclusion_detail = 'x'"))
    site.build()
    assert site.files() == []
    assert [row[:3] for row in shown(site)] == [
        (1, "superseded", "in_place"),
        (2, "retired", "in_place" if pinned else "pruned"),
    ]
    assert len(site.kept()) == 1 + pinned


def test_pruning_leaves_what_is_newer_than_a_retired_product(site: Site) -> None:
    """A retired product's own name bears a newer file by now, which pruning does not take for it."""
    site.build()
    [first] = site.products()
    with transaction(site.engine) as connection:
        retired = "update mvm.product set state = 'retired', retired_at = now()"
        connection.execute(text(retired))
    Path(first.file_path).write_bytes(b"x" * first.file_size_bytes)
    assert prune_products(site.engine).n_files == 1
    assert Path(first.file_path).read_bytes() == b"x" * first.file_size_bytes
    assert site.files() == [first.product]
