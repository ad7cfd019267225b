"""The build protocol: staged, renamed, made current; what recovery does at every point a builder can die."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, func, make_url, select, text

from mvmdb.catalog import builds
from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import list_layers, list_skycells_with_layers
from mvmdb.catalog.leases import Lease, fenced, release_lease, renew_lease, take_lease
from mvmdb.catalog.products import (
    ProductRow,
    find_product,
    list_exposure_products,
    list_product_inputs,
    list_products,
)
from mvmdb.errors import (
    CatalogError,
    ConflictError,
    ExposureFileError,
    ProductFileError,
    UnknownObjectError,
)
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct, find_leftovers, publish, verify_product
from mvmdb.files.stores import OfferedProduct
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline import build as building
from mvmdb.pipeline.build import BuildOrder, build_layer, carry_out
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import plan_layer
from mvmdb.pipeline.product_files import remove_file
from mvmdb.pipeline.recovery import recover
from mvmdb.records import LayerPlan, PublishedFile
from tests.support.exposures import SyntheticExposure
from tests.support.layers import chip_headers, layer_of, stage_product

LAYER = LayerName.parse("wfc3_ir_f160w_coarse")
OTHER_LAYER = LayerName.parse("wfc3_ir_f160w")
HOST = "builder.example.org"


@dataclasses.dataclass(frozen=True)
class Site:
    """A database and a directory with two tiny exposures of one layer."""

    engine: Engine
    exposures_dir: Path
    products_dir: Path
    skycell: SkycellName

    @property
    def directory(self) -> Path:
        """Where the products of the skycell lie."""
        return self.products_dir / str(self.skycell)

    def add(self, number: int) -> Path:
        """Write and ingest another exposure."""
        exposure = SyntheticExposure(
            rootname=f"b6o23{number:02d}q", ra_deg=150 + number / 36000, level=1 + number
        )
        return self.ingest(exposure.write(self.exposures_dir))

    def ingest(self, path: Path) -> Path:
        """Ingest a file, which must succeed."""
        assert [item.error for item in ingest_files(self.engine, [path])] == [None]
        return path

    def plan(self, layer: LayerName = LAYER) -> LayerPlan:
        """Return what a build would do."""
        with transaction(self.engine) as connection:
            return plan_layer(connection, self.skycell, layer).plan

    def build(self, *, force: bool = False, layer: LayerName = LAYER) -> str:
        """Build a layer here; return the outcome."""
        return build_layer(self.engine, self.products_dir, self.skycell, layer, force=force).outcome

    def products(self) -> list[ProductRow]:
        """Return the current products."""
        with transaction(self.engine) as connection:
            return list_products(connection)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the answer to any question."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def outcomes(self) -> list[str]:
        """Return the outcomes of all builds, in order."""
        return [str(row[0]) for row in self.rows("select outcome from mvm.build order by started_at")]

    def revisions(self) -> list[tuple[object, ...]]:
        """Return revision and state of everything ever staged."""
        return self.rows("select revision, state from mvm.product order by product_id")

    def files(self) -> list[str]:
        """Return the names of the files in the directory of the skycell."""
        return sorted(path.name for path in self.directory.glob("*") if path.is_file())

    def kept(self) -> list[str]:
        """Return the names of the files of former revisions."""
        return sorted(path.name for path in (self.directory / "revisions").glob("*"))


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    """Two exposures of one layer, nothing built."""
    exposures_dir, products_dir = tmp_path / "exposures", tmp_path / "products"
    exposures_dir.mkdir()
    early = Site(engine, exposures_dir, products_dir, SkycellName(0, 1, 1))
    early.add(0)
    early.add(1)
    with transaction(engine) as connection:
        name = list_skycells_with_layers(connection)[0].skycell
    return dataclasses.replace(early, skycell=SkycellName.parse(name))


def file_sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def assert_sound(site: Site) -> None:
    """Require that nothing half done is left: products, rows and files agree one to one."""
    products = site.products()
    assert all(file_sha256(row.file_path) == row.file_sha256 for row in products)
    assert site.files() == sorted(row.product for row in products)
    former = site.rows(
        "select file_path, file_sha256 from mvm.product"
        " where state = 'superseded' and file_state = 'in_place'"
    )
    assert all(file_sha256(str(path)) == sha256 for path, sha256 in former)
    assert site.kept() == sorted(Path(str(path)).name for path, _ in former)
    assert "running" not in site.outcomes()
    assert "staged" not in {state for _, state in site.revisions()}
    for row in products:
        assert verify_product(Path(row.file_path)) == []


def take(site: Site, layer: LayerName = LAYER, *, lease_s: float = 60) -> Lease | None:
    """Take the lease of a layer, if it is to be had."""
    return take_lease(
        site.engine, str(site.skycell), str(layer), "all", host=HOST, process_id=1, duration_s=lease_s
    )


def run_out(site: Site) -> None:
    """Let all leases run out."""
    site.rows("update mvm.lease set expires_at = '-infinity' returning token")


def take_over(site: Site) -> Lease:
    """Let the lease of the layer run out and take it, all at once."""
    with transaction(site.engine) as connection:
        connection.execute(text("update mvm.lease set expires_at = '-infinity'"))
        call = func.mvm.take_lease(str(site.skycell), str(LAYER), "all", HOST, 2, 60.0)
        token = connection.execute(select(call)).scalar_one()
    return Lease(str(site.skycell), str(LAYER), "all", token, 60.0)


@dataclasses.dataclass(frozen=True)
class Builder:
    """A build carried out step by step, to be left wherever a process may die."""

    site: Site
    plan: LayerPlan
    stamp: BuildStamp
    lease: Lease

    @classmethod
    def begin(cls, site: Site, *, is_late: bool = True) -> Builder:
        """Take the lease and record that a build runs; unless told otherwise its lease has run out then."""
        plan, build_id = site.plan(), str(uuid.uuid4())
        lease = take(site)
        assert lease is not None
        with transaction(site.engine) as connection:
            revision = builds.begin_build(
                connection,
                plan,
                build_id,
                host=HOST,
                versions={"mvmdb": "0.1.0"},
                directory=str(site.directory),
            )
        if is_late:
            run_out(site)
        stamp = BuildStamp(build_id, revision, "2026-11-22T18:30:05", {"mvmdb": "0.1.0"})
        return cls(site, plan, stamp, lease)

    def write(self) -> StagedProduct:
        """Write the file beside its final name."""
        image, headers = layer_of(self.plan), chip_headers(self.plan)
        return stage_product(self.site.directory, self.plan, image, headers, self.stamp)

    def stage(self) -> StagedProduct:
        """Write the file and its rows."""
        image, headers = layer_of(self.plan), chip_headers(self.plan)
        staged = stage_product(self.site.directory, self.plan, image, headers, self.stamp)
        file = PublishedFile(str(staged.final_path), staged.sha256, staged.size_bytes)
        with fenced(self.site.engine, self.lease) as connection:
            builds.stage_product(
                connection,
                self.stamp.build_id,
                plan=self.plan,
                image=image,
                file=file,
                revision=self.stamp.revision,
            )
        return staged


def test_build_and_what_is_recorded(site: Site) -> None:
    assert site.build() == "published"
    assert_sound(site)
    [product] = site.products()
    plan = site.plan()
    assert product.product == str(plan.product_name)
    assert Path(product.file_path) == site.directory / product.product
    assert product.file_size_bytes == Path(product.file_path).stat().st_size
    assert (product.x0, product.y0, product.x1, product.y1) == dataclasses.astuple(plan.extent)
    assert (product.n_y_pix, product.n_x_pix) == plan.grid.shape
    assert (product.revision, product.n_inputs, product.n_exposures, product.exptime_s) == (1, 2, 2, 700.0)
    assert product.recipe_sha256 == plan.recipe_sha256()
    assert site.outcomes() == ["published"]
    [[recipe, error, finished]] = site.rows("select recipe, error, finished_at >= started_at from mvm.build")
    assert (recipe, error, finished) == (plan.recipe(), None, True)


def test_provenance_both_ways(site: Site) -> None:
    site.build()
    site.build(layer=OTHER_LAYER)
    product = str(site.plan().product_name)
    with transaction(site.engine) as connection:
        inputs = list_product_inputs(connection, product)
        products = list_exposure_products(connection, "ib6o2301q")
        [coarse] = [row for row in list_layers(connection, site.skycell) if row.layer == str(LAYER)]
    assert [(row.exposure, row.chip, row.context_plane, row.context_bit) for row in inputs] == [
        ("ib6o2300q", 1, 0, 0),
        ("ib6o2301q", 1, 0, 1),
    ]
    assert all(row.exptime_s == 350.0 and row.n_pixels_contributed > 0 for row in inputs)
    assert [(row.layer, row.context_bit) for row in products] == [(str(OTHER_LAYER), 1), (str(LAYER), 1)]
    assert coarse.product == product


def test_more_than_32_inputs_use_a_second_plane(site: Site) -> None:
    for number in range(2, 34):
        site.add(number)
    site.build()
    with transaction(site.engine) as connection:
        inputs = list_product_inputs(connection, str(site.plan().product_name))
    assert [(row.context_plane, row.context_bit) for row in inputs] == [
        *((0, bit) for bit in range(32)),
        (1, 0),
        (1, 1),
    ]


def test_second_build_changes_nothing(site: Site) -> None:
    site.build()
    before = site.products(), site.files(), site.outcomes()
    assert site.build() == "current"
    assert (site.products(), site.files(), site.outcomes()) == before


def test_second_revision_supersedes_the_first(site: Site) -> None:
    site.build()
    [first] = site.products()
    site.add(2)
    assert site.build() == "published"
    [second] = site.products()
    assert (second.product, second.revision, second.n_inputs) == (first.product, 2, 3)
    assert second.file_sha256 != first.file_sha256
    assert site.revisions() == [(1, "superseded"), (2, "current")]
    assert site.rows("select distinct product_revision from mvm.product_provenance") == [(2,)]
    assert site.build(force=True) == "published"
    assert site.revisions() == [(1, "superseded"), (2, "superseded"), (3, "current")]
    assert_sound(site)


def test_exposure_that_arrives_during_a_build_leaves_the_layer_stale(site: Site) -> None:
    """It is committed after the plan was made and before the product is published."""
    arrived: list[Path] = []

    def on_step(done: int, total: int) -> None:
        if not arrived:
            arrived.append(site.add(2))

    result = build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_step=on_step)
    assert (result.outcome, result.n_inputs) == ("published", 2)
    status = f"select status, reasons from mvm.layer_statuses('{site.skycell}') where layer = '{LAYER}'"
    assert site.rows(status) == [("stale", ["extent_changed", "input_added"])]
    changes = f"select exposure, since from mvm.layer_changes('{site.skycell}', '{LAYER}') where chip = 1"
    [[name, since]] = site.rows(changes)
    [[published]] = site.rows("select published_at from mvm.product")
    assert name == "ib6o2302q"
    assert isinstance(since, datetime)
    assert isinstance(published, datetime)
    assert since < published
    assert site.build() == "published"
    assert site.rows(status) == [("current", [])]


def test_revision_that_arrives_during_a_build_leaves_the_layer_stale(site: Site) -> None:
    arrived: list[Path] = []

    def on_step(done: int, total: int) -> None:
        if not arrived:
            folder = site.exposures_dir / "again"
            folder.mkdir()
            again = SyntheticExposure(rootname="b6o2301q", ra_deg=150 + 1 / 36000, level=9)
            arrived.append(site.ingest(again.write(folder)))

    build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_step=on_step)
    status = f"select status, reasons from mvm.layer_statuses('{site.skycell}') where layer = '{LAYER}'"
    assert site.rows(status) == [("stale", ["input_revised"])]


def test_product_whose_file_is_gone_is_built_again(site: Site) -> None:
    site.build()
    Path(site.products()[0].file_path).unlink()
    assert site.build() == "published"
    assert_sound(site)


def test_drz_becomes_drc(site: Site) -> None:
    """When an FLC supersedes an FLT, the product changes its name and the former file goes."""
    site.build()
    [drz] = site.products()
    flc = SyntheticExposure(rootname="b6o2300q", ra_deg=150, level=7).write(
        site.exposures_dir, "ib6o2300q_flc.fits"
    )
    site.ingest(flc)
    site.build()
    [drc] = site.products()
    assert (drz.product[-8:], drc.product[-8:]) == ("drz.fits", "drc.fits")
    assert_sound(site)
    with (
        transaction(site.engine) as connection,
        pytest.raises(UnknownObjectError, match="no product hst_skycell"),
    ):
        find_product(connection, drz.product)


def test_superseded_file_is_removed_unless_its_name_has_been_given_again(site: Site) -> None:
    """A late builder removes what it had found superseded, and the name bears a new product by now."""
    site.build()
    [first] = site.products()
    former = PublishedFile(first.file_path, first.file_sha256, first.file_size_bytes)
    site.build(force=True)
    remove_file(former)
    assert_sound(site)
    [second] = site.products()
    remove_file(PublishedFile(second.file_path, second.file_sha256, second.file_size_bytes))
    assert site.files() == []


def test_staged_rows_are_invisible(site: Site) -> None:
    staged = Builder.begin(site).stage()
    assert site.revisions() == [(1, "staged")]
    assert site.products() == []
    assert site.rows("select * from mvm.product_provenance") == []
    assert site.rows(f"select product from mvm.layers('{site.skycell}') where product is not null") == []
    assert site.plan().inputs
    publish(staged)
    assert site.products() == []


def test_publishing_makes_them_visible(site: Site) -> None:
    builder = Builder.begin(site)
    publish(builder.stage())
    with transaction(site.engine) as connection:
        builds.publish_product(connection, builder.stamp.build_id)
    [product] = site.products()
    assert (product.build_id, product.host) == (builder.stamp.build_id, HOST)
    assert len(site.rows("select * from mvm.product_provenance")) == 2
    assert_sound(site)


def test_killed_before_it_staged_anything(site: Site) -> None:
    builder = Builder.begin(site)
    site.directory.mkdir(parents=True)
    (site.directory / f".{builder.plan.product_name}.{builder.stamp.build_id}.part").write_bytes(b"SIMPLE  =")
    assert recover(site.engine) == [builder.stamp.build_id]
    assert site.outcomes() == ["abandoned"]
    assert site.files() == []


def test_killed_before_its_rows_were_written(site: Site) -> None:
    Builder.begin(site).write()
    assert len(find_leftovers(site.directory)) == 1
    recover(site.engine)
    assert site.outcomes() == ["abandoned"]
    assert site.files() == []
    assert site.revisions() == []


@pytest.mark.parametrize("is_rebuild", [False, True])
def test_killed_before_the_rename(site: Site, is_rebuild: bool) -> None:
    if is_rebuild:
        site.build()
    before = site.products()
    Builder.begin(site).stage()
    recover(site.engine)
    assert site.products() == before
    assert site.outcomes()[-1] == "abandoned"
    assert site.rows("select count(*) from mvm.product_input") == [(2 * len(before),)]
    assert_sound(site)


@pytest.mark.parametrize("is_rebuild", [False, True])
def test_killed_after_the_rename(site: Site, is_rebuild: bool) -> None:
    """The file is in place: only the last step is missing, and recovery takes it."""
    if is_rebuild:
        site.build()
    builder = Builder.begin(site)
    staged = builder.stage()
    publish(staged)
    assert recover(site.engine) == [builder.stamp.build_id]
    [product] = site.products()
    assert (product.revision, product.file_sha256) == (1 + is_rebuild, staged.sha256)
    assert product.build_id == builder.stamp.build_id
    assert site.outcomes() == ["published"] * (1 + is_rebuild)
    assert site.build() == "current"
    assert_sound(site)


def test_recovery_twice_is_silent(site: Site) -> None:
    Builder.begin(site).write()
    publish(Builder.begin(site).stage())
    assert len(recover(site.engine)) == 2
    after = site.products(), site.files(), site.outcomes(), site.revisions()
    assert recover(site.engine) == []
    assert (site.products(), site.files(), site.outcomes(), site.revisions()) == after
    assert_sound(site)


def test_next_build_of_any_layer_recovers(site: Site) -> None:
    Builder.begin(site).stage()
    site.build(layer=OTHER_LAYER)
    assert site.outcomes() == ["abandoned", "published"]
    assert_sound(site)


@pytest.mark.parametrize("step", ["begin", "write", "stage", "publish"])
def test_living_build_is_left_alone(site: Site, step: str) -> None:
    builder = Builder.begin(site, is_late=False)
    if step == "write":
        builder.write()
    elif step != "begin":
        staged = builder.stage()
        if step == "publish":
            publish(staged)
    before = site.files(), site.outcomes(), site.revisions()
    assert recover(site.engine) == []
    assert (site.files(), site.outcomes(), site.revisions()) == before
    release_lease(site.engine, builder.lease)
    assert recover(site.engine) == [builder.stamp.build_id]


def test_lease_excludes_a_second_builder_of_the_layer_only(site: Site) -> None:
    held = take(site)
    assert held is not None
    assert take(site) is None
    with pytest.raises(ConflictError, match=rf"another process builds {LAYER} of .*: 1 on {HOST}") as caught:
        site.build()
    assert "runs out in 60 s" in str(caught.value.hint) or "runs out in 59 s" in str(caught.value.hint)
    assert site.build(layer=OTHER_LAYER) == "published"
    assert site.outcomes() == ["published"]
    release_lease(site.engine, held)
    assert site.build() == "published"
    assert site.rows("select * from mvm.lease") == []


def test_tokens_grow(site: Site) -> None:
    """Whether a lease was released or ran out, the next has a higher token, and the former renews nothing."""
    first = take(site)
    run_out(site)
    second = take(site)
    other = take(site, OTHER_LAYER)
    assert first
    assert second
    assert other
    release_lease(site.engine, first)
    assert not renew_lease(site.engine, first)
    assert renew_lease(site.engine, second)
    release_lease(site.engine, second)
    third = take(site)
    assert third
    assert first.token < second.token < other.token < third.token


def test_lease_that_ran_out_is_renewed_unless_another_took_it(site: Site) -> None:
    held = take(site)
    assert held
    run_out(site)
    assert renew_lease(site.engine, held)
    assert take(site) is None
    [[remaining_s]] = site.rows("select extract(epoch from expires_at - heartbeat_at)::float8 from mvm.lease")
    assert remaining_s == pytest.approx(60, abs=0.01)


def test_lease_in_use_is_not_taken_though_it_ran_out(site: Site) -> None:
    """The holder has it locked while it writes; others are refused at once, and do not wait."""
    held = take(site, lease_s=0.2)
    assert held
    with fenced(site.engine, held) as connection:
        connection.execute(text("select pg_sleep(0.3)"))
        assert take(site) is None
    assert take(site) is not None


def test_transaction_of_a_builder_that_stands_still_ends(site: Site) -> None:
    held = take(site, lease_s=0.2)
    assert held
    with pytest.raises(CatalogError, match="idle-in-transaction"), fenced(site.engine, held):
        time.sleep(1)
    assert take(site) is not None


@pytest.mark.parametrize("step", ["begin", "write"])
def test_late_builder_writes_no_rows(site: Site, step: str) -> None:
    """Another has taken over: what the late one writes after that is refused."""
    late = Builder.begin(site)
    if step == "write":
        late.write()
    assert site.build() == "published"
    with pytest.raises(ConflictError, match="has passed to another builder"):
        late.stage()
    assert site.outcomes() == ["abandoned", "published"]
    assert site.revisions() == [(1, "current")]


def test_late_builder_cannot_rename(site: Site) -> None:
    """Between its check and its rename another has taken over: the file it would rename is gone."""
    late = Builder.begin(site)
    staged = late.stage()
    assert site.build() == "published"
    with pytest.raises(ProductFileError, match="cannot be published"):
        publish(staged)
    assert site.outcomes() == ["abandoned", "published"]
    assert_sound(site)


@pytest.mark.parametrize("is_rebuild", [False, True])
def test_builder_that_is_overtaken_before_its_rename(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_rebuild: bool
) -> None:
    """Its rows are staged when another takes over and builds; it says so, and has changed nothing."""
    if is_rebuild:
        site.build()

    publish_offer = building.publish

    def overtaken(offer: OfferedProduct) -> None:
        monkeypatch.undo()
        run_out(site)
        assert site.build(force=True) == "published"
        publish_offer(offer)

    monkeypatch.setattr(building, "publish", overtaken)
    with pytest.raises(ConflictError, match="has passed to another builder"):
        site.build(force=True)
    assert site.outcomes() == ["published"] * is_rebuild + ["abandoned", "published"]
    assert_sound(site)


def test_late_builder_that_had_renamed_is_finished_by_the_next(site: Site) -> None:
    late = Builder.begin(site)
    publish(late.stage())
    assert site.build() == "current"
    site.add(2)
    assert site.build() == "published"
    with pytest.raises(ConflictError, match="has passed"), fenced(site.engine, late.lease) as connection:
        builds.publish_product(connection, late.stamp.build_id)
    assert site.revisions() == [(1, "superseded"), (2, "current")]
    assert_sound(site)


def test_file_that_a_late_builder_left_goes_with_the_next_build(site: Site) -> None:
    """It wrote it after it had been settled, and died."""
    late = Builder.begin(site)
    assert site.build() == "published"
    late.write()
    assert recover(site.engine) == []
    assert site.build(layer=OTHER_LAYER) == "published"
    assert len(find_leftovers(site.directory)) == 1
    assert site.build() == "current"
    assert_sound(site)


def test_build_that_loses_its_lease_stops(site: Site) -> None:
    """The lease passes while the first input is drizzled; the heartbeat notices, and nothing is recorded."""
    taken: list[Lease] = []

    def on_step(done: int, total: int) -> None:
        taken.append(take_over(site))
        time.sleep(0.4)

    with pytest.raises(ConflictError, match="has passed to another builder"):
        build_layer(site.engine, site.products_dir, site.skycell, LAYER, lease_s=0.3, on_step=on_step)
    assert len(taken) == 1
    assert site.files() == []
    assert site.outcomes() == ["running"]
    release_lease(site.engine, taken[0])
    assert len(recover(site.engine)) == 1
    assert site.outcomes() == ["abandoned"]


def test_heartbeat_keeps_the_lease_of_a_long_build(site: Site) -> None:
    taken: list[Lease | None] = []

    def on_step(done: int, total: int) -> None:
        time.sleep(0.5)
        taken.append(take(site))

    build_layer(site.engine, site.products_dir, site.skycell, LAYER, lease_s=0.3, on_step=on_step)
    assert taken == [None, None]
    assert site.outcomes() == ["published"]


def test_build_whose_connections_are_cut_goes_on(site: Site) -> None:
    """A lease is no session: builders outlive the loss of one, as behind a pooler or after a cut."""
    url = make_url(site.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)

    def on_step(done: int, total: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

    build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_step=on_step)
    assert site.outcomes() == ["published"]
    assert_sound(site)


def test_builders_that_start_at_once(site: Site) -> None:
    """Two of four publish nothing: they meet a lock or find the work done."""
    url = site.engine.url.render_as_string(hide_password=False)
    order = BuildOrder(url, site.products_dir, site.skycell, LAYER)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(carry_out, [order] * 4))
    assert [result.outcome for result in results].count("published") == 1
    for result in results:
        assert result.outcome in {"published", "current"} or result.error == "ConflictError"
    assert site.revisions() == [(1, "current")]
    assert_sound(site)


def test_failed_build_is_recorded_and_leaves_nothing(site: Site) -> None:
    changed = SyntheticExposure(rootname="b6o2301q", ra_deg=150 + 1 / 36000, level=99)
    changed.write(site.exposures_dir)
    with pytest.raises(ExposureFileError, match="has changed since ib6o2301q was ingested") as caught:
        site.build()
    assert "mvmdb ingest" in str(caught.value.hint)
    assert site.outcomes() == ["failed"]
    [[error]] = site.rows("select error from mvm.build")
    assert str(error).startswith("ExposureFileError: ")
    assert site.files() == []
    site.ingest(site.exposures_dir / "ib6o2301q_flt.fits")
    assert site.build() == "published"
    assert_sound(site)


def test_interrupted_build_is_recorded_and_leaves_nothing(site: Site) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_step=interrupt)
    assert site.rows("select outcome, error from mvm.build") == [("failed", "KeyboardInterrupt: ")]
    assert site.files() == []


def test_file_that_cannot_be_put_in_place_is_no_product(site: Site) -> None:
    """The rows are current only after the rename: here a folder bears the name of the product."""
    obstacle = site.directory / str(site.plan().product_name) / "obstacle"
    obstacle.mkdir(parents=True)
    with pytest.raises(ProductFileError, match="cannot be published"):
        site.build()
    assert site.products() == []
    obstacle.rmdir()
    obstacle.parent.rmdir()
    assert site.build() == "published"
    assert site.outcomes() == ["abandoned", "published"]
    assert_sound(site)


def test_failure_after_staging_removes_the_staged_rows(site: Site) -> None:
    builder = Builder.begin(site)
    builder.stage()
    with transaction(site.engine) as connection:
        builds.fail_build(connection, builder.stamp.build_id, "OSError: the disk is on fire")
    assert site.revisions() == []
    assert site.rows("select outcome, error from mvm.build") == [("failed", "OSError: the disk is on fire")]
