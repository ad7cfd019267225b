"""Build: a plan carried out, from pixels to a published file and its rows.

One straight road: lock, plan, read, drizzle, stage the file, stage the rows, rename, make the rows
current. A process that dies on the way leaves a running build without a lock; the next build of any
layer finds it and finishes or removes what it left.
"""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine

from mvmdb.catalog import builds
from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.footprints import list_outlines
from mvmdb.errors import ConflictError, MissingFileError, MvmdbError
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import find_leftovers, stage_product
from mvmdb.mosaic.engine import EngineInput, build_layer_image
from mvmdb.mosaic.footprints import footprint_statistics
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.parallel import run_parallel
from mvmdb.pipeline.plan import DEFAULT_CHOICE, LayerTask, ParameterChoice, as_forced, plan_layer
from mvmdb.pipeline.prepare import PreparedLayer, prepare_layer, read_input
from mvmdb.pipeline.product_files import file_state
from mvmdb.pipeline.storage import (
    product_location,
    publish_at,
    remove_location,
    remove_upload,
    staging_directory,
    upload,
)
from mvmdb.records import ChipOutline, FootprintStatistics, LayerImage, LayerPlan, PublishedFile
from mvmdb.sky.grid import skycell_grid

_SOFTWARE = ("mvmdb", "drizzle", "numpy", "astropy", "stwcs")

_MOST_NAMES = 50
"""Root names that fit into a message."""

OnInput = Callable[[int], None]


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
    on_input: OnInput | None = None,
) -> BuildResult:
    """Build one layer unless its product is current; retire the product of one that has no exposure any more.

    Parameters
    ----------
    engine
        Database with the schema in place.
    products_dir
        Directory of all products, or its URL; each skycell has a directory below it.
    skycell, layer
        What to build.
    choice
        With which parameters.
    selection
        Of which exposures.
    force
        Build although nothing has changed.
    on_input
        Called with the context index of each input when it has been drizzled.

    Raises
    ------
    ConflictError
        Another process builds this layer.
    MissingFileError
        Inputs are known by their footprints alone; nothing is recorded.
    MvmdbError
        The plan, an input or the engine failed; the failure is recorded, nothing is published.
    """
    recover(engine)
    with builds.layer_lock(engine, str(skycell), str(layer), selection) as held:
        if not held:
            raise ConflictError(f"another process builds {layer} of {skycell}", {})
        _remove_replaced(engine, str(skycell), str(layer), selection)
        with transaction(engine) as connection:
            task = plan_layer(connection, skycell, layer, choice, selection)
            outlines = list_outlines(connection, skycell, layer, selection) if task.plan.inputs else []
        if not task.plan.inputs:
            retire_product(engine, str(skycell), str(layer), selection)
            return _result(task, "retired", None)
        task = as_forced(task) if force else task
        if task.status == "current":
            return _result(task, "current", product_location(products_dir, skycell, task.plan.product_name))
        require_files(task.plan)
        return _result(task, "published", _build(engine, products_dir, task.plan, outlines, on_input).path)


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


def _build(
    engine: Engine,
    products_dir: Path | str,
    plan: LayerPlan,
    outlines: Sequence[ChipOutline],
    on_input: OnInput | None,
) -> PublishedFile:
    directory = staging_directory(products_dir, plan.skycell)
    location = product_location(products_dir, plan.skycell, plan.product_name)
    stamp = _begin(engine, plan, directory)
    with _failure_recorded(engine, stamp.build_id, directory):
        image, headers = compute_layer(plan, on_input)
        image = replace(image, footprints=_footprint_statistics(plan, outlines))
        staged = stage_product(directory, plan, image, headers, stamp)
        upload(staged, location, stamp.build_id)
        file = PublishedFile(location, staged.sha256, staged.size_bytes)
        with transaction(engine) as connection:
            builds.stage_product(
                connection, stamp.build_id, plan=plan, image=image, file=file, revision=stamp.revision
            )
    # From the rename on nothing is undone: if this process dies, recover() finishes the step it was at.
    publish_at(staged, location, stamp.build_id)
    with transaction(engine) as connection:
        builds.publish_product(connection, stamp.build_id)
    _remove_replaced(engine, str(plan.skycell), str(plan.layer), plan.selection)
    return file


def _footprint_statistics(plan: LayerPlan, outlines: Sequence[ChipOutline]) -> FootprintStatistics:
    full, fine, grid = skycell_grid(plan.skycell, plan.layer.scale), skycell_grid(plan.skycell), plan.grid
    ratio = fine.scale_arcsec / grid.scale_arcsec
    offset_pix = (grid.crpix_x - 1, grid.crpix_y - 1)
    tangent_point_pix = (fine.crpix_x - 1, fine.crpix_y - 1)
    return footprint_statistics(
        [(outline.vertices_pix - tangent_point_pix) * ratio + offset_pix for outline in outlines],
        [outline.exptime_s for outline in outlines],
        plan.box.shape,
        full.box.n_pixels,
    )


def _begin(engine: Engine, plan: LayerPlan, directory: Path) -> BuildStamp:
    versions = {name: version(name) for name in _SOFTWARE}
    build_id = str(uuid.uuid4())
    with transaction(engine) as connection:
        revision = builds.begin_build(
            connection, plan, build_id, host=platform.node(), versions=versions, directory=str(directory)
        )
    return BuildStamp(build_id, revision, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), versions)


@contextmanager
def _failure_recorded(engine: Engine, build_id: str, directory: Path) -> Iterator[None]:
    """Record why a build failed and remove its files; whatever it was, it goes on to the caller."""
    try:
        yield
    except BaseException as error:
        with transaction(engine) as connection:
            builds.fail_build(connection, build_id, f"{type(error).__name__}: {error}")
        _remove_leftovers(directory, build_id)
        raise


def _remove_leftovers(directory: Path, build_id: str) -> None:
    for path in find_leftovers(directory):
        if build_id in path.name:
            path.unlink(missing_ok=True)


def retire_product(engine: Engine, skycell: str, layer: str, selection: str) -> None:
    """Take the product of a layer out of the current ones, and its file away; the caller holds the lock.

    The rows go first: if this process dies between, the next build of the layer removes the file.
    """
    with transaction(engine) as connection:
        builds.retire_product(connection, skycell, layer, selection)
    _remove_replaced(engine, skycell, layer, selection)


def _remove_replaced(engine: Engine, skycell: str, layer: str, selection: str) -> None:
    """Remove what former products of a layer left under another name."""
    with transaction(engine) as connection:
        replaced = builds.list_replaced_files(connection, skycell, layer, selection)
    for path in replaced:
        remove_location(path)


def recover(engine: Engine) -> list[str]:
    """Finish or remove what dead builds left; return their identities.

    A running build whose layer is not locked has lost its process. If its file is in place with the
    hash of its staged rows, only the last step was missing; otherwise nothing of it remains.
    """
    with transaction(engine) as connection:
        running = builds.list_running(connection)
    return [item.build_id for item in running if _recover_one(engine, item)]


def _recover_one(engine: Engine, dead: builds.UnfinishedBuild) -> bool:
    with builds.layer_lock(engine, dead.skycell, dead.layer, dead.selection) as held:
        with transaction(engine) as connection:
            if not (held and builds.is_running(connection, dead.build_id)):
                return False
        done = dead.staged is not None and file_state(dead.staged, thorough=True) == "in_place"
        with transaction(engine) as connection:
            (builds.publish_product if done else builds.abandon_build)(connection, dead.build_id)
        _remove_leftovers(Path(dead.directory), dead.build_id)
        remove_upload(dead.staged, dead.build_id)
        return True


def compute_layer(plan: LayerPlan, on_input: OnInput | None = None) -> tuple[LayerImage, list[ChipHeader]]:
    """Return the arrays of a layer and the header of each input; no database, nothing written.

    Raises
    ------
    ExposureFileError
        An input has changed or gone since it was ingested, or its errors are wanted and absent.
    EmptyLayerError
        No good pixel of any input reaches the subarray.
    """
    headers: list[ChipHeader] = []
    full = skycell_grid(plan.skycell, plan.layer.scale)
    prepared = prepare_layer(plan)
    image = build_layer_image(
        plan.box.shape,
        _engine_inputs(plan, prepared, headers),
        n_inputs=len(plan.inputs),
        parameters=plan.parameters,
        skycell_n_pixels=full.box.n_pixels,
        on_input=on_input,
    )
    return _with_preparation(image, prepared), headers


def _engine_inputs(
    plan: LayerPlan, prepared: PreparedLayer, headers: list[ChipHeader]
) -> Iterator[EngineInput]:
    """Yield the inputs one by one in drizzle order, so that one chip is in memory at a time."""
    for item, adjustment in zip(plan.inputs, prepared.adjustments, strict=True):
        chip, header = read_input(plan, item, adjustment, with_error=plan.parameters.error)
        headers.append(header)
        yield chip
        del chip


def _with_preparation(image: LayerImage, prepared: PreparedLayer) -> LayerImage:
    inputs = (
        adjustment.recorded_in(one)
        for adjustment, one in zip(prepared.adjustments, image.inputs, strict=True)
    )
    return replace(image, inputs=tuple(inputs), preparation=prepared.preparation)


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


def carry_out(order: BuildOrder, on_input: OnInput | None = None) -> BuildResult:
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
            on_input=on_input,
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
