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
    FootprintStatistics,
    InputStatistics,
    LayerImage,
    LayerStatistics,
    Preparation,
    PublishedFile,
)
from mvmdb.records.layers import (
    ENGINE,
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
from mvmdb.records.provenance import Generation, ProductProvenance, Usage, WithdrawnInput

__all__ = [
    "ENGINE",
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
    "FootprintChunk",
    "FootprintRow",
    "FootprintStatistics",
    "Forecast",
    "Generation",
    "InputStatistics",
    "Kernel",
    "LayerImage",
    "LayerInput",
    "LayerPlan",
    "LayerStatistics",
    "Preparation",
    "ProductProvenance",
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
