"""A server, a directory, tiny exposures; what must hold right after a kill and after the work is complete."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import Engine, text

from mvmdb import cluster
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.schema import upgrade
from mvmdb.errors import ConflictError
from mvmdb.files.product import Product, find_leftovers, read_product, verify_product
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import BuildResult, build_layer
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.recovery import recover
from mvmdb.pipeline.retention import prune_products
from tests.support.exposures import SyntheticExposure

LAYER = LayerName.parse("wfc3_ir_f160w_coarse")
LEASE_S = 0.4
"""Long enough to be renewed on a busy machine, short enough to wait for."""

N_EXPOSURES = 3
N_INGESTED = 4
PATIENCE_S = 60.0

_ROOTNAMES = (f"{a}{b}{c}{d}" for a, b, c, d in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=4))


@dataclass
class Site:
    """A private server with two layers' worth of exposures, and the product of an undisturbed build."""

    home: Path
    engine: Engine
    url: str
    skycell: SkycellName
    product: Product
    recipe_sha256: str
    ingested: list[list[Path]] = field(default_factory=list)
    """Files of each round of ingest."""

    @property
    def products_dir(self) -> Path:
        """Where products go."""
        return self.home / "products"

    @property
    def directory(self) -> Path:
        """Where the products of the skycell lie."""
        return self.products_dir / str(self.skycell)

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Return the answer to a question."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def build(self, *, force: bool = False) -> BuildResult:
        """Build the layer here, waiting for leases of the dead to run out; return what became of it."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return build_layer(
                    self.engine, self.products_dir, self.skycell, LAYER, force=force, lease_s=LEASE_S
                )
            except ConflictError:
                assert time.monotonic() < deadline_s, "a lease did not run out"
                time.sleep(0.02)

    def newcomers(self) -> list[Path]:
        """Write exposures of another part of the sky that are not ingested yet."""
        folder = self.home / "newcomers"
        folder.mkdir(exist_ok=True)
        batch = [next(_ROOTNAMES) for _ in range(N_INGESTED)]
        files = [
            SyntheticExposure("acs_wfc", f"b{name}{n:02d}q", 210 + n / 3600, -40).write(folder)
            for n, name in enumerate(batch)
        ]
        self.ingested.append(files)
        return files

    def stop_server(self) -> None:
        """Stop PostgreSQL at once, without a checkpoint (``pg_ctl stop -m immediate``)."""
        server = cluster.status(self.home)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGQUIT)
        deadline_s = time.monotonic() + PATIENCE_S
        while cluster.status(self.home).pid is not None:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)

    def start_server(self) -> None:
        """Start PostgreSQL again; it recovers from its log."""
        self.engine.dispose()
        cluster.start(self.home)


@contextmanager
def killing_site() -> Iterator[Site]:
    """Give a site of its own; commits are durable, for the server is killed as well."""
    home = Path(tempfile.mkdtemp(prefix="mvmdb-kill-", dir="/tmp"))
    try:
        url = cluster.start(home).url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter system set fsync = off")  # the machine itself goes on
            connection.execute("select pg_reload_conf()")
        engine = connect(url)
        upgrade(engine)
        yield _made(home, engine, url)
        engine.dispose()
    finally:
        last = cluster.stop(home)
        for directory in (home, last.data_dir.parent, last.socket_dir):
            shutil.rmtree(directory, ignore_errors=True)


def _made(home: Path, engine: Engine, url: str) -> Site:
    folder = home / "exposures"
    folder.mkdir()
    files = [
        SyntheticExposure(rootname=f"b6o23{n:02d}q", ra_deg=150 + n / 36000, level=1 + n).write(folder)
        for n in range(N_EXPOSURES)
    ]
    assert [item.error for item in ingest_files(engine, files)] == [None] * N_EXPOSURES
    with transaction(engine) as connection:
        name = connection.execute(text("select min(skycell) from mvm.layer_member")).scalar_one()
    skycell = SkycellName.parse(name)
    result = build_layer(engine, home / "products", skycell, LAYER)
    assert result.file_path is not None
    with transaction(engine) as connection:
        recipe = connection.execute(text("select recipe_sha256 from mvm.build")).scalar_one()
    return Site(home, engine, url, skycell, read_product(Path(result.file_path)), recipe)


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def phase_of(site: Site) -> str:
    """Return how far the builder was that has just been killed, as its traces tell."""
    running = site.rows(
        "select p.file_sha256 from mvm.build as b left join mvm.product as p on p.build_id = b.build_id"
        " where b.outcome = 'running'"
    )
    has_part = bool(find_leftovers(site.directory))
    if not running:
        return "leased" if site.rows("select 1 from mvm.lease") else "before or after"
    if running[0][0] is None:
        return "file written" if has_part else "computing"
    return "rows staged" if has_part else "renamed"


def check_after_kill(site: Site) -> None:
    """Require that what shows is whole: every product has its file, every visible file is one of a product.

    Between rename and publication of a rebuild the name bears the new file already; then its rows are
    staged, with its hash, and the next builder makes them current. The former file is kept by then.
    """
    hashes = dict(
        site.rows("select file_sha256, state from mvm.product where state in ('current', 'staged')")
    )
    visible = [path for path in site.directory.glob("*.fits") if not path.name.startswith(".")]
    assert len(visible) == 1, visible
    assert sha256_of(visible[0]) in hashes
    [current] = [sha256 for sha256, state in hashes.items() if state == "current"]
    assert current in {sha256_of(path) for path in [*visible, *kept_files(site)]}
    assert site.rows("select file_path from mvm.product where state = 'current'") == [(str(visible[0]),)]


def check_complete(site: Site) -> None:
    """Require that nothing is left of those killed, and that the product is that of an undisturbed build."""
    recover(site.engine)
    [[path, sha256, recipe]] = site.rows(
        "select p.file_path, p.file_sha256, b.recipe_sha256 from mvm.product as p"
        " join mvm.build as b using (build_id) where p.state = 'current'"
    )
    assert [str(item) for item in site.directory.iterdir() if item.is_file()] == [path]
    check_kept(site)
    file = Path(str(path))
    assert sha256_of(file) == sha256
    assert verify_product(file) == []
    assert recipe == site.recipe_sha256
    _check_pixels(read_product(file), site.product)
    assert site.rows("select 1 from mvm.build where outcome = 'running'") == []
    assert site.rows("select 1 from mvm.product where state = 'staged'") == []
    assert site.rows("select 1 from mvm.lease") == []
    check_order(site)


def kept_files(site: Site) -> list[Path]:
    """Return what lies in the directory of former revisions, half-written files too."""
    return sorted((site.directory / "revisions").glob("*"))


def check_kept(site: Site) -> None:
    """Require that former revisions are kept as their rows say, and nothing else is; prune what was left."""
    prune_products(site.engine)
    rows = site.rows(
        "select file_path, file_sha256 from mvm.product"
        " where state = 'superseded' and file_state = 'in_place' order by file_path"
    )
    assert [(str(path), sha256_of(path)) for path in kept_files(site)] == rows
    lost = site.rows("select revision from mvm.product where file_state not in ('in_place', 'pruned')")
    assert lost == []


def check_order(site: Site) -> None:
    """Require that products came into force in the order of the leases under which they were built."""
    tokens = [
        token
        for (token,) in site.rows(
            "select b.lease_token from mvm.product as p join mvm.build as b using (build_id)"
            " where p.published_at is not null order by p.published_at"
        )
    ]
    assert tokens == sorted(tokens, key=lambda token: int(str(token)))


def _check_pixels(found: Product, expected: Product) -> None:
    for name in ("science", "weight", "context"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert [row["ROOTNAME"] for row in found.inputs] == [row["ROOTNAME"] for row in expected.inputs]


def check_ingest(site: Site, files: list[Path], *, is_complete: bool) -> None:
    """Require that each exposure is there with both chips and its placements, or not at all."""
    rows = site.rows(
        "select e.file_path, (select count(*) from mvm.chip as c where c.exposure_id = e.exposure_id),"
        " (select count(*) from mvm.placement as p where p.exposure_id = e.exposure_id) > 0"
        " from mvm.exposure as e where e.file_path = any(:paths)",
        paths=[str(file) for file in files],
    )
    assert {row[1:] for row in rows} <= {(2, True)}
    assert not is_complete or {row[0] for row in rows} == {str(file) for file in files}
    orphans = "select 1 from mvm.placement as p left join mvm.exposure as e using (exposure_id)"
    assert site.rows(f"{orphans} where e.exposure_id is null") == []
