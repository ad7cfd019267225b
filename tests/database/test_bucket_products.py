"""Products in a real S3 server: the build protocol, and what is done at every point a builder can die."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from astropy.io import fits
from sqlalchemy import Engine, text

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import list_skycells_with_layers
from mvmdb.catalog.leases import fenced, take_lease
from mvmdb.catalog.retention import set_retention_rule
from mvmdb.catalog.revisions import find_former
from mvmdb.catalog.withdrawals import withdraw_exposure
from mvmdb.errors import ConflictError, ProductFileError, StorageError
from mvmdb.files.header import BuildStamp
from mvmdb.files.objects import ObjectStore
from mvmdb.files.stores import OfferedProduct, is_kept, revision_location
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline import build as building
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.pixel import find_pixels
from mvmdb.pipeline.plan import plan_layer
from mvmdb.pipeline.product_files import publish, remove_file
from mvmdb.pipeline.recovery import recover
from mvmdb.pipeline.retention import prune_products
from mvmdb.pipeline.revisions import keep_former, put_former_back
from mvmdb.pipeline.storage import product_store
from mvmdb.pipeline.verify import Scope, verify
from mvmdb.records import PublishedFile
from tests.support.exposures import SyntheticExposure
from tests.support.layers import chip_headers, layer_of, stage_product
from tests.support.object_store import object_store

LAYER = LayerName.parse("wfc3_ir_f160w_coarse")
PRODUCTS = "s3://products/deep/mosaics"
CHANGES = {
    *("create_multipart_upload", "upload_part", "complete_multipart_upload", "abort_multipart_upload"),
    *("put_object", "copy_object", "delete_object"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A bucket on an S3 server."""
    with object_store("products") as made:
        yield made


@dataclass(frozen=True)
class Site:
    """A database, two tiny exposures of one layer on disk, and a bucket for products."""

    engine: Engine
    bucket: Any
    folder: Path
    skycell: SkycellName

    @property
    def directory(self) -> str:
        """Where the products of the skycell lie."""
        return f"{PRODUCTS}/{self.skycell}"

    @property
    def location(self) -> str:
        """Where the product lies."""
        return f"{self.directory}/{self.plan().product_name}"

    def add(self, number: int) -> None:
        """Write and ingest another exposure."""
        exposure = SyntheticExposure(
            rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, level=1 + number
        )
        [result] = ingest_files(self.engine, [exposure.write(self.folder)])
        assert result.error is None

    def plan(self) -> Any:
        """Return what a build would do."""
        with transaction(self.engine) as connection:
            return plan_layer(connection, self.skycell, LAYER).plan

    def build(self, **options: Any) -> str:
        """Build the layer; return the outcome."""
        return build_layer(self.engine, PRODUCTS, self.skycell, LAYER, **options).outcome

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the answer to any question."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def history(self) -> list[tuple[Any, ...]]:
        """Return what has become of each revision."""
        return self.rows("select revision, state, file_state from mvm.product order by product_id")

    def content(self, location: str) -> bytes:
        """Return an object, by another road than fsspec."""
        return bytes(self.object(location).get()["Body"].read())

    def object(self, location: str) -> Any:
        return self.bucket.Object(location.removeprefix("s3://products/"))

    def locations(self) -> list[str]:
        """Return all objects."""
        return sorted(f"s3://products/{item.key}" for item in self.bucket.objects.all())

    def uploads(self) -> list[str]:
        """Return the uploads that are neither completed nor given up."""
        found = self.bucket.meta.client.list_multipart_uploads(Bucket="products").get("Uploads", [])
        return [item["Key"] for item in found]

    def run_out(self) -> None:
        """Let all leases run out."""
        self.rows("update mvm.lease set expires_at = '-infinity' returning token")

    def keep(self, n_newest: int) -> None:
        """Keep so many former revisions."""
        with transaction(self.engine) as connection:
            set_retention_rule(connection, keep_newest=n_newest, keep_days=0)


@pytest.fixture
def site(engine: Engine, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Nothing is built."""
    monkeypatch.setenv("MVMDB_CACHE_DIR", str(tmp_path / "cache"))
    made = Site(engine, server, tmp_path / "exposures", SkycellName(0, 1, 1))
    made.folder.mkdir()
    made.add(0)
    made.add(1)
    with transaction(engine) as connection:
        name = list_skycells_with_layers(connection)[0].skycell
    yield replace(made, skycell=SkycellName.parse(name))
    for item in server.multipart_uploads.all():
        item.abort()
    server.objects.all().delete()


def assert_sound(site: Site) -> None:
    """Require that rows and objects agree one to one, by their bytes, and that nothing is left over."""
    rows = site.rows(
        "select file_path, file_sha256, file_size_bytes from mvm.product"
        " where state in ('current', 'superseded') and file_state = 'in_place' order by 1"
    )
    assert site.locations() == [row[0] for row in rows]
    for location, sha256, size_bytes in rows:
        found = site.content(location)
        assert (hashlib.sha256(found).hexdigest(), len(found)) == (sha256, size_bytes)
    assert site.uploads() == []
    assert list((site.folder.parent / "cache" / "drafts").rglob("*.part")) == []
    assert not site.rows("select 1 from mvm.build where outcome = 'running'")
    assert not site.rows("select 1 from mvm.product where state = 'staged'")


def test_revisions_are_kept_and_pruned(site: Site) -> None:
    site.keep(1)
    assert site.build() == "published"
    assert_sound(site)
    first = site.content(site.location)
    assert site.build() == "current"
    site.add(2)
    assert site.build() == "published"
    assert_sound(site)
    assert site.content(revision_location(site.location, 1)) == first
    assert site.build(force=True) == "published"
    assert [row[2] for row in site.history()] == ["pruned", "in_place", "in_place"]
    assert_sound(site)
    site.keep(0)
    assert prune_products(site.engine).n_files == 1
    assert site.locations() == [site.location]


def test_product_of_a_layer_without_exposures_is_deleted(site: Site) -> None:
    site.build()
    with transaction(site.engine) as connection:
        for rootname in ("ib6o2300q", "ib6o2301q"):
            withdraw_exposure(connection, rootname, reason="trailed", by="somebody")
    assert site.build() == "retired"
    assert site.locations() == []


@pytest.mark.parametrize("compress", [False, True])
def test_pixels_are_read_where_they_lie(site: Site, tmp_path: Path, compress: bool) -> None:
    """Nothing is copied for it, whether or not the images are compressed."""
    site.build(compress=compress)
    (tmp_path / "product.fits").write_bytes(site.content(site.location))
    with transaction(site.engine) as connection:
        [pixel] = find_pixels(connection, 150.0002, 2.0, layer=LAYER, skycell=site.skycell, box_pix=5)
    with fits.open(tmp_path / "product.fits") as hdus:
        place = pixel.y_pix, pixel.x_pix
        assert pixel.weight_s == hdus["WHT"].data[place] > 0
        assert pixel.science_e_per_s == hdus["SCI"].data[place]
    assert verify(site.engine, Scope(PRODUCTS)).findings == []
    assert list((site.folder.parent / "cache").rglob("*drz.fits")) == []
    assert_sound(site)


class Killed(BaseException):
    """Stands for a process that dies: nothing of the program catches it."""


class Deadline:
    """Dies before the n-th change of a store, or before the rows become current; the dead do nothing more."""

    def __init__(self, patch: pytest.MonkeyPatch, n_steps: int) -> None:
        self.left = n_steps
        call, record = ObjectStore._call, building.builds.publish_product

        def watched_call(store: ObjectStore, method: str, location: str, **arguments: Any) -> Any:
            if method in CHANGES:
                self.step()
            return call(store, method, location, **arguments)

        def watched_record(*given: Any) -> None:
            self.step()
            record(*given)

        patch.setattr(ObjectStore, "_call", watched_call)
        patch.setattr(building.builds, "publish_product", watched_record)

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


STEPS = [
    "begin the upload",
    "write the ticket",
    "send the part",
    "tell the part in the ticket",
    "keep the former one",
    "complete the upload",
    "delete the ticket",
    "make the rows current",
    "prune",
]


@pytest.mark.parametrize("n_done", range(len(STEPS) + 1))
def test_builder_that_dies_at_any_step(site: Site, monkeypatch: pytest.MonkeyPatch, n_done: int) -> None:
    """Each time the next one finds either the former product in place, or the new one, and nothing else."""
    site.keep(1)
    site.build()
    site.build(force=True)
    with monkeypatch.context() as patch:
        deadline = Deadline(patch, n_done)
        if n_done == len(STEPS):
            assert site.build(force=True) == "published"
        else:
            with pytest.raises(Killed):
                site.build(force=True)
    assert (deadline.left < 0) is (n_done < len(STEPS))
    # whoever looks now sees the bytes of one revision, whole
    content = hashlib.sha256(site.content(site.location)).hexdigest()
    staged = site.rows("select revision, file_sha256 from mvm.product where revision in (2, 3)")
    assert content in {sha256 for _, sha256 in staged}
    site.run_out()
    recover(site.engine)
    was_completed = n_done > STEPS.index("complete the upload")
    assert site.history()[-1] == (3 if was_completed else 2, "current", "in_place")
    assert site.build() == "current"
    prune_products(site.engine)
    if n_done == 1:  # an upload without a part and without a ticket: nothing is stored of it
        assert len(site.uploads()) == 1
        next(iter(site.bucket.multipart_uploads.all())).abort()
    assert_sound(site)
    assert site.build(force=True) == "published"
    assert_sound(site)


def test_recovery_that_dies_is_done_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.build()
    with monkeypatch.context() as patch:
        Deadline(patch, STEPS.index("complete the upload"))
        with pytest.raises(Killed):
            site.build(force=True)
    for n_done in range(4):  # abort, delete the ticket, delete the second name
        site.run_out()
        with monkeypatch.context() as patch:
            Deadline(patch, n_done)
            if n_done < 3:
                with pytest.raises(Killed):
                    recover(site.engine)
            else:
                recover(site.engine)
    assert site.history() == [(1, "current", "in_place")]
    assert_sound(site)


@pytest.mark.parametrize("is_rebuild", [False, True])
def test_builder_that_is_overtaken_before_it_completes(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_rebuild: bool
) -> None:
    """Its rows are staged when another takes over and builds; it says so, and has changed nothing."""
    if is_rebuild:
        site.build()
    publish_offer = building.publish

    def overtaken(offer: OfferedProduct) -> None:
        monkeypatch.setattr(building, "publish", publish_offer)
        site.run_out()
        assert site.build(force=True) == "published"
        publish_offer(offer)

    monkeypatch.setattr(building, "publish", overtaken)
    with pytest.raises(ConflictError, match="has passed to another builder"):
        site.build(force=True)
    assert_sound(site)
    assert site.history()[-1][:2] == (1 + is_rebuild, "current")


def begin(site: Site) -> tuple[Any, BuildStamp, OfferedProduct]:
    """Go as far as the staged rows; return the lease, which has run out, and what waits for its name."""
    plan, build_id = site.plan(), str(uuid.uuid4())
    layer = (str(site.skycell), str(LAYER), "all")
    lease = take_lease(site.engine, *layer, host="elsewhere", process_id=1, duration_s=60)
    assert lease is not None
    with transaction(site.engine) as connection:
        revision = builds.begin_build(
            connection, plan, build_id, host="elsewhere", versions={}, directory=site.directory
        )
    stamp = BuildStamp(build_id, revision, "2026-11-22T18:30:05", {"mvmdb": "0.1.0"})
    image, store = layer_of(plan), product_store(PRODUCTS)
    drafts = store.draft_directory(site.directory)
    drafts.mkdir(parents=True, exist_ok=True)
    staged = stage_product(drafts, plan, image, chip_headers(plan), stamp)
    offer = store.offer(staged, site.directory, build_id)
    with fenced(site.engine, lease) as connection:
        builds.stage_product(
            connection, build_id, plan=plan, image=image, file=offer.file, revision=stamp.revision
        )
    site.run_out()
    return lease, stamp, offer


def test_upload_that_was_given_up_cannot_be_completed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store itself refuses, even one that has read its ticket before that was taken away."""
    _, _, offer = begin(site)
    ticket = product_store(PRODUCTS).objects.read(offer.ticket)
    assert site.build() == "published"
    content = site.content(site.location)
    with pytest.raises(ProductFileError, match="has been given up"):
        publish(offer)
    monkeypatch.setattr(ObjectStore, "read", lambda *_: ticket)
    with pytest.raises(ProductFileError, match="cannot be published"):
        publish(offer)
    assert site.content(site.location) == content
    assert_sound(site)


def test_late_builder_that_had_completed_is_finished_by_the_next(site: Site) -> None:
    lease, stamp, offer = begin(site)
    publish(offer)
    assert site.build() == "current"
    with pytest.raises(ConflictError, match="has passed"), fenced(site.engine, lease) as connection:
        builds.publish_product(connection, stamp.build_id)
    assert site.history() == [(1, "current", "in_place")]
    assert_sound(site)


def test_answer_that_was_lost_is_no_failure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = ObjectStore.complete_upload

    def unheard(store: ObjectStore, location: str, *upload: Any) -> None:
        complete(store, location, *upload)
        raise StorageError(location, "cannot be reached")

    monkeypatch.setattr(ObjectStore, "complete_upload", unheard)
    assert site.build() == "published"
    assert_sound(site)


def test_late_builder_takes_no_newer_object_for_the_former_one(site: Site) -> None:
    """It asked what it supersedes, stood still, and meanwhile others have published and pruned."""
    site.keep(0)
    site.build()
    with transaction(site.engine) as connection:
        former = find_former(connection, str(site.skycell), str(LAYER), "all")
    assert former is not None
    site.build(force=True)

    def lost() -> None:
        raise ConflictError("the lease has passed on", {})

    store, kept = product_store(PRODUCTS), revision_location(site.location, 1)
    with pytest.raises(ConflictError, match="passed on"):
        store.keep(site.location, kept, former.file.sha256, still_ours=lost)
    store.put_back(site.location, kept, former.file.sha256, still_ours=lost)
    remove_file(former.file)
    assert_sound(site)


def test_late_builder_leaves_a_kept_revision(site: Site) -> None:
    site.keep(9)
    site.build()
    with transaction(site.engine) as connection:
        former = find_former(connection, str(site.skycell), str(LAYER), "all")
    site.build(force=True)
    with transaction(site.engine) as connection:
        keep_former(connection, former)
        put_former_back(connection, former)
    assert_sound(site)
    assert [row[2] for row in site.history()] == ["in_place", "in_place"]


def test_former_product_that_is_damaged_is_kept_as_it_is(site: Site) -> None:
    """Its row says so; nothing of it is lost."""
    site.build()
    damaged = bytearray(site.content(site.location))
    damaged[-1] ^= 1
    site.object(site.location).put(Body=bytes(damaged))
    [finding] = verify(site.engine, Scope(PRODUCTS, repair=True)).findings
    assert (finding.problem, finding.outcome) == ("damaged", "recorded")
    assert "CHECKSUM" in finding.detail
    assert site.build() == "published"
    assert site.content(revision_location(site.location, 1)) == bytes(damaged)
    assert [row[2] for row in site.history()] == ["damaged", "in_place"]


def test_damaged_product_has_one_name_again_after_a_build_that_died(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.build()
    site.object(site.location).put(Body=b"damaged")
    with monkeypatch.context() as patch:
        Deadline(patch, STEPS.index("complete the upload"))
        with pytest.raises(Killed):
            site.build()
    assert site.content(revision_location(site.location, 1)) == b"damaged"
    site.run_out()
    recover(site.engine)
    assert site.locations() == [site.location]
    assert site.build() == "published"


def test_another_object_with_the_name_of_a_revision_is_not_replaced(site: Site) -> None:
    site.build()
    site.object(revision_location(site.location, 1)).put(Body=b"another")
    with pytest.raises(ProductFileError, match="another object has that name"):
        site.build(force=True)
    assert site.content(revision_location(site.location, 1)) == b"another"
    site.object(revision_location(site.location, 1)).delete()
    assert site.build() == "current"
    assert_sound(site)


def test_product_that_no_row_knows_is_not_overwritten(site: Site) -> None:
    site.build()
    with transaction(site.engine) as connection:
        connection.execute(text("truncate mvm.build, mvm.product cascade"))
    with pytest.raises(ProductFileError, match="the catalogue does not know it") as caught:
        site.build()
    assert f"mvmdb catalog rebuild {site.directory}`" in str(caught.value.hint)
    site.object(site.location).put(Body=b"no product at all")
    with pytest.raises(ProductFileError, match="the catalogue does not know it"):
        site.build()


def test_verify_tells_uploads_of_dead_builds(site: Site) -> None:
    """Those of running ones are no finding."""
    _, stamp, offer = begin(site)
    assert verify(site.engine, Scope(PRODUCTS)).findings == []
    with transaction(site.engine) as connection:
        builds.abandon_build(connection, stamp.build_id)
    [finding] = verify(site.engine, Scope(PRODUCTS)).findings
    assert (finding.problem, finding.file_path, finding.outcome) == ("leftover", offer.ticket, "open")
    [finding] = verify(site.engine, Scope(PRODUCTS, site.skycell, repair=True)).findings
    assert finding.outcome == "repaired"
    assert (site.locations(), site.uploads()) == ([], [])


def test_object_that_is_replaced_while_it_is_read_is_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.build()
    store, seen = product_store(PRODUCTS), []
    read = type(store)._reads_as

    def replaced(self: Any, location: str, sha256: str) -> bool:
        seen.append(location)
        if len(seen) == 1:
            site.object(location).put(Body=b"newer")
            raise StorageError(location, "has changed")
        return read(self, location, sha256)

    monkeypatch.setattr(type(store), "_reads_as", replaced)
    assert store.has_sha256(site.location, hashlib.sha256(b"newer").hexdigest())
    assert len(seen) == 2


def test_large_objects_are_sent_and_copied_in_parts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request to copy names the content that was looked at; this server does not compare it."""
    content = bytes(range(256)) * 2**17 + b"end"
    (tmp_path / "large").write_bytes(content)
    store = ObjectStore(product_store(PRODUCTS).objects.system)
    location, target = f"{PRODUCTS}/large", f"{PRODUCTS}/copy"
    upload = store.begin_upload(location, {"mvmdb-sha256": "0" * 64})
    parts = store.upload_parts(location, upload, tmp_path / "large")
    assert len(parts) == 3
    assert store.find(location) is None
    store.complete_upload(location, upload, parts)
    assert site.content(location) == content
    facts = store.find(location)
    assert facts is not None
    call, conditions = ObjectStore._call, []

    def watched_call(store: ObjectStore, method: str, location: str, **arguments: Any) -> Any:
        if "copy" in method:
            conditions.append((method, arguments["CopySourceIfMatch"]))
        return call(store, method, location, **arguments)

    monkeypatch.setattr(ObjectStore, "_call", watched_call)
    store.copy(location, facts, target, limit=10 * 2**20)
    assert site.content(target) == content
    store.copy(location, facts, target)
    assert site.content(target) == content
    assert conditions == [("upload_part_copy", facts.etag)] * 4 + [("copy_object", facts.etag)]
    copied = store.find(target)
    assert copied is not None
    assert copied.metadata == facts.metadata == {"mvmdb-sha256": "0" * 64}
    store.delete(target, '"another"')
    assert store.find(target) is not None
    store.delete(target, copied.etag)
    assert store.find(target) is None
    store.delete(target)
    assert site.uploads() == []


def test_names_of_revisions() -> None:
    kept = revision_location("s3://b/deep/p0001x02y03/name_drz.fits", 12)
    assert kept == "s3://b/deep/p0001x02y03/revisions/name_drz_r0012.fits"
    assert is_kept(kept)
    assert not is_kept("s3://b/deep/p0001x02y03/name_drz.fits")
    assert not is_kept("name_drz.fits")
    assert PublishedFile(kept, "", 0).path == kept


def test_client_of_another_road_sees_the_same(site: Site) -> None:
    """The hash is in the metadata of the object, for those who copy products elsewhere."""
    site.build()
    client = boto3.client("s3")
    facts = client.head_object(Bucket="products", Key=site.location.removeprefix("s3://products/"))
    client.close()
    [[sha256, build_id]] = site.rows("select file_sha256, build_id::text from mvm.product")
    assert facts["Metadata"] == {"mvmdb-sha256": sha256, "mvmdb-build": build_id}
