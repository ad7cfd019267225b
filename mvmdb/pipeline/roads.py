"""Which road a build takes: from scratch, or on from the product in place, to the same bits.

What a product holds is what the engine keeps between two inputs. So inputs that come after its own can be
added to it, and a larger extent is a frame of nothing around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from mvmdb.errors import ChangedProductError
from mvmdb.files.stored_layer import StoredLayer, stored_layer
from mvmdb.mosaic.inputs import EngineInput
from mvmdb.mosaic.pixmap import sticks_out
from mvmdb.pipeline.prepare import Adjustment
from mvmdb.pipeline.storage import product_store
from mvmdb.records import BaseProduct, FinishedLayer, LayerPlan, Road
from mvmdb.sky.grid import PixelBox, box_at_scale

FROM_SCRATCH = Road("from scratch: there is no product in place")


def choose_road(plan: LayerPlan, base: BaseProduct | None) -> Road:
    """Return the road of a plan, as far as it can be told without looking at pixels."""
    if base is None:
        return FROM_SCRATCH
    hurdle = _hurdle(plan, base)
    if hurdle is not None:
        return Road(f"from scratch: {hurdle}")
    n_old, n_new = len(base.adjustments), len(plan.inputs)
    return Road(f"on from revision {base.revision}, which holds the first {n_old} of {n_new} inputs", base)


def _hurdle(plan: LayerPlan, base: BaseProduct) -> str | None:
    """Return why a build cannot go on from a product, or None."""
    recipe, made, n_old = plan.recipe(), base.recipe, len(base.adjustments)
    box = PixelBox(**made["extent"])
    hurdles = {
        f"the file in place is {base.file_state}": base.file_state != "in_place",
        "the product in place was made by another engine": recipe["engine"] != made.get("engine"),
        "the product in place has other parameters": recipe["parameters"] != made.get("parameters"),
        "its inputs are not the first of the new ones": made.get("inputs") != recipe["inputs"][:n_old],
        "errors cannot be continued from a file": plan.parameters.error,
        "new inputs change how all skies are matched": (
            plan.parameters.sky == "match" and n_old < len(plan.inputs)
        ),
        "the extent has shrunk": box.intersection(plan.extent) != box,
        "nothing is new": box == plan.extent and n_old == len(plan.inputs),
    }
    return next((words for words, is_so in hurdles.items() if is_so), None)


@contextmanager
def finished_layer(
    plan: LayerPlan,
    base: BaseProduct | None,
    inputs: Sequence[EngineInput],
    adjustments: Sequence[Adjustment],
) -> Iterator[FinishedLayer | None]:
    """Give what a build goes on from, or None where a look at the inputs forbids it.

    Parameters
    ----------
    plan, base
        What is to be built, and the product that its road goes on from.
    inputs, adjustments
        The inputs of the plan, and what is done to them.

    Raises
    ------
    ChangedProductError
        The product cannot be read; or, at the end of the block, what was read is not what was published.
    """
    if base is None or not _is_continued(plan, base, inputs, adjustments):
        yield None
        return
    box = _box(plan, base)
    with _published(base) as layer:
        yield FinishedLayer(
            lambda part: layer.read(part.shifted(-box.x0, -box.y0)), len(base.adjustments), box
        )


def _is_continued(
    plan: LayerPlan, base: BaseProduct, inputs: Sequence[EngineInput], adjustments: Sequence[Adjustment]
) -> bool:
    """Tell whether the product as it was published holds exactly what its inputs would give now."""
    n_old = len(base.adjustments)
    if [(one.flux_scale, one.sky_e_per_s_arcsec2, one.sky_group) for one in adjustments[:n_old]] != list(
        base.adjustments
    ):
        return False
    inner = _box(plan, base)
    return not any(sticks_out(item.mapping, item.shape, inner, plan.box) for item in inputs[:n_old])


def _box(plan: LayerPlan, base: BaseProduct) -> PixelBox:
    return box_at_scale(PixelBox(**base.recipe["extent"]), plan.layer.scale)


@contextmanager
def _published(base: BaseProduct) -> Iterator[StoredLayer]:
    """Give the images of a product. Whether they are those that were published is known when all are read."""
    location = base.file.path
    with ExitStack() as opened:
        try:
            layer = opened.enter_context(stored_layer(product_store(location).local_copy(location)))
        except OSError as error:
            raise ChangedProductError(location, f"cannot be read any more: {error}") from error
        try:
            yield layer
        finally:
            if not _has_hash(layer, base.file.sha256):
                raise ChangedProductError(location, "has changed since it was published")


def _has_hash(layer: StoredLayer, sha256: str) -> bool:
    try:
        return layer.has_sha256(sha256)
    except OSError:
        return False
