"""How a product comes about: from its inputs alone, or from the product in place and what is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mvmdb.records.images import PublishedFile


@dataclass(frozen=True)
class BaseProduct:
    """The product in place of a layer, as something to go on from."""

    file: PublishedFile
    file_state: str
    revision: int
    recipe: Mapping[str, Any]
    """What it was made of, as the database keeps it."""
    adjustments: tuple[tuple[float, float, int], ...]
    """What was done to each of its inputs, in context order: flux scale, sky, group of the sky."""


@dataclass(frozen=True)
class Road:
    """What a build goes on from, and why."""

    words: str
    base: BaseProduct | None = None
    """None: nothing; every input is drizzled."""
