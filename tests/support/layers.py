"""Layers from plans, without a database, and files from layers that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mvmdb.files.drafts import finish_product, product_draft
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.files.header import BuildStamp
from mvmdb.files.product import StagedProduct
from mvmdb.pipeline.draw import compute_layer
from mvmdb.pipeline.prepare import open_inputs
from mvmdb.records import LayerArrays, LayerImage, LayerPlan


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
        error = None if image.error is None else image.error.astype(np.float32)
        science, weight = image.science.astype(np.float32), image.weight.astype(np.float32)
        rows = LayerArrays(science, weight, image.context.astype(np.int32), error)
        draft.pixels.write(0, rows)
        return finish_product(draft, plan, image, headers, stamp, compress=compress, n_threads=n_threads)
