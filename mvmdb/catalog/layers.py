"""Layers: what the database decides about one, from members and extent to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from mvmdb.catalog.exclusions import list_layer_exclusions
from mvmdb.catalog.rows import columns_of, fetch, select_function
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


def list_layers(connection: Connection, skycell: SkycellName) -> list[LayerRow]:
    """Return the layers of a skycell, by name, with the file of each that has one."""
    return fetch(connection, LayerRow, select_function(LayerRow, func.mvm.layers(str(skycell))))


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
    """Return what a build of a layer would do now.

    Raises
    ------
    EmptyLayerError
        No exposure reaches the skycell.
    UnknownObjectError
        The skycell has no such layer.
    """
    extent = find_extent(connection, skycell)
    inputs = list_inputs(connection, skycell, layer, selection)
    if not inputs:
        known = ", ".join(row.layer for row in list_layers(connection, skycell))
        raise UnknownObjectError(f"skycell {skycell} has no layer {layer}", hint=f"its layers are {known}")
    suffix: ProductSuffix = "drc" if _holds_cte_corrected(connection, inputs) else "drz"
    name = ProductName(skycell, layer, selection, suffix)
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
        tuple(list_layer_exclusions(connection, skycell, layer)),
        dict(parameter_overrides or {}),
    )


def _holds_cte_corrected(connection: Connection, inputs: list[LayerInput]) -> bool:
    """Return whether any input is an FLC: then the product is a drc, as in the reference pipeline."""
    query = text("select bool_or(file_type = 'flc') from mvm.exposure where exposure_id = any(:ids)")
    return bool(connection.execute(query, {"ids": [item.exposure_id for item in inputs]}).scalar())
