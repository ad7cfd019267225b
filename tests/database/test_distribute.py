"""Layers on a real Dask scheduler: as if built one after the other, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from sqlalchemy import Engine, text

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.layers import count_input_pixels, list_layer_names, list_skycells_with_layers
from mvmdb.catalog.leases import release_lease, take_lease
from mvmdb.catalog.products import list_products
from mvmdb.errors import SchedulerError, WorkerVersionError
from mvmdb.files.product import read_product, verify_product
from mvmdb.names import SkycellName
from mvmdb.pipeline.build import BuildOrder, build_layers
from mvmdb.pipeline.distribute import LayerDone, LayerProgress, distribute, local_workers, workers_of
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import DEFAULT_CHOICE, longest_first, plan_skycell
from tests.support.exposures import SyntheticExposure

distributed = pytest.importorskip("distributed")

LEASE_S = 4.0
"""A dead builder is waited for so long."""


@dataclass(frozen=True)
class Site:
    """A database with two layers in each of a few skycells."""

    engine: Engine
    url: str
    folder: Path

    def orders(self, products: str = "products") -> list[BuildOrder]:
        """Return an order for every layer."""
        with transaction(self.engine) as connection:
            skycells = [SkycellName.parse(row.skycell) for row in list_skycells_with_layers(connection)]
            names = [
                (skycell, layer) for skycell in skycells for layer in list_layer_names(connection, skycell)
            ]
        return [BuildOrder(self.url, self.folder / products, *pair, lease_s=LEASE_S) for pair in names]

    def outcomes(self) -> list[str]:
        """Return the outcomes of all builds, sorted."""
        with transaction(self.engine) as connection:
            return sorted(connection.execute(text("select outcome from mvm.build")).scalars())


@pytest.fixture
def site(engine: Engine, database: str, tmp_path: Path) -> Site:
    """Six exposures, nothing built."""
    exposures = [
        SyntheticExposure(
            rootname=f"b6o23{number:02d}q",
            ra_deg=150 + number / 36000,
            level=1 + number,
            n_x_pix=300,
            n_y_pix=300,
        )
        for number in range(6)
    ]
    (tmp_path / "exposures").mkdir()
    files = [exposure.write(tmp_path / "exposures") for exposure in exposures]
    assert {item.error for item in ingest_files(engine, files)} == {None}
    return Site(engine, database, tmp_path)


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    """A scheduler with two worker processes."""
    with local_workers(2) as opened:
        yield opened


def test_killed_worker_costs_only_its_layer(site: Site, client: distributed.Client) -> None:
    """The layer at which it was is built again, and the pixels are those of a plain build in this process."""
    orders = [replace(order, compress=True) for order in site.orders()]
    process_ids = client.run(os.getpid)
    builders: dict[int, set[str]] = {}
    done = []
    for news in distribute(client, orders):
        if isinstance(news, LayerDone):
            done.append(news)
        elif news.n_done > 0:  # with 0, the lease of the dead worker may still be in the way
            if len(process_ids) == 2:
                os.kill(process_ids.pop(news.worker), signal.SIGKILL)
            builders.setdefault(news.index, set()).add(news.worker)
    assert sorted(item.index for item in done) == list(range(len(orders)))
    assert {item.result.outcome for item in done} == {"published"}
    assert sorted(map(len, builders.values())) == [1] * (len(orders) - 1) + [2]
    assert site.outcomes() == ["abandoned"] + ["published"] * len(orders)
    assert_as_built_here(site)


def assert_as_built_here(site: Site) -> None:
    """Require that a plain build in this process gives the recipes and pixels of the compressed products."""
    with transaction(site.engine) as connection:
        paths = {(row.skycell, row.layer): Path(row.file_path) for row in list_products(connection)}
    assert [problem for path in paths.values() for problem in verify_product(path)] == []
    for path in paths.values():
        with fits.open(path) as hdus:
            assert isinstance(hdus["SCI"], fits.CompImageHDU)
    # read now: the files of former products go when others take their places
    products = {layer: read_product(path) for layer, path in paths.items()}
    orders = [replace(order, force=True) for order in site.orders("here")]
    again = list(build_layers(orders, workers=1))
    assert len(again) == len(products)
    for result in again:
        there, here = products[result.skycell, result.layer], read_product(Path(str(result.file_path)))
        assert there.header.keywords["MVMRECIP"] == here.header.keywords["MVMRECIP"]
        assert np.nansum(here.weight) > 0
        for name in ("science", "weight", "context"):
            assert np.array_equal(getattr(there, name), getattr(here, name), equal_nan=True)


def test_layer_that_another_builds_is_tried_until_it_is_free(site: Site, client: distributed.Client) -> None:
    order = site.orders()[0]
    names = str(order.skycell), str(order.layer), order.selection
    lease = take_lease(site.engine, *names, host="elsewhere", process_id=1, duration_s=600)
    assert lease is not None
    attempts = 0
    for news in distribute(client, [order]):
        if isinstance(news, LayerProgress) and news.n_done == 0:
            attempts += 1
            if attempts == 2:
                release_lease(site.engine, lease)
        if isinstance(news, LayerDone):
            assert news.result.outcome == "published"
    assert attempts >= 2


def test_failure_is_a_result(site: Site, client: distributed.Client) -> None:
    orders = site.orders()
    (site.folder / "exposures" / "ib6o2301q_flt.fits").unlink()
    results = [news.result for news in distribute(client, orders) if isinstance(news, LayerDone)]
    assert {(item.outcome, item.error) for item in results} == {("failed", "ExposureFileError")}
    assert len(results) == len(orders)


def test_run_that_is_given_up_stops_its_layers(site: Site, client: distributed.Client) -> None:
    """As after Ctrl-C: what waits is not begun, what runs is recorded as failed and leaves no file."""
    news = distribute(client, site.orders() * 4)
    assert isinstance(next(news), LayerProgress)
    news.close()
    for _ in range(1200):  # a minute: a machine at work on other tests may halt for seconds
        if not any(client.processing().values()) and "running" not in site.outcomes():
            break
        time.sleep(0.05)
    assert "running" not in site.outcomes()
    assert len(site.outcomes()) <= 2
    assert list(site.folder.glob("products/*/.*.part")) == []
    assert "published" in {
        item.result.outcome for item in distribute(client, site.orders()) if isinstance(item, LayerDone)
    }


def test_worker_that_does_not_fit_is_refused(site: Site, client: distributed.Client) -> None:
    address = client.scheduler.address
    with workers_of(address, site.url):
        pass
    with (
        pytest.raises(SchedulerError, match="cannot reach the database") as caught,
        workers_of(address, "postgresql://nobody@127.0.0.1:1/none"),
    ):
        pass
    assert "MVMDB_DATABASE_URL" in str(caught.value.hint)
    client.run(_change_engine, "mvmdb engine 0")
    try:
        with pytest.raises(WorkerVersionError, match="with mvmdb engine 0"), workers_of(address, site.url):
            pass
    finally:
        client.run(_change_engine, None)


def _change_engine(engine: str | None) -> None:
    """Let a worker believe that it has another engine; runs there."""
    from mvmdb.pipeline import distribute as module
    from mvmdb.records import ENGINE

    defaults = module.Software.__init__.__defaults__
    module.Software.__init__.__defaults__ = (defaults[0], engine or ENGINE)


def test_scheduler_that_does_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvmdb.pipeline.distribute._CONNECT_S", 1)
    with (
        pytest.raises(SchedulerError, match="no Dask scheduler answers"),
        workers_of("tcp://127.0.0.1:9", site.url),
    ):
        pass


def test_layers_with_most_input_pixels_come_first(engine: Engine, tmp_path: Path) -> None:
    """One ACS exposure of two chips against one of WFC3/IR with a single chip."""
    infrared = SyntheticExposure(rootname="b6o2300q", n_x_pix=64, n_y_pix=48)
    optical = SyntheticExposure(kind="acs_wfc", rootname="b6o2301q", n_x_pix=100, n_y_pix=50)
    files = [exposure.write(tmp_path) for exposure in (infrared, optical)]
    assert {item.error for item in ingest_files(engine, files)} == {None}
    with transaction(engine) as connection:
        skycell = SkycellName.parse(list_skycells_with_layers(connection)[0].skycell)
        tasks = plan_skycell(connection, skycell)
        ordered = longest_first(connection, [(task, DEFAULT_CHOICE) for task in reversed(tasks)])
        counts = [count_input_pixels(connection, task.plan) for task, _ in ordered]
    assert counts == [2 * 100 * 50, 64 * 48, 64 * 48]
    assert ordered[0][0].plan.layer.instrument == "acs"
