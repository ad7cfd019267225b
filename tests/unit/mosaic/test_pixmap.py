"""Mappings on arrays: exact, interpolated within the bound, and which pixels matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvmdb.errors import MosaicError
from mvmdb.mosaic.pixmap import PixelMapping, compute_pixmap, find_reach
from mvmdb.sky.grid import PixelBox
from tests.support.mappings import AffineMapping

Floats = NDArray[np.float64]
Mapping = Callable[[Floats, Floats], tuple[Floats, Floats]]

SHAPE = (140, 200)


def exact_positions(mapping: Mapping, shape: tuple[int, int]) -> Floats:
    y, x = np.indices(shape, dtype=float)
    return np.stack(mapping(x.ravel(), y.ravel()), axis=-1).reshape(*shape, 2)


def largest_error(positions: Floats, exact: Floats) -> float:
    return float(np.hypot(*np.moveaxis(positions - exact, -1, 0)).max())


def reaching_part(
    mapping: PixelMapping, shape: tuple[int, int], output_shape: tuple[int, int]
) -> PixelBox | None:
    reach = find_reach(mapping, shape)
    return None if reach is None else reach.part(PixelBox(0, 0, output_shape[1], output_shape[0]))


def table_mapping(knot_offset: int, amplitude: float) -> Mapping:
    """Add a table that is linear between knots 64 pixels apart, as NPOL and D2IM tables are."""
    knots = knot_offset + 64.0 * np.arange(-2, 8)
    bends = amplitude * np.random.default_rng(7).normal(size=(2, knots.size))

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        bend_x, bend_y = np.interp(x, knots, bends[0]), np.interp(y, knots, bends[1])
        return 1.2 * x + bend_x + 0.3 * bend_y, 1.2 * y + bend_y - 0.2 * bend_x

    return mapping


def smooth_mapping(coefficients: list[float], size: int = 200) -> Mapping:
    """Distort by polynomials of the second and third order, in pixels at the far corner."""
    terms = np.reshape(coefficients, (2, 4))

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        u, v = x / size - 0.5, y / size - 0.4
        powers = np.stack([u * u, u * v, v * v, u**3 - v**2 * u])
        return 0.8 * x + 0.6 * y + terms[0] @ powers, -0.6 * x + 0.8 * y + terms[1] @ powers

    return mapping


def test_zero_error_evaluates_every_pixel() -> None:
    mapping = smooth_mapping([3, -1, 2, 4, 1, 1, -2, 5])
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=0)
    assert (pixmap.node_step_pix, pixmap.error_pix) == (1, 0)
    assert pixmap.part == PixelBox(0, 0, 200, 140)
    np.testing.assert_array_equal(pixmap.positions, exact_positions(mapping, SHAPE))


@given(
    scale=st.floats(0.2, 4),
    angle_rad=st.floats(0, 6.3),
    skew=st.floats(-0.3, 0.3),
    shape=st.tuples(st.integers(2, 90), st.integers(2, 90)),
)
@settings(max_examples=40, deadline=None)
def test_affine_mapping_is_interpolated_without_error(
    scale: float, angle_rad: float, skew: float, shape: tuple[int, int]
) -> None:
    mapping = AffineMapping(scale, angle_rad, skew, shift=(300.25, -1000.5))
    pixmap = compute_pixmap(mapping, shape, max_error_pix=1e-3)
    assert pixmap.node_step_pix == 16
    assert pixmap.error_pix < 1e-10
    assert largest_error(pixmap.positions, exact_positions(mapping, shape)) < 1e-10


def test_kinks_of_lookup_tables_fall_on_nodes() -> None:
    mapping = table_mapping(knot_offset=63, amplitude=5.0)
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=1e-3)
    assert pixmap.node_step_pix == 16
    assert largest_error(pixmap.positions, exact_positions(mapping, SHAPE)) < 1e-10


def test_kinks_fall_on_nodes_in_a_part_too() -> None:
    mapping, part = table_mapping(knot_offset=63, amplitude=5.0), PixelBox(37, 50, 171, 131)
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=1e-3, part=part)
    assert pixmap.node_step_pix == 16
    assert pixmap.positions.shape == (81, 134, 2)
    assert largest_error(pixmap.positions, exact_positions(mapping, SHAPE)[part.slices]) < 1e-10


@pytest.mark.parametrize("knot_offset", range(0, 63, 5))
@pytest.mark.parametrize("max_error_pix", [1e-1, 3e-2, 1e-2])
def test_kinks_elsewhere_are_kept_within_the_bound(knot_offset: int, max_error_pix: float) -> None:
    mapping = table_mapping(knot_offset, amplitude=0.5)
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=max_error_pix)
    assert largest_error(pixmap.positions, exact_positions(mapping, SHAPE)) <= max_error_pix


@given(
    coefficients=st.lists(st.floats(-30, 30), min_size=8, max_size=8),
    max_error_pix=st.sampled_from([1e-1, 1e-2, 1e-3]),
)
@settings(max_examples=60, deadline=None)
def test_smooth_distortions_are_within_the_bound_at_every_pixel(
    coefficients: list[float], max_error_pix: float
) -> None:
    mapping = smooth_mapping(coefficients)
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=max_error_pix)
    error = largest_error(pixmap.positions, exact_positions(mapping, SHAPE))
    assert error <= max_error_pix
    assert error <= 1.25 * pixmap.error_pix + 1e-10


@pytest.mark.parametrize(("amplitude", "node_step_pix"), [(0.5, 16), (2.0, 8), (8.0, 4), (100.0, 1)])
def test_grid_is_refined_until_the_error_is_small_enough(amplitude: float, node_step_pix: int) -> None:
    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x + amplitude * np.cos(2 * np.pi * x / 200), y

    # The sag of a cosine between nodes h apart is amplitude (2 pi / 200)^2 h^2 / 8.
    sag = amplitude * (2 * np.pi / 200) ** 2 * np.array([16, 8, 4]) ** 2 / 8
    bound = 0.03
    assert [16, 8, 4, 1][int(np.argmax([*(1.25 * sag < bound), True]))] == node_step_pix
    pixmap = compute_pixmap(mapping, SHAPE, max_error_pix=bound)
    assert pixmap.node_step_pix == node_step_pix
    assert largest_error(pixmap.positions, exact_positions(mapping, SHAPE)) <= bound


def test_mapping_is_asked_for_few_positions() -> None:
    asked = []

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        asked.append(x.size)
        return 1.25 * x, 1.25 * y

    compute_pixmap(mapping, (1024, 1024), max_error_pix=1e-3)
    assert sum(asked) < 0.03 * 1024 * 1024


def test_undefined_positions_are_refused() -> None:
    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return np.where(x == 100, np.nan, x), y

    with pytest.raises(MosaicError, match="no finite position for 140 of 28000 pixels"):
        compute_pixmap(mapping, SHAPE, max_error_pix=0)
    with pytest.raises(MosaicError, match="no finite position"):
        compute_pixmap(lambda x, y: (np.where(x > 150, np.nan, x), y), SHAPE, max_error_pix=1e-3)
    with pytest.raises(MosaicError, match="no finite position"):
        find_reach(lambda x, y: (np.where(x > 150, np.nan, x), y), SHAPE)


@pytest.mark.parametrize("max_error_pix", [-1e-3, float("nan")])
def test_negative_error_is_refused(max_error_pix: float) -> None:
    with pytest.raises(ValueError, match="max_error_pix"):
        compute_pixmap(AffineMapping(), SHAPE, max_error_pix=max_error_pix)


@pytest.mark.parametrize("part", [PixelBox(0, 0, 1, 9), PixelBox(-2, 0, 9, 9), PixelBox(0, 0, 9, 142)])
def test_part_must_lie_in_the_frame(part: PixelBox) -> None:
    with pytest.raises(ValueError, match="is not a part"):
        compute_pixmap(AffineMapping(), SHAPE, max_error_pix=0, part=part)


@given(
    scale=st.floats(0.3, 3.3),
    angle_rad=st.floats(0, 6.3),
    skew=st.floats(-0.3, 0.3),
    mirrored=st.booleans(),
    centre=st.tuples(st.floats(-250, 300), st.floats(-250, 300)),
)
@settings(max_examples=15, deadline=None)
def test_no_pixel_outside_the_reaching_part_touches_the_output(
    scale: float, angle_rad: float, skew: float, mirrored: bool, centre: tuple[float, float]
) -> None:
    output_shape = (40, 60)
    mapping = AffineMapping(scale, angle_rad, skew, mirrored).centred_on(*centre, SHAPE)
    y, x = (index.ravel() for index in np.indices(SHAPE))
    outlines = mapping.pixel_outlines(np.stack([x - 0.5, y - 0.5, x + 0.5, y + 0.5], axis=-1))
    output = shapely.box(-0.5, -0.5, output_shape[1] - 0.5, output_shape[0] - 0.5)
    shapely.prepare(output)
    touching = shapely.intersects(output, outlines)
    part = reaching_part(mapping, SHAPE, output_shape)
    if part is None:
        assert not touching.any()
    else:
        inside = (x >= part.x0) & (x < part.x1) & (y >= part.y0) & (y < part.y1)
        assert not (touching & ~inside).any()
        assert PixelBox(0, 0, 200, 140).intersection(part) == part
        assert min(part.shape) >= 2


def test_an_edge_that_bulges_between_the_nodes_is_not_missed() -> None:
    """A wave of 128 pixels whose troughs, halfway between the nodes, reach the output's last rows."""

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x, y + 33 - 10 * np.cos(2 * np.pi * (x - 95) / 128)

    shape, output_shape = (20, 600), (30, 600)
    y, x = np.nonzero(exact_positions(mapping, shape)[..., 1] < 30)
    part = reaching_part(mapping, shape, output_shape)
    assert part is not None
    assert part.x0 <= x.min() < x.max() < part.x1
    assert part.y0 <= y.min() < y.max() < part.y1


def test_a_large_pixel_reaches_farther_than_its_centre() -> None:
    mapping = AffineMapping(4.0, shift=(-4.0 * 39 - 1.9, 0.0))
    part = reaching_part(mapping, (40, 40), (100, 100))
    assert part is not None
    assert part.x1 == 40
    assert reaching_part(AffineMapping(4.0, shift=(-4.0 * 39 - 30, 0.0)), (40, 40), (100, 100)) is None


def test_a_corner_costs_a_corner() -> None:
    mapping = AffineMapping(shift=(-3900.0, -1900.0))
    part = reaching_part(mapping, (2048, 4096), (5000, 5000))
    assert part is not None
    assert part.x0 > 3800
    assert part.y0 > 1800
    assert part.n_pixels < 0.01 * 2048 * 4096


def test_what_lies_elsewhere_reaches_nothing() -> None:
    assert reaching_part(AffineMapping(shift=(300.0, 0.0)), SHAPE, (100, 100)) is None
    assert reaching_part(AffineMapping(shift=(0.0, -300.0)), SHAPE, (100, 100)) is None
    assert reaching_part(lambda x, y: (x * np.nan, y * np.nan), SHAPE, (100, 100)) is None
