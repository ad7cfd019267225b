"""How a product came about: what a provenance document is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Generation:
    """A revision of a product and the build that generated it, as in ``mvm.product_generation``."""

    product: str
    revision: int
    dataset_id: str
    former_dataset_id: str | None
    skycell: str
    layer: str
    selection: str
    file_path: str
    file_sha256: str
    file_size_bytes: int
    published_at: datetime
    build_id: str
    started_at: datetime
    finished_at: datetime
    host: str
    process_id: int
    versions: Mapping[str, str]
    parameter_set: str
    parameters: Mapping[str, str | float | bool]
    engine: str
    recipe_sha256: str


@dataclass(frozen=True)
class Usage:
    """An exposure file that went into it, as in ``mvm.product_usage``."""

    dataset_id: str
    exposure: str
    exposure_revision: int
    file_path: str
    file_sha256: str
    n_chips: int
    n_pixels_contributed: int


@dataclass(frozen=True)
class WithdrawnInput:
    """A decision that took an exposure out of it, as in ``mvm.product_withdrawal``."""

    withdrawal_id: int
    dataset_id: str
    exposure: str
    reason: str
    withdrawn_by: str
    withdrawn_at: datetime


@dataclass(frozen=True)
class ProductProvenance:
    """Everything that the provenance of one revision of a product consists of."""

    generation: Generation
    usages: tuple[Usage, ...]
    """In drizzle order."""
    withdrawals: tuple[WithdrawnInput, ...]
