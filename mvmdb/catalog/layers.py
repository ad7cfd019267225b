"""Layers: what the database decides about one, from members and extent to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from mvmdb.catalog.exclusions import list_layer_exclusions
from mvmdb.catalog.rows import columns_of, fetch, select_function
from mvmdb.catalog.selections import find_selection_rule, require_selection
from mvmdb.errors import EmptyLayerError, UnknownObjectError
from mvmdb.names import LayerName, ProductName, ProductSuffix, SkycellName
from mvmdb.records import DrizzleParameters, LayerInput, LayerPlan
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True)
class LayerRow:
    """One layer of a skycell as a list shows it."""

    skycell: str
    layer: str
    selection: str
    n_exposures: int
    exptime_s: float
    first_date: datetime
    last_date: datetime
    area_arcmin2: float
    product: str | None


@dataclass(frozen=True)
class DeepLayerRow:
    """A layer that reaches some exposure time somewhere."""

    skycell: str
    layer: str
    deepest_exptime_s: float
    """Longest exposure time in the layer, seconds, from outlines."""
    area_arcmin2: float
    """Sky on which it reaches what was asked for, square arcmin."""
    s_region: str
    """That sky as STC-S text."""


@dataclass(frozen=True)
class SkycellRow:
    """A skycell that has layers."""

    skycell: str
    n_layers: int
    n_exposures: int


def list_layers(connection: Connection, skycell: SkycellName, selection: str = "all") -> list[LayerRow]:
    """Return the layers of a skycell in which a selection takes exposures, with the files of those built."""
    return fetch(connection, LayerRow, select_function(LayerRow, func.mvm.layers(str(skycell), selection)))


def list_layer_names(connection: Connection, skycell: SkycellName, selection: str = "all") -> list[LayerName]:
    """Return the layers of a skycell in which a selection takes exposures or has a product, by name."""
    query = text(
        "select m.layer::text from mvm.layer_members(:skycell, :selection) as m"
        " union select p.layer from mvm.product as p"
        " where p.skycell = :skycell and p.selection = :selection and p.state = 'current' order by 1"
    )
    values = {"skycell": str(skycell), "selection": selection}
    return [LayerName.parse(name) for name in connection.execute(query, values).scalars()]


def list_deep_layers(
    connection: Connection, filter_name: str, min_exptime_s: float, *, skycell: SkycellName | None = None
) -> list[DeepLayerRow]:
    """Return where a filter is at least so deep, the deepest layer first; layers of skycells may overlap."""
    deep = func.mvm.deep_layers(filter_name, min_exptime_s, skycell and str(skycell))
    rows = deep.table_valued("skycell", "layer", "deepest_exptime_s", "area_arcmin2", "region")
    s_region = func.mvm.s_region(rows.c.region).label("s_region")
    return fetch(connection, DeepLayerRow, select(*rows.columns[:4], s_region))


def list_skycells_with_layers(connection: Connection) -> list[SkycellRow]:
    """Return every skycell that exposures reach, by name."""
    query = text(
        "select skycell, count(distinct layer) as n_layers, count(distinct exposure_id) as n_exposures"
        " from mvm.layer_member group by skycell order by skycell"
    )
    return [SkycellRow(**row) for row in connection.execute(query).mappings()]


def find_extent(connection: Connection, skycell: SkycellName) -> PixelBox:
    """Return the common subarray of a skycell, in its fine pixels.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    """
    query = text("select x0, y0, x1, y1 from mvm.skycell_extent(:skycell)")
    row = connection.execute(query, {"skycell": str(skycell)}).one_or_none()
    if row is None:
        raise EmptyLayerError(f"no exposure reaches skycell {skycell}", hint="ingest exposures first")
    return PixelBox(*row)


def list_inputs(
    connection: Connection, skycell: SkycellName, layer: LayerName, selection: str = "all"
) -> list[LayerInput]:
    """Return the chips of a layer in drizzle order."""
    names = ["exposure", *(name for name in columns_of(LayerInput) if name != "rootname")]
    chips = func.mvm.layer_inputs(str(skycell), str(layer), selection).table_valued(*names)
    renamed = (item.label("rootname") if item.name == "exposure" else item for item in chips.columns)
    return fetch(connection, LayerInput, select(*renamed).order_by(chips.c.context_index))


def find_plan(
    connection: Connection,
    skycell: SkycellName,
    layer: LayerName,
    *,
    selection: str = "all",
    parameters: DrizzleParameters,
    parameter_set: str,
    parameter_overrides: Mapping[str, Any] | None = None,
    engine: str,
) -> LayerPlan:
    """Return what a build of a layer would do now; without inputs where a product is all that is left of it.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell, or the selection takes none of the layer.
    UnknownObjectError
        The skycell has no such layer, or there is no such selection.
    """
    inputs = list_inputs(connection, skycell, layer, selection)
    if inputs:
        suffix: ProductSuffix = "drc" if _holds_cte_corrected(connection, inputs) else "drz"
        name, extent = ProductName(skycell, layer, selection, suffix), find_extent(connection, skycell)
    else:
        name, extent = _find_left_over(connection, skycell, layer, selection)
    return LayerPlan(
        skycell,
        layer,
        selection,
        name,
        extent,
        tuple(inputs),
        parameters,
        parameter_set,
        engine,
        tuple(list_layer_exclusions(connection, skycell, layer, selection)),
        dict(parameter_overrides or {}),
        find_selection_rule(connection, selection, skycell, layer),
    )


def _find_left_over(
    connection: Connection, skycell: SkycellName, layer: LayerName, selection: str
) -> tuple[ProductName, PixelBox]:
    """Return name and extent of the product of a layer that has lost its last exposure."""
    query = text(
        "select product, x0, y0, x1, y1 from mvm.product where skycell = :skycell and layer = :layer"
        " and selection = :selection and state = 'current'"
    )
    values = {"skycell": str(skycell), "layer": str(layer), "selection": selection}
    row = connection.execute(query, values).one_or_none()
    if row is not None:
        return ProductName.parse(row.product), PixelBox(row.x0, row.y0, row.x1, row.y1)
    find_extent(connection, skycell)
    require_selection(connection, selection)
    known = list_layer_names(connection, skycell)
    if layer not in known:
        names = ", ".join(map(str, known))
        raise UnknownObjectError(f"skycell {skycell} has no layer {layer}", hint=f"its layers are {names}")
    raise EmptyLayerError(
        f"selection {selection} takes no exposure of {layer} in {skycell}",
        hint=f"what it takes: mvmdb selection show {selection} --skycell {skycell}",
    )


def _holds_cte_corrected(connection: Connection, inputs: list[LayerInput]) -> bool:
    """Return whether any input is an FLC: then the product is a drc, as in the reference pipeline."""
    query = text("select bool_or(file_type = 'flc') from mvm.exposure where exposure_id = any(:ids)")
    return bool(connection.execute(query, {"ids": [item.exposure_id for item in inputs]}).scalar())


def count_input_pixels(connection: Connection, plan: LayerPlan) -> int:
    """Return how many pixels the chips have that a plan drizzles; one without a file counts for none."""
    query = text(
        "select coalesce(sum(c.n_x_pix::bigint * c.n_y_pix), 0) from mvm.chip as c"
        " join unnest(cast(:ids as bigint[]), cast(:chips as integer[])) as i (exposure_id, chip)"
        " using (exposure_id, chip)"
    )
    values = {"ids": [item.exposure_id for item in plan.inputs], "chips": [item.chip for item in plan.inputs]}
    return int(connection.execute(query, values).scalar_one())
