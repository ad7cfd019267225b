"""Layers from plans, without a database, and files from layers that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mvmdb.files.drafts import finish_product, product_draft
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct
from mvmdb.pipeline.draw import compute_layer
from mvmdb.pipeline.prepare import open_inputs
from mvmdb.records import LayerImage, LayerPlan


def layer_of(plan: LayerPlan) -> LayerImage:
    """Return what a build would draw."""
    return compute_layer(plan, open_inputs(plan))


def chip_headers(plan: LayerPlan) -> list[ChipHeader]:
    """Return the headers of the inputs."""
    return [chip.header for chip in open_inputs(plan)]


def stage_product(
    directory: Path,
    plan: LayerPlan,
    image: LayerImage,
    headers: Sequence[ChipHeader],
    stamp: BuildStamp,
    *,
    compress: bool = False,
    n_threads: int = 1,
) -> StagedProduct:
    """Write a layer that is in memory as a build does, with ERR where it has errors."""
    plan = replace(plan, parameters=replace(plan.parameters, error=image.error is not None))
    with product_draft(directory, plan, headers, stamp) as draft:
        draft.arrays.science[:] = image.science
        draft.arrays.weight[:] = image.weight
        draft.arrays.context[:] = image.context
        if draft.arrays.error is not None and image.error is not None:
            draft.arrays.error[:] = image.error
        return finish_product(draft, plan, image, headers, stamp, compress=compress, n_threads=n_threads)
