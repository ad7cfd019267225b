"""Positions on cubics between the rows that are evaluated, against the mapping of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
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
from mvmdb.mosaic.row_nodes import EVERY_ROW, NODE_COUNTS, RowNodes, node_rows, place_nodes
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


def positions_on_cubics(mapping: TanToTan, shape: tuple[int, int], nodes: Sequence[int]) -> Floats:
    """Return the positions of all pixels and a ring, as the kernel is to have them, by Newton's formula."""
    rows = np.arange(-1, shape[0] + 1)
    stretch, within = np.divmod(rows + 1, 64)
    first = np.clip(np.searchsorted(nodes, within, side="right") - 2, 0, len(nodes) - 4)
    at = np.array(nodes)[first + np.arange(4)[:, None]]
    values = [exact_positions(mapping, 64 * stretch + rows_at - 1, shape[1]) for rows_at in at]
    far = at[..., None, None].astype(float)
    for order in (1, 2, 3):  # divided differences, in place
        for k in range(3, order - 1, -1):
            values[k] = (values[k] - values[k - 1]) / (far[k] - far[k - order])
    t = within[:, None, None]
    total = values[3]
    for k in (2, 1, 0):
        total = total * (t - far[k]) + values[k]
    is_kink = within == 0
    total[is_kink] = exact_positions(mapping, rows[is_kink], shape[1])
    return total


def largest_error_pix(mapping: TanToTan, shape: tuple[int, int], nodes: RowNodes) -> float:
    if nodes == EVERY_ROW:
        return 0.0
    exact = exact_positions(mapping, np.arange(-1, shape[0] + 1), shape[1])
    difference = positions_on_cubics(mapping, shape, nodes.rows) - exact
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
    error_pix = largest_error_pix(mapping, shape, nodes)

    assert error_pix <= max_error_pix
    assert error_pix <= 2 * nodes.error_pix + 1e-9


@given(row=st.floats(0, 63), amplitude_pix=st.floats(0.01, 3))
@settings(max_examples=150, deadline=None)
def test_kinks_anywhere_are_kept_within_the_bound(row: float, amplitude_pix: float) -> None:
    mapping, shape = chips_with_kinks_at(row, amplitude_pix), (140, 70)
    nodes = place_nodes(mapping, shape, 1e-2)

    assert largest_error_pix(mapping, shape, nodes) <= 1e-2


@pytest.mark.parametrize("row", [62.1, 63.0, 63.9])
def test_kinks_less_than_a_pixel_from_those_of_hst_do_no_harm(row: float) -> None:
    mapping = chips_with_kinks_at(row, 5.0)
    nodes = place_nodes(mapping, (200, 70), 1e-6)

    assert len(nodes.rows) == 5
    assert largest_error_pix(mapping, (200, 70), nodes) < 1e-6


@pytest.mark.parametrize(("quartic", "n_nodes"), [(5e-9, 5), (8e-8, 9), (1e-6, 17), (1e-4, 0)])
def test_nodes_come_closer_until_the_error_is_small_enough(quartic: float, n_nodes: int) -> None:
    bent = np.zeros((5, 5))
    bent[0, 4] = quartic
    sip = SipPolynomials(bent, np.zeros((1, 1)), (1.0, 1.0))
    distortion = random_distortion(1, npol=(None, None), d2im=(None, None), sip=sip)
    # A cubic through nodes h apart misses c y^4 by c h^4 t (t - 1) (t - 2) (t - 3), c h^4 at most; an input
    # pixel is 1.25 output pixels wide. Nodes are up to a pixel closer or farther apart than that.
    misses_pix = {n: 1.25 * quartic * (62 / (n - 1)) ** 4 for n in (5, 9, 17)}
    bound = 1e-3
    holds = [n for n, miss_pix in misses_pix.items() if 2 * miss_pix < bound]
    assert (holds or [0])[0] == n_nodes
    nodes = place_nodes(TanToTan.onto(GRID, distortion), (100, 40), bound)

    assert len(nodes.rows) == n_nodes
    assert nodes.error_pix == pytest.approx(misses_pix.get(n_nodes, 0.0), rel=0.35)


def test_nodes_lie_between_two_kinks_as_far_apart_as_can_be() -> None:
    for n_nodes in NODE_COUNTS:
        rows = node_rows(n_nodes)
        assert (rows[0], rows[-1], len(rows)) == (1, 63, n_nodes)
        assert np.ptp(np.diff(rows)) <= 1


@pytest.mark.parametrize("kernel", ["square", "turbo", "point"])
@pytest.mark.parametrize("n_nodes", [5, 17])
@pytest.mark.parametrize("first_row", [0, 61])
def test_the_kernel_drizzles_at_these_positions(kernel: str, n_nodes: int, first_row: int) -> None:
    random, shape = np.random.default_rng(2), (180, 150)
    rate, weight = random.normal(1, 1, shape).astype(np.float32), np.full(shape, 500, dtype=np.float32)
    mapping, nodes = mapping_of(12), node_rows(n_nodes)
    positions = positions_on_cubics(mapping, (shape[0] + first_row, shape[1]), nodes)[first_row:]
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
    by_set = [drizzled(mapping, node_rows=nodes, instructions=name) for name in instruction_sets()]
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
