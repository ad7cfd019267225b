"""The tables of schema ``mvm``: the truth for tables, columns, units and constraints.

Views and functions stand in ``sql/``; what is printed from here stands in ``sql/tables``.
"""

from mvmdb.catalog.models.base import SCHEMA, metadata, sql_object
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
from mvmdb.catalog.models.products import build, engine, parameter_rule, parameter_set, product, product_input
from mvmdb.catalog.models.sky import layer_scale, projection_cell, projection_core, ring, tessellation

__all__ = [
    "SCHEMA",
    "build",
    "chip",
    "engine",
    "exclusion_rule",
    "exposure",
    "extent_revision",
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
    "ring",
    "sql_object",
    "tessellation",
    "withdrawal",
]
