"""What a plan follows from and what a recipe depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records import DrizzleParameters, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.facts import make_facts, ring_of_pixels
from tests.support.product_makers import DOCUMENT_EXTENT, make_input, make_plan, with_input


def test_visit_is_the_first_six_characters() -> None:
    facts = make_facts("jabc01d2q", [ring_of_pixels("p1889x07y19", (0, 0, 10, 10))])
    assert facts.visit == "jabc01"


@pytest.mark.parametrize(("index", "plane", "bit"), [(0, 0, 0), (31, 0, 31), (32, 1, 0), (100, 3, 4)])
def test_place_in_the_context_image(index: int, plane: int, bit: int) -> None:
    item = make_input(index)
    assert (item.context_plane, item.context_bit) == (plane, bit)


@pytest.mark.parametrize(("n_inputs", "n_planes"), [(1, 1), (32, 1), (33, 2), (64, 2), (65, 3)])
def test_planes_of_32_inputs(n_inputs: int, n_planes: int) -> None:
    assert make_plan(n_inputs).n_context_planes == n_planes


def test_plan_without_inputs_has_one_plane() -> None:
    assert dataclasses.replace(make_plan(1), inputs=()).n_context_planes == 1


def test_grid_of_the_document() -> None:
    plan = make_plan(layer="acs_wfc_f775w", extent=DOCUMENT_EXTENT)
    assert (plan.grid.crpix_x, plan.grid.crpix_y) == (94360.0, -171093.0)
    assert plan.grid.shape == (11672, 10840)
    # SCI, WHT and one plane of CTX, four bytes a pixel each.
    assert plan.output_bytes == 11672 * 10840 * 12


def test_grid_of_a_coarse_layer() -> None:
    plan = make_plan(layer="wfc3_ir_f160w_coarse", extent=DOCUMENT_EXTENT)
    # Coarse pixel c covers the fine pixels 3c + 1 to 3c + 3.
    first_x, first_y = (2132 - 1) // 3, (10281 - 1) // 3
    last_x, last_y = (12971 - 1) // 3, (21952 - 1) // 3
    assert plan.box == PixelBox(first_x, first_y, last_x + 1, last_y + 1)
    assert plan.grid.crpix_x == pytest.approx(96492 / 3 - first_x)
    assert plan.grid.crpix_y == pytest.approx(-160812 / 3 - first_y)
    assert plan.grid.scale_arcsec == 0.12


def test_recipe_is_plain_json() -> None:
    plan = make_plan(2)
    text = json.dumps(plan.recipe(), sort_keys=True)
    assert json.loads(text) == plan.recipe()
    assert plan.recipe_sha256() == hashlib.sha256(text.encode()).hexdigest()
    assert plan.recipe()["inputs"] == [["jtst00aaq", 1, f"{0:064x}"], ["jtst00aaq", 2, f"{1:064x}"]]


def changed_plans() -> dict[str, LayerPlan]:
    """Plans that make other pixels than ``make_plan(4)``."""
    plan = make_plan(4)
    other_cell, other_layer = SkycellName(1889, 8, 19), LayerName.parse("acs_wfc_f814w")

    def replaced(**changes: Any) -> LayerPlan:
        return dataclasses.replace(plan, **changes)

    changes = {
        "skycell": replaced(skycell=other_cell),
        "layer": replaced(layer=other_layer),
        "selection": replaced(selection="late"),
        "rule of the selection": replaced(selection_rule={"until": "2012-01-01T00:00:00Z"}),
        "extent": replaced(extent=plan.extent.grown(1)),
        "engine": replaced(engine="mvmdb 0.1.0, drizzle 3.0.1"),
        "fewer inputs": replaced(inputs=plan.inputs[:3]),
        "other order": replaced(inputs=plan.inputs[::-1]),
        "other content": with_input(plan, 1, file_sha256="0" * 64),
        "other chip": with_input(plan, 1, chip=4),
    }
    parameters = {
        "kernel": "turbo",
        "pixfrac": 0.8,
        "weighting": "ivm",
        "good_bits": 0,
        "mapping_error_pix": 0.0,
        "sky": "match",
        "sky_zero": "faintest",
        "equalise": "photflam",
        "error": True,
    }
    assert set(parameters) == {item.name for item in dataclasses.fields(DrizzleParameters)}
    for name, value in parameters.items():
        changes[name] = replaced(parameters=dataclasses.replace(plan.parameters, **{name: value}))
    return changes


@pytest.mark.parametrize("what", changed_plans())
def test_whatever_changes_pixels_changes_the_recipe(what: str) -> None:
    assert changed_plans()[what].recipe_sha256() != make_plan(4).recipe_sha256()


def test_what_changes_no_pixel_leaves_the_recipe() -> None:
    plan = make_plan(4)
    moved = with_input(plan, 0, file_path="/elsewhere/a_flc.fits", exposure_id=9, revision=2)
    renamed = dataclasses.replace(moved, product_name=ProductName(plan.skycell, plan.layer, "all", "drz"))
    assert renamed.recipe_sha256() == plan.recipe_sha256()
