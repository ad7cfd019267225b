"""Build: a plan carried out, from pixels to a published file and its rows.

One straight road: lease, plan, read, drizzle, stage the file, stage the rows, give the file its name, make
the rows current. A process that dies on the way leaves a running build whose lease runs out; the next build
of any layer finds it and finishes or removes what it left.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine

from mvmdb.catalog import builds
from mvmdb.catalog.costs import record_cost
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.footprints import list_outlines
from mvmdb.catalog.leases import Lease, fenced
from mvmdb.catalog.revisions import FormerProduct
from mvmdb.errors import CatalogError, MissingFileError, MvmdbError, ProductFileError, StorageError
from mvmdb.files.header import BuildStamp
from mvmdb.files.stores import OfferedProduct, ProductStore
from mvmdb.mosaic.engine import OnStep
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.draw import draw_product
from mvmdb.pipeline.forecast import forecast_build, require_within
from mvmdb.pipeline.lease import Heartbeat, another_builds, leased
from mvmdb.pipeline.meter import metered
from mvmdb.pipeline.parallel import run_parallel
from mvmdb.pipeline.plan import DEFAULT_CHOICE, LayerTask, ParameterChoice, as_forced, plan_layer
from mvmdb.pipeline.product_files import publish
from mvmdb.pipeline.recovery import recover, remove_leftovers, remove_strays, settle
from mvmdb.pipeline.revisions import (
    current_revision,
    keep_former,
    prune_quietly,
    record_former,
    remove_replaced,
    require_known,
    retire_product,
)
from mvmdb.pipeline.storage import product_store
from mvmdb.records import BaseProduct, BuildLimits, BuildWork, ChipOutline, LayerPlan, PublishedFile
from mvmdb.settings import DEFAULT_LEASE_S

_SOFTWARE = ("mvmdb", "drizzle", "numpy", "astropy", "stwcs")

_MOST_NAMES = 50
"""Root names that fit into a message."""


@dataclass(frozen=True)
class BuildResult:
    """What became of one layer."""

    skycell: str
    layer: str
    selection: str
    outcome: str
    """published, current (nothing to do), retired (no exposure is left) or failed."""
    reason: str
    file_path: str | None = None
    n_inputs: int = 0
    n_excluded: int = 0
    error: str | None = None
    """Class of the error of a failed build; its message is the reason."""
    exit_code: int = 0
    hint: str | None = None
    """What to do about the error."""


def build_layer(
    engine: Engine,
    products_dir: Path | str,
    skycell: SkycellName,
    layer: LayerName,
    *,
    choice: ParameterChoice = DEFAULT_CHOICE,
    selection: str = "all",
    force: bool = False,
    full: bool = False,
    compress: bool = False,
    limits: BuildLimits | None = None,
    lease_s: float = DEFAULT_LEASE_S,
    n_threads: int = 1,
    on_step: OnStep | None = None,
) -> BuildResult:
    """Build one layer unless its product is current; retire the product of one that has no exposure any more.

    Parameters
    ----------
    engine
        Database with the schema in place.
    products_dir
        Directory of all products, or the URL of one; each skycell has a directory below it.
    skycell, layer
        What to build.
    choice
        With which parameters.
    selection
        Of which exposures.
    force
        Build although nothing has changed.
    full
        Drizzle every input, although the build could go on from the product in place.
    compress
        Compress the images of the file, without loss; a product that is current stays as it is.
    limits
        What the build may be expected to take; None: anything, even more than the disk has free.
    lease_s
        How long this process may be silent before others take it for dead, seconds.
    n_threads
        Strips of the layer that are drawn at a time.
    on_step
        Called with the number of steps that are done, and that of all.

    Raises
    ------
    ConflictError
        Another process builds this layer, or has taken over because this one was silent for too long.
    MissingFileError
        Inputs are known by their footprints alone; nothing is recorded.
    TooLargeError
        The build is expected to take more than it may; nothing is recorded.
    StorageError
        The object store does not answer.
    MvmdbError
        The plan, an input or the engine failed; the failure is recorded, nothing is published.
    """
    recover(engine, lease_s=lease_s)
    directory, store = f"{products_dir}/{skycell}", product_store(products_dir)
    with leased(engine, str(skycell), str(layer), selection, duration_s=lease_s) as held:
        if held is None:
            raise another_builds(engine, str(skycell), str(layer), selection)
        lease, heartbeat = held
        settle(engine, lease)
        remove_strays(directory, lease)
        with transaction(engine) as connection:
            task = plan_layer(connection, skycell, layer, choice, selection)
            outlines = list_outlines(connection, skycell, layer, selection) if task.plan.inputs else []
            planned = forecast_build(connection, task.plan, n_threads=n_threads)
        if not task.plan.inputs:
            retire_product(engine, lease)
            return _result(task, "retired", None)
        task = as_forced(task) if force else task
        if task.status == "current":
            return _result(task, "current", f"{directory}/{task.plan.product_name}")
        require_files(task.plan)
        require_within(task.plan, planned.forecast, limits, products_dir)
        with transaction(engine) as connection:
            require_known(connection, f"{directory}/{task.plan.product_name}")
        site = _Site(
            engine, lease, store, directory, n_threads, _watched(heartbeat, on_step), compress=compress
        )
        base = None if full else task.road.base
        return _result(task, "published", _build(site, task.plan, outlines, planned.work, base).path)


def require_files(plan: LayerPlan) -> None:
    """Raise unless every input has a file.

    Raises
    ------
    MissingFileError
        Inputs are known by their footprints alone; the error lists them all, its message the first.
    """
    missing = plan.rootnames_without_file
    if not missing:
        return
    n_inputs = len({item.rootname for item in plan.inputs})
    more = f" and {len(missing) - _MOST_NAMES} more" if len(missing) > _MOST_NAMES else ""
    raise MissingFileError(
        f"{plan.layer} of {plan.skycell}: {len(missing)} of {n_inputs} exposures have no file yet:"
        f" {' '.join(missing[:_MOST_NAMES])}{more}",
        missing,
        hint="fetch their flc, flt or c0m files by root name and ingest them; `mvmdb layer plan` lists them",
    )


def _result(task: LayerTask, outcome: str, file_path: str | None) -> BuildResult:
    plan = task.plan
    return BuildResult(
        str(plan.skycell),
        str(plan.layer),
        plan.selection,
        outcome,
        task.reason,
        file_path,
        n_inputs=len(plan.inputs),
        n_excluded=len(plan.excluded),
    )


@dataclass(frozen=True)
class _Site:
    """What every step of a build needs."""

    engine: Engine
    lease: Lease
    store: ProductStore
    directory: str
    """Of the products of the skycell: a path, or a URL."""
    n_threads: int
    on_step: OnStep
    compress: bool


def _watched(heartbeat: Heartbeat, on_step: OnStep | None) -> OnStep:
    """Return what is called after each step: a build that has lost its lease stops there."""

    def after_step(done: int, total: int) -> None:
        heartbeat.require()
        if on_step is not None:
            on_step(done, total)

    return after_step


def _build(
    site: _Site,
    plan: LayerPlan,
    outlines: Sequence[ChipOutline],
    work: BuildWork,
    base: BaseProduct | None,
) -> PublishedFile:
    stamp = _begin(site, plan)
    with _failure_recorded(site, stamp.build_id), metered() as used:
        staged, image = draw_product(
            site.store.draft_directory(site.directory),
            plan,
            stamp,
            outlines,
            base=base,
            compress=site.compress,
            n_threads=site.n_threads,
            on_step=site.on_step,
        )
        offer = site.store.offer(staged, site.directory, stamp.build_id)
        file = offer.file
        with fenced(site.engine, site.lease) as connection:
            builds.stage_product(
                connection, stamp.build_id, plan=plan, image=image, file=file, revision=stamp.revision
            )
            record_cost(
                connection,
                stamp.build_id,
                engine=plan.engine,
                work=work,
                usage=used(),
                # the size of plain products is forecast: that much is drawn, whatever remains of it
                output_bytes=None if site.compress else file.size_bytes,
            )
    former = _put_in_place(site, offer)
    # From here on nothing is undone: if this process dies, the next one finishes the step it was at.
    with fenced(site.engine, site.lease) as connection:
        record_former(connection, former)
        builds.publish_product(connection, stamp.build_id)
    remove_replaced(site.engine, site.lease)
    prune_quietly(site.engine, site.lease)
    return file


def _put_in_place(site: _Site, offer: OfferedProduct) -> FormerProduct | None:
    """Keep the former file and give the new one its name; return what it supersedes.

    While the former one is being kept nobody else can take the lease. A builder that was taken for dead
    fails: the ticket of its file has been taken away.
    """
    with fenced(site.engine, site.lease) as connection:
        require_known(connection, offer.file.path)
        former = current_revision(connection, site.lease)
        keep_former(connection, former)
    try:
        publish(offer)
    except (ProductFileError, StorageError):
        with fenced(site.engine, site.lease):
            pass  # raises when the lease is lost, which is the better reason
        raise
    return former


def _begin(site: _Site, plan: LayerPlan) -> BuildStamp:
    versions = {name: version(name) for name in _SOFTWARE}
    host = platform.node()
    build_id = str(uuid.uuid4())
    with fenced(site.engine, site.lease) as connection:
        revision = builds.begin_build(
            connection,
            plan,
            build_id,
            host=host,
            versions=versions,
            directory=site.directory,
        )
    created_utc = datetime.now(UTC).isoformat()
    return BuildStamp(build_id, revision, created_utc, versions, host, os.getpid())


@contextmanager
def _failure_recorded(site: _Site, build_id: str) -> Iterator[None]:
    """Remove the files of a build that failed and record why; whatever it was, it goes on to the caller.

    Nothing is recorded by a builder that has lost its lease, or its database: others do that.
    """
    try:
        yield
    except BaseException as error:
        remove_leftovers(site.directory, build_id)
        with suppress(CatalogError), fenced(site.engine, site.lease) as connection:
            builds.fail_build(connection, build_id, f"{type(error).__name__}: {error}")
        raise


@dataclass(frozen=True)
class BuildOrder:
    """One layer to build, in a form that crosses to another process."""

    url: str
    products_dir: Path | str
    skycell: SkycellName
    layer: LayerName
    choice: ParameterChoice = DEFAULT_CHOICE
    force: bool = False
    selection: str = "all"
    lease_s: float = DEFAULT_LEASE_S
    n_threads: int = 1
    limits: BuildLimits | None = None
    full: bool = False
    compress: bool = False


def carry_out(order: BuildOrder, on_step: OnStep | None = None) -> BuildResult:
    """Build one layer in this process; an expected failure is a result, not an exception."""
    engine = connect(order.url)
    try:
        return build_layer(
            engine,
            order.products_dir,
            order.skycell,
            order.layer,
            choice=order.choice,
            selection=order.selection,
            force=order.force,
            limits=order.limits,
            full=order.full,
            compress=order.compress,
            lease_s=order.lease_s,
            n_threads=order.n_threads,
            on_step=on_step,
        )
    except MvmdbError as error:
        return failed(order, error)
    finally:
        engine.dispose()


def failed(order: BuildOrder, error: BaseException) -> BuildResult:
    """Return the result of a layer that was not built."""
    known = error if isinstance(error, MvmdbError) else MvmdbError(str(error))
    return BuildResult(
        str(order.skycell),
        str(order.layer),
        order.selection,
        "failed",
        str(error),
        error=type(error).__name__,
        exit_code=known.exit_code,
        hint=known.hint,
    )


def build_layers(orders: Sequence[BuildOrder], *, workers: int) -> Iterator[BuildResult]:
    """Build several layers, each in one process, and yield what became of them as they are done."""
    for _, result in run_parallel(carry_out, orders, workers=workers):
        yield result
