"""The values that travel between rooms: what a file says, what the database plans, what a build made.

All are frozen; files, catalog and mosaic know these and not each other.
"""

from mvmdb.records.costs import BuildLimits, BuildUsage, BuildWork, Forecast
from mvmdb.records.exposures import (
    Bunit,
    ChipFacts,
    ExposureFacts,
    Finding,
    FootprintChunk,
    FootprintRow,
    RejectedRow,
)
from mvmdb.records.images import (
    FinishedLayer,
    FootprintStatistics,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerStatistics,
    Preparation,
    PublishedFile,
)
from mvmdb.records.layers import (
    COMPILED_ENGINE,
    ENGINE,
    REFERENCE_ENGINE,
    ChipFile,
    DrizzleParameters,
    Equalisation,
    ExcludedExposure,
    Kernel,
    LayerInput,
    LayerPlan,
    SkyMethod,
    SkyZero,
    Weighting,
)
from mvmdb.records.maps import ChipOutline, DepthMap, SkyDepth, first_chips
from mvmdb.records.product_record import InputRecord, ProductRecord
from mvmdb.records.provenance import Generation, ProductProvenance, Usage, WithdrawnInput

__all__ = [
    "COMPILED_ENGINE",
    "ENGINE",
    "REFERENCE_ENGINE",
    "BuildLimits",
    "BuildUsage",
    "BuildWork",
    "Bunit",
    "ChipFacts",
    "ChipFile",
    "ChipOutline",
    "DepthMap",
    "DrizzleParameters",
    "Equalisation",
    "ExcludedExposure",
    "ExposureFacts",
    "Finding",
    "FinishedLayer",
    "FootprintChunk",
    "FootprintRow",
    "FootprintStatistics",
    "Forecast",
    "Generation",
    "InputRecord",
    "InputStatistics",
    "Kernel",
    "LayerArrays",
    "LayerImage",
    "LayerInput",
    "LayerPlan",
    "LayerStatistics",
    "Preparation",
    "ProductProvenance",
    "ProductRecord",
    "PublishedFile",
    "RejectedRow",
    "SkyDepth",
    "SkyMethod",
    "SkyZero",
    "Usage",
    "Weighting",
    "WithdrawnInput",
    "first_chips",
]
