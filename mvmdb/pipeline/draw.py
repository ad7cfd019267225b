"""Drawing: a plan carried out on a file, from the pixels of its inputs to a product under a temporary name.

No database; nothing is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mvmdb.errors import ChangedProductError
from mvmdb.files.drafts import finish_product, product_draft
from mvmdb.files.exposure import ChipPixels
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct
from mvmdb.mosaic.engine import OnStep, Store, build_layer_image
from mvmdb.mosaic.footprints import footprint_statistics
from mvmdb.pipeline.prepare import engine_inputs, open_inputs, prepare_layer
from mvmdb.pipeline.roads import finished_layer
from mvmdb.records import BaseProduct, ChipOutline, FootprintStatistics, LayerArrays, LayerImage, LayerPlan
from mvmdb.sky.grid import skycell_grid


def draw_product(
    directory: Path,
    plan: LayerPlan,
    stamp: BuildStamp,
    outlines: Sequence[ChipOutline],
    *,
    base: BaseProduct | None = None,
    compress: bool = False,
    n_threads: int = 1,
    on_step: OnStep | None = None,
) -> tuple[StagedProduct, LayerImage]:
    """Write the file of a layer under a temporary name; no database.

    With a product to go on from, only what is new is drizzled, if that gives the same bits. Compressed, the
    file has the same pixels.

    Raises
    ------
    ExposureFileError
        An input has changed or gone since it was ingested, or its errors are wanted and absent.
    EmptyLayerError
        No good pixel of any input reaches the subarray.
    ProductFileError
        The disk is full or the directory cannot be written.
    """
    draw = partial(
        _draw, directory, plan, stamp, outlines, compress=compress, n_threads=n_threads, on_step=on_step
    )
    try:
        return draw(base)
    except ChangedProductError:
        return draw(None)


def _draw(
    directory: Path,
    plan: LayerPlan,
    stamp: BuildStamp,
    outlines: Sequence[ChipOutline],
    base: BaseProduct | None,
    *,
    compress: bool,
    n_threads: int,
    on_step: OnStep | None,
) -> tuple[StagedProduct, LayerImage]:
    """Draw on a new file. Whether it may go on from a product is known for certain when it is drawn."""
    chips = open_inputs(plan, n_trusted=len(base.adjustments) if base else 0, n_threads=n_threads)
    headers = [chip.header for chip in chips]
    with product_draft(directory, plan, headers, stamp) as draft:
        image = compute_layer(
            plan,
            chips,
            base=base,
            out=draft.arrays,
            store=draft.pixels,
            n_threads=n_threads,
            on_step=on_step,
        )
        image = replace(image, footprints=_footprint_statistics(plan, outlines))
        staged = finish_product(draft, plan, image, headers, stamp, compress=compress, n_threads=n_threads)
        return staged, image


def compute_layer(
    plan: LayerPlan,
    chips: Sequence[ChipPixels],
    *,
    base: BaseProduct | None = None,
    out: LayerArrays | None = None,
    store: Store | None = None,
    n_threads: int = 1,
    on_step: OnStep | None = None,
) -> LayerImage:
    """Return the image of a layer; no database, nothing written but the arrays that are given.

    Parameters
    ----------
    plan, chips
        What to build, and the pixels of each of its inputs.
    base
        The product to go on from, where that gives the same bits.
    out, store
        Where the layer goes, and what puts rows there; new arrays by default.
    n_threads
        Strips that are drawn at a time.
    on_step
        Called with the number of steps that are done, and that of all.

    Raises
    ------
    ChangedProductError
        The product to go on from is not the one that was published; what was put in the layer is worthless.
    EmptyLayerError
        No good pixel of any input reaches the subarray.
    """
    full = skycell_grid(plan.skycell, plan.layer.scale)
    prepared = prepare_layer(plan, chips)
    given = engine_inputs(plan, chips, prepared.adjustments)
    with finished_layer(plan, base, given, prepared.adjustments) as finished:
        if finished is None and base is not None:
            open_inputs(plan, n_threads=n_threads)  # all are drizzled after all: none may have changed
        image = build_layer_image(
            plan.box,
            given,
            parameters=plan.parameters,
            skycell_n_pixels=full.box.n_pixels,
            out=out,
            store=store,
            finished=finished,
            engine=plan.engine,
            n_threads=n_threads,
            on_step=on_step,
        )
    inputs = (
        adjustment.recorded_in(one)
        for adjustment, one in zip(prepared.adjustments, image.inputs, strict=True)
    )
    return replace(image, inputs=tuple(inputs), preparation=prepared.preparation)


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
