"""What a product file says of its making: all that its rows in the catalogue hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mvmdb.names import ProductName
from mvmdb.records.images import FootprintStatistics, InputStatistics, LayerStatistics, Preparation
from mvmdb.records.layers import ExcludedExposure
from mvmdb.sky.grid import PixelBox


@dataclass(frozen=True)
class InputRecord:
    """One chip that went into a product."""

    rootname: str
    chip: int
    """EXTVER of the SCI extension."""
    file_sha256: str
    """Hash of the uncompressed exposure file."""
    statistics: InputStatistics


@dataclass(frozen=True)
class ProductRecord:
    """A product as its own file tells it."""

    product_name: ProductName
    revision: int
    build_id: str
    created_at: datetime
    """When the build began."""
    host: str
    process_id: int
    versions: Mapping[str, str]
    recipe: Mapping[str, Any]
    """Everything that determines the pixels, as in ``mvm.build``."""
    parameter_set: str
    parameter_overrides: Mapping[str, Any]
    n_x_pix: int
    n_y_pix: int
    statistics: LayerStatistics
    footprints: FootprintStatistics | None
    preparation: Preparation
    inputs: tuple[InputRecord, ...]
    """Chips in the order of their context bits."""
    withdrawn: tuple[ExcludedExposure, ...]
    """Exposures that the layer was built without because somebody had withdrawn them."""

    @property
    def recipe_sha256(self) -> str:
        """Hash of the recipe, as in ``mvm.build``."""
        return recipe_sha256(self.recipe)

    @property
    def extent(self) -> PixelBox:
        """Common subarray of the skycell when it was built, fine pixels."""
        return PixelBox(**self.recipe["extent"])


def recipe_sha256(recipe: Mapping[str, Any]) -> str:
    """Return the hash of a recipe in plain JSON types."""
    return hashlib.sha256(json.dumps(dict(recipe), sort_keys=True).encode()).hexdigest()
