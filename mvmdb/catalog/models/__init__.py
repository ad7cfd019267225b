"""The tables of schema ``mvm``: the truth for tables, columns, units and constraints.

Views and functions stand in ``sql/``; what is printed from here stands in ``sql/tables``.
"""

from mvmdb.catalog.models.base import OTHER_SCHEMAS, SCHEMA, metadata, sql_object
from mvmdb.catalog.models.exposures import (
    chip,
    exclusion_rule,
    exposure,
    extent_revision,
    ingest_failure,
    placement,
    withdrawal,
)
from mvmdb.catalog.models.leases import lease
from mvmdb.catalog.models.products import (
    build,
    engine,
    parameter_rule,
    parameter_set,
    product,
    product_input,
    retention_rule,
)
from mvmdb.catalog.models.publication import filter_band, publisher
from mvmdb.catalog.models.selections import selection, selection_exclusion
from mvmdb.catalog.models.sky import layer_scale, projection_cell, projection_core, ring, tessellation

__all__ = [
    "OTHER_SCHEMAS",
    "SCHEMA",
    "build",
    "chip",
    "engine",
    "exclusion_rule",
    "exposure",
    "extent_revision",
    "filter_band",
    "ingest_failure",
    "layer_scale",
    "lease",
    "metadata",
    "parameter_rule",
    "parameter_set",
    "placement",
    "product",
    "product_input",
    "projection_cell",
    "projection_core",
    "publisher",
    "retention_rule",
    "ring",
    "selection",
    "selection_exclusion",
    "sql_object",
    "tessellation",
    "withdrawal",
]
