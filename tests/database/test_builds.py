"""The build protocol: staged, renamed, made current; what recovery does at every point a builder can die."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from mvmdb.catalog import builds
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.layers import list_layers, list_skycells_with_layers
from mvmdb.catalog.products import (
    ProductRow,
    find_product,
    list_exposure_products,
    list_product_inputs,
    list_products,
)
from mvmdb.errors import (
    CatalogUnreachableError,
    ConflictError,
    ExposureFileError,
    ProductFileError,
    UnknownObjectError,
)
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct, find_leftovers, publish, stage_product, verify_product
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import BuildOrder, build_layer, carry_out, compute_layer, recover
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import LayerPlan, PublishedFile
from tests.support.exposures import SyntheticExposure

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


@dataclasses.dataclass(frozen=True)
class Builder:
    """A build carried out step by step, to be left wherever a process may die."""

    site: Site
    plan: LayerPlan
    stamp: BuildStamp

    @classmethod
    def begin(cls, site: Site) -> Builder:
        """Record that a build runs."""
        plan, build_id = site.plan(), str(uuid.uuid4())
        with transaction(site.engine) as connection:
            revision = builds.begin_build(
                connection,
                plan,
                build_id,
                host=HOST,
                versions={"mvmdb": "0.1.0"},
                directory=str(site.directory),
            )
        return cls(site, plan, BuildStamp(build_id, revision, "2026-11-22T18:30:05", {"mvmdb": "0.1.0"}))

    def write(self) -> StagedProduct:
        """Write the file beside its final name."""
        image, headers = compute_layer(self.plan)
        return stage_product(self.site.directory, self.plan, image, headers, self.stamp)

    def stage(self) -> StagedProduct:
        """Write the file and its rows."""
        image, headers = compute_layer(self.plan)
        staged = stage_product(self.site.directory, self.plan, image, headers, self.stamp)
        file = PublishedFile(str(staged.final_path), staged.sha256, staged.size_bytes)
        with transaction(self.site.engine) as connection:
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

    def on_input(index: int) -> None:
        if not arrived:
            arrived.append(site.add(2))

    result = build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_input=on_input)
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

    def on_input(index: int) -> None:
        if not arrived:
            folder = site.exposures_dir / "again"
            folder.mkdir()
            again = SyntheticExposure(rootname="b6o2301q", ra_deg=150 + 1 / 36000, level=9)
            arrived.append(site.ingest(again.write(folder)))

    build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_input=on_input)
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


@contextmanager
def another_builder(site: Site, layer: LayerName = LAYER) -> Iterator[None]:
    """Hold the lock of a layer on a connection of its own."""
    engine = connect(site.engine.url.render_as_string(hide_password=False))
    try:
        with builds.layer_lock(engine, str(site.skycell), str(layer), "all") as held:
            assert held
            yield
    finally:
        engine.dispose()


@pytest.mark.parametrize("step", ["begin", "write", "stage", "publish"])
def test_living_build_is_left_alone(site: Site, step: str) -> None:
    with another_builder(site):
        builder = Builder.begin(site)
        if step == "write":
            builder.write()
        elif step != "begin":
            staged = builder.stage()
            if step == "publish":
                publish(staged)
        before = site.files(), site.outcomes(), site.revisions()
        assert recover(site.engine) == []
        assert (site.files(), site.outcomes(), site.revisions()) == before
    assert recover(site.engine) == [builder.stamp.build_id]


def test_lock_excludes_a_second_builder_of_the_layer_only(site: Site) -> None:
    with another_builder(site):
        with builds.layer_lock(site.engine, str(site.skycell), str(LAYER), "all") as held:
            assert not held
        with pytest.raises(ConflictError, match=f"another process builds {LAYER} of {site.skycell}"):
            site.build()
        assert site.build(layer=OTHER_LAYER) == "published"
    assert site.outcomes() == ["published"]
    assert site.build() == "published"


def test_lock_goes_with_its_connection(site: Site) -> None:
    """A builder cut off from the database is dead to the others, and stages nothing when it wakes up."""
    builder = Builder.begin(site)
    with pytest.raises(CatalogUnreachableError, match="terminating connection"), another_builder(site):
        cut_connections_with_locks(site)
    assert site.build() == "published"
    with pytest.raises(ConflictError, match=f"build {builder.stamp.build_id} is no longer running"):
        builder.stage()
    assert site.outcomes() == ["abandoned", "published"]
    assert site.revisions() == [(1, "current")]


def cut_connections_with_locks(site: Site) -> None:
    query = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
    assert site.rows(query) == [(True,)]
    wait_for_builders_to_go(site)


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
    def interrupt(context_index: int) -> None:
        if context_index == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_layer(site.engine, site.products_dir, site.skycell, LAYER, on_input=interrupt)
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


def wait_for_builders_to_go(site: Site) -> None:
    """Wait until the server has noticed that the connections of a killed process are closed."""
    site.engine.dispose()
    query = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    url = make_url(site.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        deadline_s = time.monotonic() + 20
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline_s
            time.sleep(0.002)


def assert_nothing_half_done_shows(site: Site) -> None:
    """Require, right after a kill, that the file of a product is there and is the product's.

    Between the rename and the last transaction of a rebuild the name bears the new file already: then
    its rows are staged, with its hash.
    """
    staged = {sha256 for (sha256,) in site.rows("select file_sha256 from mvm.product where state = 'staged'")}
    for row in site.products():
        assert file_sha256(row.file_path) in {row.file_sha256} | staged


N_KILLS = 15


def test_killed_at_random(site: Site) -> None:
    """SIGKILL in the midst of builds: half of them at any time, half while the file waits for its rename."""
    start = warm_builder(site)
    duration_s = timed(start)
    random = np.random.default_rng(13)
    n_killed = 0
    for number in range(N_KILLS):
        process = start()
        if number % 2:
            wait_for_a_part(site, process)
            time.sleep(random.uniform(0, 0.02))
        else:
            time.sleep(random.uniform(0.3, 1.0) * duration_s)
        process.kill()
        process.join()
        n_killed += process.exitcode != 0
        wait_for_builders_to_go(site)
        assert_nothing_half_done_shows(site)
        assert site.build(force=bool(number % 3)) in {"published", "current"}
        assert_sound(site)
    assert n_killed >= 5
    assert "abandoned" in site.outcomes()


def warm_builder(site: Site) -> Callable[[], ForkServerProcess]:
    """Return what starts a process that builds the layer; it has its imports behind it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mvmdb.pipeline.build"])
    url = site.engine.url.render_as_string(hide_password=False)
    order = BuildOrder(url, site.products_dir, site.skycell, LAYER, force=True)

    def start() -> ForkServerProcess:
        process = context.Process(target=carry_out, args=(order,))
        process.start()
        return process

    return start


def timed(start: Callable[[], ForkServerProcess]) -> float:
    """Return how long a build in another process takes, once its server is warm."""
    start().join()
    start_s = time.monotonic()
    start().join()
    return time.monotonic() - start_s


def wait_for_a_part(site: Site, process: ForkServerProcess) -> None:
    while process.is_alive() and not (site.directory.exists() and find_leftovers(site.directory)):
        time.sleep(0.0005)
