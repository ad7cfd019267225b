"""The keyword from which the rows of a product can be made again, with what HDRTAB and others say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from mvmdb.files.cards import HeaderCard
from mvmdb.records import LayerImage, LayerPlan

ROWS_KEYWORD = "MVMROWS"
"""Holds JSON, in as many CONTINUE cards as it needs; numbers in it are exact, those of cards may be cut."""


def rows_card(
    plan: LayerPlan,
    image: LayerImage,
    versions: Mapping[str, str],
    *,
    created_utc: str,
    host: str,
    process_id: int,
) -> HeaderCard:
    """Return the card; the inputs of the recipe are not in it, for HDRTAB has them."""
    recipe = plan.recipe()
    stated = {
        "recipe": {name: value for name, value in recipe.items() if name != "inputs"},
        "parameter_set": plan.parameter_set,
        "parameter_overrides": dict(plan.parameter_overrides),
        "versions": dict(versions),
        "created_utc": created_utc,
        "host": host,
        "process_id": process_id,
        "statistics": asdict(image.statistics),
        "footprints": asdict(image.footprints) if image.footprints is not None else None,
        "preparation": asdict(image.preparation),
        "withdrawn": [asdict(item) for item in plan.excluded if item.code == "withdrawn"],
    }
    return HeaderCard(ROWS_KEYWORD, json.dumps(stated), "provenance as JSON")
