"""Positions on parabolas between the rows that are evaluated, against the mapping of every pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvmdb.mosaic import compiled
from mvmdb.mosaic.compiled import Target, drizzle_onto, instruction_sets
from mvmdb.mosaic.inputs import Part
from mvmdb.mosaic.row_nodes import EVERY_ROW, RowNodes, place_nodes
from mvmdb.sky.distortion import LookupTable, SipPolynomials
from mvmdb.sky.grid import PixelBox, TanGrid
from mvmdb.sky.tan_mapping import TanToTan
from tests.support.distortions import random_distortion
from tests.support.mappings import AffineMapping

pytestmark = pytest.mark.skipif(not compiled.is_available(), reason="installed without a C++ compiler")

Floats = NDArray[np.float64]
GRID = TanGrid(150.002, 2.001, 800.0, 700.0, 0.04, 2000, 2000)


def mapping_of(seed: int, **changes: Any) -> TanToTan:
    return TanToTan.onto(GRID, random_distortion(seed, **changes))


def exact_positions(mapping: TanToTan, rows: NDArray[np.int64], n_columns: int) -> Floats:
    """Return the positions of the pixels of some rows, ring included."""
    x, y = np.meshgrid(np.arange(-1.0, n_columns + 1), rows.astype(float))
    return np.stack(mapping(x, y), axis=-1)


def positions_on_parabolas(mapping: TanToTan, shape: tuple[int, int], step_pix: int) -> Floats:
    """Return the positions of all pixels and of a ring, as the kernel is to have them."""
    rows = np.arange(-1, shape[0] + 1)
    first = (rows + 1) // (2 * step_pix) * (2 * step_pix) - 1
    low, middle, high = (exact_positions(mapping, first + k * step_pix, shape[1]) for k in range(3))
    t = ((rows - first) / step_pix - 1)[:, None, None]
    return low + (t + 1) * (middle - low) + t * (t + 1) / 2 * (high - 2 * middle + low)


def largest_error_pix(mapping: TanToTan, shape: tuple[int, int], nodes: RowNodes) -> float:
    exact = exact_positions(mapping, np.arange(-1, shape[0] + 1), shape[1])
    difference = positions_on_parabolas(mapping, shape, nodes.step_pix) - exact
    return float(np.hypot(difference[..., 0], difference[..., 1]).max())


def chips_with_kinks_at(row: float, amplitude_pix: float) -> TanToTan:
    """Return a chip whose table bends both coordinates in one row."""
    shifts = np.array([[0.0], [0.0], [amplitude_pix], [amplitude_pix]], dtype=np.float32)
    table = LookupTable(shifts, (1.0, 2.0), (1.0, row + 1), (64.0, 64.0))
    return mapping_of(4, sip=None, npol=(table, table), d2im=(None, None))


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 150), st.integers(2, 150)),
    max_error_pix=st.sampled_from([1e-1, 1e-2, 1e-3]),
)
@settings(max_examples=150, deadline=None)
def test_smooth_distortions_are_within_the_bound_at_every_pixel(
    seed: int, shape: tuple[int, int], max_error_pix: float
) -> None:
    mapping = mapping_of(seed, npol=(None, None), d2im=(None, None))
    nodes = place_nodes(mapping, shape, max_error_pix)
    error_pix = largest_error_pix(mapping, shape, nodes) if nodes.step_pix > 1 else 0.0

    assert error_pix <= max_error_pix
    assert error_pix <= 2.5 * nodes.error_pix + 1e-9


@given(row=st.floats(0, 63), amplitude_pix=st.floats(0.01, 3))
@settings(max_examples=150, deadline=None)
def test_kinks_anywhere_are_kept_within_the_bound(row: float, amplitude_pix: float) -> None:
    mapping, shape = chips_with_kinks_at(row, amplitude_pix), (140, 70)
    nodes = place_nodes(mapping, shape, 1e-2)

    assert nodes == EVERY_ROW or largest_error_pix(mapping, shape, nodes) <= 1e-2


def test_kinks_of_the_tables_of_hst_fall_between_parabolas() -> None:
    mapping = chips_with_kinks_at(63, 5.0)
    nodes = place_nodes(mapping, (200, 70), 1e-6)

    assert nodes.step_pix == 8
    assert largest_error_pix(mapping, (200, 70), nodes) < 1e-6


@pytest.mark.parametrize(("cubic", "step_pix"), [(1e-6, 8), (6e-6, 4), (1e-3, 1)])
def test_nodes_come_closer_until_the_error_is_small_enough(cubic: float, step_pix: int) -> None:
    bent = np.zeros((4, 4))
    bent[0, 3] = cubic
    sip = SipPolynomials(bent, np.zeros((1, 1)), (1.0, 1.0))
    distortion = random_distortion(1, npol=(None, None), d2im=(None, None), sip=sip)
    # A parabola through nodes h apart misses c y^3 by 0.385 c h^3; an input pixel is 1.25 output pixels wide.
    margin, bound = 2.5, 1e-3
    holds = [margin * 1.25 * 0.385 * cubic * h**3 < bound for h in (8, 4, 0)]
    assert (8, 4, 1)[holds.index(True)] == step_pix
    nodes = place_nodes(TanToTan.onto(GRID, distortion), (100, 40), bound)

    assert nodes.step_pix == step_pix
    measured_pix = 1.25 * 0.328 * cubic * step_pix**3 if step_pix > 1 else 0.0
    assert nodes.error_pix == pytest.approx(measured_pix, rel=0.1)


@pytest.mark.parametrize("kernel", ["square", "turbo", "point"])
@pytest.mark.parametrize("step_pix", [4, 8])
@pytest.mark.parametrize("first_row", [0, 61])
def test_the_kernel_drizzles_at_these_positions(kernel: str, step_pix: int, first_row: int) -> None:
    random, shape = np.random.default_rng(2), (180, 150)
    rate, weight = random.normal(1, 1, shape).astype(np.float32), np.full(shape, 500, dtype=np.float32)
    mapping = mapping_of(12)
    positions = positions_on_parabolas(mapping, (shape[0] + first_row, shape[1]), step_pix)[first_row:]
    low, high = positions.min(axis=(0, 1)).astype(int), positions.max(axis=(0, 1)).astype(int)
    box = PixelBox(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    exact = exact_positions(mapping, np.arange(first_row - 1, first_row + shape[0] + 1), shape[1])
    assert np.abs(positions - exact).max() > 1e-3

    def drizzled(mapped: TanToTan | Floats, **options: Any) -> list[NDArray[Any]]:
        arrays = [np.zeros(box.shape, dtype=dtype) for dtype in (np.float32, np.float32, np.int32)]
        target = Target(box, arrays[0], arrays[1], arrays[2], None, 0)
        how: dict[str, Any] = {"kernel": kernel, "pixfrac": 1.0, "area_ratio": 0.64, **options}
        drizzle_onto(target, Part(rate, weight, None), mapped, origin=(0, first_row), **how)
        return arrays

    expected = drizzled(positions)
    assert expected[1].any()
    by_set = [drizzled(mapping, node_step_pix=step_pix, instructions=name) for name in instruction_sets()]
    for found in by_set:
        np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-3)
        assert [array.tobytes() for array in found] == [array.tobytes() for array in by_set[0]]


def test_what_has_no_closed_form_or_no_error_allowed_is_evaluated_everywhere() -> None:
    assert place_nodes(mapping_of(1), (50, 50), 0.0) == EVERY_ROW
    assert place_nodes(AffineMapping(), (50, 50), 1e-3) == EVERY_ROW


def test_a_chip_that_faces_away_is_evaluated_everywhere() -> None:
    away = replace(GRID, crval_ra_deg=330.0, crval_dec_deg=-2.0)

    assert place_nodes(TanToTan.onto(away, random_distortion(1)), (50, 50), 1e-3) == EVERY_ROW
