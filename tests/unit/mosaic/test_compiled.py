"""The compiled kernel against ``drizzle`` on a padded frame, exact polygon areas, and itself in strips."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest
import shapely
from drizzle.resample import Drizzle
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvmdb.errors import GridMismatchError, MosaicError
from mvmdb.mosaic import compiled
from mvmdb.mosaic.compiled import (
    COMPILED_KERNELS,
    Target,
    drizzle_onto,
    instruction_sets,
    map_pixels,
)
from mvmdb.mosaic.inputs import Part
from mvmdb.sky.grid import PixelBox, TanGrid
from mvmdb.sky.tan_mapping import TanToTan
from tests.support.distortions import random_distortion
from tests.support.mappings import AffineMapping, overlap_areas

pytestmark = pytest.mark.skipif(not compiled.is_available(), reason="installed without a C++ compiler")

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
EXPTIME_S = 500.0
CHIP = (14, 20)


@dataclass(frozen=True, eq=False)
class Chip:
    """Arrays with noise and masks, and where their pixels fall."""

    rate: Float32s
    weight: Float32s
    variance: Float32s
    positions: Floats
    """With a ring of one pixel."""
    area_ratio: float

    @property
    def box(self) -> PixelBox:
        """A box of the output with room around the chip."""
        flat = self.positions.reshape(-1, 2)
        (x0, y0), (x1, y1) = np.floor(flat.min(axis=0)) - 4, np.ceil(flat.max(axis=0)) + 5
        return PixelBox(int(x0), int(y0), int(x1), int(y1))

    def drizzled(
        self, *, kernel: str = "square", pixfrac: float = 1.0, rows: slice = slice(None), **changes: Any
    ) -> tuple[Float32s, Float32s, Float32s]:
        """Return what the kernel under test makes of it, or of some of its rows."""
        first = rows.indices(len(self.rate))[0]
        ringed = self.positions[first : rows.indices(len(self.rate))[1] + 2]
        box = changes.pop("box", None) or self.box
        options = {"kernel": kernel, "pixfrac": pixfrac, "area_ratio": self.area_ratio, **changes}
        images = self.rate[rows], self.weight[rows], self.variance[rows], ringed
        science, weight, variance = drizzle_rows(*images, origin=(0, first), box=box, **options)
        assert variance is not None
        return science, weight, variance


def drizzle_rows(
    rate: Float32s,
    weight: Float32s,
    variance: Float32s | None,
    mapping: Any,
    *,
    box: PixelBox,
    **options: Any,
) -> tuple[Float32s, Float32s, Float32s | None]:
    """Return science, weight and variance on a box that held nothing."""
    science, total, spread = (np.zeros(box.shape, dtype=np.float32) for _ in range(3))
    context = np.zeros(box.shape, dtype=np.int32)
    target = Target(box, science, total, context, None if variance is None else spread, 3)
    drizzle_onto(target, Part(rate, weight, variance), mapping, **options)
    np.testing.assert_array_equal(context, 8 * (total > 0))
    return science, total, target.variance


def make_chip(
    seed: int, *, scale: float = 1.25, angle_rad: float = 0.3, bend_pix: float = 0.1, mirrored: bool = False
) -> Chip:
    random = np.random.default_rng(seed)
    affine = AffineMapping(scale, angle_rad, random.uniform(-0.2, 0.2), mirrored)
    y, x = np.mgrid[-1 : CHIP[0] + 1, -1 : CHIP[1] + 1].astype(float)
    x_out, y_out = affine.centred_on(*random.uniform(-300, 3000, 2), CHIP)(x, y)
    x_out += scale * bend_pix * np.sin(0.7 * y + x)
    y_out += scale * bend_pix * np.cos(0.4 * x)
    weight = np.where(random.random(CHIP) < 0.1, 0, EXPTIME_S * random.uniform(0.5, 1, CHIP))
    return Chip(
        random.normal(3, 1, CHIP).astype(np.float32),
        weight.astype(np.float32),
        random.uniform(1, 2, CHIP).astype(np.float32),
        np.stack([x_out, y_out], axis=-1),
        area_ratio=1 / affine.pixel_area,
    )


chips = st.builds(
    make_chip,
    st.integers(0, 2**32 - 1),
    scale=st.floats(0.3, 5),
    angle_rad=st.one_of(st.sampled_from([0.0, np.pi / 2, np.pi / 4]), st.floats(0, 7)),
    bend_pix=st.sampled_from([0.0, 0.02, 0.1]),
    mirrored=st.booleans(),
)
kernels = st.sampled_from(COMPILED_KERNELS)
pixfracs = st.sampled_from([0.3, 0.8, 1.0])


def drizzled_by_package(chip: Chip, kernel: str, pixfrac: float) -> list[Float32s]:
    """Return science, weight and variance of ``drizzle`` 3.0 on a frame whose edge no pixel crosses."""
    science, weight, variance = (np.zeros(chip.box.shape, dtype=np.float32) for _ in range(3))
    rate, good, spread = (np.pad(image, 1) for image in (chip.rate, chip.weight, chip.variance))
    Drizzle(kernel, out_img=science, out_img2=variance, out_wht=weight, disable_ctx=True).add_image(
        rate,
        data2=spread,
        exptime=1.0,
        pixmap=chip.positions - (chip.box.x0, chip.box.y0),
        iscale=chip.area_ratio,
        pixel_scale_ratio=sqrt(chip.area_ratio),
        weight_map=good,
        pixfrac=pixfrac,
        in_units="cps",
    )
    return [science, weight, variance]


@given(chip=chips, kernel=kernels, pixfrac=pixfracs)
@settings(max_examples=100, deadline=None)
def test_it_agrees_with_the_package_drizzle(chip: Chip, kernel: str, pixfrac: float) -> None:
    science, weight, variance = chip.drizzled(kernel=kernel, pixfrac=pixfrac)
    expected, expected_weight, expected_variance = drizzled_by_package(chip, kernel, pixfrac)

    largest = expected_weight.max()
    np.testing.assert_allclose(weight, expected_weight, rtol=0, atol=2e-6 * largest)
    # what hardly has weight may differ, so that sums are compared: of flux, and of squares for the variance
    tolerance = 4e-6 * largest * np.abs(expected).max()
    np.testing.assert_allclose(science * weight, expected * expected_weight, rtol=0, atol=tolerance)
    tolerance = 4e-6 * largest**2 * expected_variance.max()
    np.testing.assert_allclose(
        variance * weight**2, expected_variance * expected_weight**2, rtol=0, atol=tolerance
    )


@given(chip=chips, kernel=kernels, pixfrac=pixfracs)
@settings(max_examples=60, deadline=None)
def test_weight_and_flux_are_conserved(chip: Chip, kernel: str, pixfrac: float) -> None:
    science, weight, _ = chip.drizzled(kernel=kernel, pixfrac=pixfrac)

    assert weight.sum(dtype=float) == pytest.approx(chip.weight.sum(dtype=float), rel=1e-6)
    flux_in = chip.area_ratio * np.sum(chip.rate.astype(float) * chip.weight)
    assert np.sum(science.astype(float) * weight) == pytest.approx(flux_in, rel=1e-6)


@pytest.mark.parametrize(("scale", "angle_rad"), [(1.25, 0.4), (3.2, 0.9), (0.4, 2.0), (8.3, 5.0)])
def test_the_overlaps_are_the_areas_of_polygons(scale: float, angle_rad: float) -> None:
    chip = make_chip(3, scale=scale, angle_rad=angle_rad, bend_pix=0)
    for row, column in ((0, 0), (5, 7), (13, 19)):
        weight = np.zeros(CHIP, dtype=np.float32)
        weight[row, column] = 1
        _, shares, _ = Chip(chip.rate, weight, chip.variance, chip.positions, 1.0).drizzled(pixfrac=0.8)

        # without a bend neighbours lie on straight lines: corners are 0.4 pixel from the centre
        around = chip.positions[row : row + 3, column : column + 3] - (chip.box.x0, chip.box.y0)
        centre, along_x, along_y = around[1, 1], around[1, 2] - around[1, 1], around[2, 1] - around[1, 1]
        signs = [(-0.4, -0.4), (0.4, -0.4), (0.4, 0.4), (-0.4, 0.4)]
        outline = shapely.Polygon([centre + u * along_x + v * along_y for u, v in signs])
        expected = overlap_areas(outline, chip.box.shape) / outline.area
        np.testing.assert_allclose(shares, expected, rtol=1e-6, atol=2e-10)
        assert np.array_equal(shares > 0, expected > 1e-12)


@given(chip=chips, kernel=kernels, pixfrac=pixfracs, edges=st.lists(st.floats(0, 1), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_boxes_and_rows_change_no_bit(chip: Chip, kernel: str, pixfrac: float, edges: list[float]) -> None:
    whole = chip.drizzled(kernel=kernel, pixfrac=pixfrac)
    y_edges = sorted({chip.box.y0, chip.box.y1, *(chip.box.y0 + round(f * chip.box.height) for f in edges)})
    x_middle = chip.box.x0 + round(edges[0] * (chip.box.width - 2)) + 1

    for y0, y1 in pairwise(y_edges):
        for x0, x1 in ((chip.box.x0, x_middle), (x_middle, chip.box.x1)):
            box = PixelBox(x0, y0, x1, y1)
            rows = rows_reaching(chip, box)
            cut = chip.drizzled(kernel=kernel, pixfrac=pixfrac, box=box, rows=rows)
            inside = box.shifted(-chip.box.x0, -chip.box.y0).slices
            for image, part in zip(whole, cut, strict=True):
                np.testing.assert_array_equal(image[inside], part)


def rows_reaching(chip: Chip, box: PixelBox) -> slice:
    """Return the input rows between the first and the last that come near a box; one row if none does."""
    y, side = chip.positions[1:-1, :, 1], 2 * sqrt(1 / chip.area_ratio) + 1
    near = np.flatnonzero(((y > box.y0 - side) & (y < box.y1 + side)).any(axis=1))
    return slice(int(near[0]), int(near[-1]) + 1) if len(near) else slice(0, 1)


def test_a_box_of_one_row_holds_that_row() -> None:
    chip = make_chip(8)
    row = chip.box.y0 + chip.box.height // 2
    _, whole, _ = chip.drizzled()
    _, weight, _ = chip.drizzled(box=PixelBox(chip.box.x0, row, chip.box.x1, row + 1))

    assert weight.any()
    np.testing.assert_array_equal(weight[0], whole[row - chip.box.y0])


def test_a_box_elsewhere_gets_nothing() -> None:
    science, weight, variance = make_chip(8).drizzled(box=PixelBox(-9000, -9000, -8990, -8995))

    assert science.shape == (5, 10)
    assert not science.any()
    assert not weight.any()
    assert not variance.any()


@pytest.mark.parametrize("kernel", COMPILED_KERNELS)
@pytest.mark.parametrize("scale", [0.4, 1.25, 3.2, 8.0])
def test_every_instruction_set_gives_the_same_bits(kernel: str, scale: float) -> None:
    chip = make_chip(4, scale=scale)
    by_set = [chip.drizzled(kernel=kernel, pixfrac=0.8, instructions=name) for name in instruction_sets()]

    assert instruction_sets()[-1] == "generic"
    for images in by_set[1:]:
        np.testing.assert_array_equal(images, by_set[0])


@pytest.mark.parametrize("kernel", COMPILED_KERNELS)
def test_masked_pixels_spread_nothing(kernel: str) -> None:
    chip = make_chip(6)
    rate, weight = chip.rate.copy(), chip.weight.copy()
    rate[3, 4], rate[5, 6], weight[7, 8], rate[9, 9] = np.nan, np.inf, np.nan, np.nan
    weight[9, 9] = 0
    dirty = Chip(rate, weight, chip.variance, chip.positions, chip.area_ratio).drizzled(kernel=kernel)
    bad = ~(np.isfinite(rate) & np.isfinite(weight))
    clean_rate, clean_weight = np.where(bad, 0, rate), np.where(bad, 0, weight)
    clean = Chip(clean_rate, clean_weight, chip.variance, chip.positions, chip.area_ratio).drizzled(
        kernel=kernel
    )

    for image, expected in zip(dirty, clean, strict=True):
        assert np.all(np.isfinite(image))
        np.testing.assert_array_equal(image, expected)


def test_an_unknown_variance_makes_that_of_what_it_reaches_unknown() -> None:
    chip = make_chip(6)
    variance, lone = chip.variance.copy(), np.zeros(CHIP, dtype=np.float32)
    variance[3, 4] = np.nan
    lone[3, 4] = chip.weight[3, 4]
    _, reached, _ = Chip(chip.rate, lone, chip.variance, chip.positions, chip.area_ratio).drizzled()
    _, _, unknown = Chip(chip.rate, chip.weight, variance, chip.positions, chip.area_ratio).drizzled()

    assert lone.any()
    np.testing.assert_array_equal(np.isnan(unknown), reached > 0)


def test_a_pixel_without_position_adds_nothing() -> None:
    chip = make_chip(6)
    positions = chip.positions.copy()
    positions[5, 6] = np.nan
    holed = Chip(chip.rate, chip.weight, chip.variance, positions, chip.area_ratio)
    _, weight, _ = holed.drizzled(box=chip.box)

    around = chip.weight[3:6, 4:7]  # whose corners need that centre, which is pixel (4, 5)
    assert np.all(np.isfinite(weight))
    assert weight.sum(dtype=float) == pytest.approx(float(chip.weight.sum() - around.sum()), rel=1e-6)


def test_rates_and_weights_do_not_depend_on_the_variance_being_asked_for() -> None:
    chip = make_chip(9)
    science, weight, _ = chip.drizzled()
    options: dict[str, Any] = {"kernel": "square", "pixfrac": 1.0, "area_ratio": chip.area_ratio}
    alone = drizzle_rows(chip.rate, chip.weight, None, chip.positions, origin=(0, 0), box=chip.box, **options)

    assert alone[2] is None
    np.testing.assert_array_equal(alone[:2], (science, weight))


def closed_form(seed: int, **options: Any) -> TanToTan:
    grid = TanGrid(150.002, 2.001, 800.0, 700.0, 0.04, 2000, 2000)
    return TanToTan.onto(grid, random_distortion(seed, **options))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_it_maps_as_the_closed_form_maps(seed: int) -> None:
    mapping, part = closed_form(seed), PixelBox(-5, -7, 90, 60)
    y, x = np.mgrid[part.y0 : part.y1, part.x0 : part.x1].astype(float)
    expected = np.stack(mapping(x, y), axis=-1)

    for name in instruction_sets():
        np.testing.assert_allclose(map_pixels(mapping, part, instructions=name), expected, rtol=0, atol=1e-9)


def test_what_faces_away_has_no_position() -> None:
    mapping = TanToTan.onto(TanGrid(330.0, -2.0, 800.0, 700.0, 0.04, 2000, 2000), random_distortion(1))

    assert np.all(np.isnan(map_pixels(mapping, PixelBox(0, 0, 9, 9))))


@pytest.mark.parametrize("kernel", COMPILED_KERNELS)
@pytest.mark.parametrize("origin", [(0, 0), (-3, 250)])
def test_a_closed_form_drizzles_as_its_positions_do(kernel: str, origin: tuple[int, int]) -> None:
    random, shape = np.random.default_rng(2), (11, 300)
    rate, weight = random.normal(1, 1, shape).astype(np.float32), np.ones(shape, dtype=np.float32)
    part = PixelBox(origin[0], origin[1], origin[0] + shape[1], origin[1] + shape[0])
    mapping = closed_form(12)
    positions = map_pixels(mapping, part.grown(1))
    low = np.floor(positions.reshape(-1, 2).min(axis=0)).astype(int)
    box = PixelBox(int(low[0]) + 3, int(low[1]), int(low[0]) + 420, int(low[1]) + 300)

    images = [
        drizzle_rows(
            rate, weight, None, mapped, origin=origin, box=box, kernel=kernel, pixfrac=0.9, area_ratio=0.64
        )
        for mapped in (mapping, positions)
    ]
    assert images[0][1].any()
    np.testing.assert_array_equal(images[0][:2], images[1][:2])


@pytest.mark.parametrize("pixfrac", [0.8, 1.0])
@pytest.mark.parametrize("node_rows", [(), (1, 16, 32, 48, 63)])
@pytest.mark.parametrize(
    "mapping",  # the seeds turn a chip by 67, 115, -9 and -143 degrees
    [closed_form(12), *(closed_form(seed, sip=None) for seed in (8, 4, 9))],
)
def test_strips_of_a_chip_of_many_tiles_change_no_bit(
    pixfrac: float, node_rows: tuple[int, ...], mapping: TanToTan
) -> None:
    random, origin, shape = np.random.default_rng(5), (200, 90), (300, 330)
    rate = random.normal(1, 1, shape).astype(np.float32)
    weight = np.where(random.random(shape) < 0.1, 0, EXPTIME_S).astype(np.float32)
    part = PixelBox(origin[0], origin[1], origin[0] + shape[1], origin[1] + shape[0])
    flat = map_pixels(mapping, part.grown(1)).reshape(-1, 2)
    (x0, y0), (x1, y1) = (flat.min(axis=0) - 4).astype(int), (flat.max(axis=0) + 5).astype(int)
    area_ratio = 0.64

    def drizzled(box: PixelBox, name: str) -> tuple[Float32s, Float32s]:
        options: dict[str, Any] = {"kernel": "square", "pixfrac": pixfrac, "area_ratio": area_ratio}
        options |= {"node_rows": node_rows, "instructions": name}
        images = drizzle_rows(rate, weight, None, mapping, origin=origin, box=box, **options)
        return images[0], images[1]

    box = PixelBox(int(x0), int(y0), int(x1), int(y1))
    science, total = drizzled(box, "generic")
    assert total.sum(dtype=float) == pytest.approx(weight.sum(dtype=float), rel=1e-6)
    flux_in = area_ratio * np.sum(rate.astype(float) * weight)
    assert np.sum(science.astype(float) * total) == pytest.approx(flux_in, rel=2e-6)
    for start, stop in pairwise([box.y0, box.y0 + 1, box.y0 + 14, box.y0 + 77, box.y0 + 201, box.y1]):
        strip = PixelBox(box.x0, start, box.x1, stop)
        inside = strip.shifted(-box.x0, -box.y0).slices
        for name in instruction_sets():
            np.testing.assert_array_equal(drizzled(strip, name), (science[inside], total[inside]))


def test_a_chip_is_added_to_what_is_there() -> None:
    chip = make_chip(2)
    science, weight, variance = chip.drizzled()
    there = [np.full(chip.box.shape, value, dtype=np.float32) for value in (7, 100, 4)]
    context = np.ones(chip.box.shape, dtype=np.int32)
    target = Target(chip.box, there[0], there[1], context, there[2], 1)
    options: dict[str, Any] = {"kernel": "square", "pixfrac": 1.0, "area_ratio": chip.area_ratio}
    drizzle_onto(
        target, Part(chip.rate, chip.weight, chip.variance), chip.positions, origin=(0, 0), **options
    )

    total = 100 + weight.astype(float)
    np.testing.assert_allclose(there[1], total, rtol=1e-6)
    np.testing.assert_allclose(there[0], (700 + science.astype(float) * weight) / total, rtol=1e-5, atol=1e-5)
    expected = (4e4 + variance.astype(float) * weight.astype(float) ** 2) / total**2
    np.testing.assert_allclose(there[2], expected, rtol=1e-5)
    np.testing.assert_array_equal(context, 1 + 2 * (weight > 0))


def test_threads_do_not_disturb_each_other() -> None:
    every = [make_chip(seed, scale=scale) for seed, scale in enumerate((1.25, 3.0, 8.0, 0.5) * 4)]
    alone = [chip.drizzled() for chip in every]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(Chip.drizzled, every))

    for images, expected in zip(together, alone, strict=True):
        for image, one in zip(images, expected, strict=True):
            np.testing.assert_array_equal(image, one)


def test_slices_and_broadcast_arrays_are_as_good_as_copies() -> None:
    chip = make_chip(2)
    wide = np.full((CHIP[0], 2 * CHIP[1] + 5), np.nan, dtype=np.float32)
    wide[:, 3 : 3 + CHIP[1]] = chip.rate
    constant = np.broadcast_to(np.float32(EXPTIME_S), CHIP)
    sliced = Chip(wide[:, 3 : 3 + CHIP[1]], constant, chip.variance, chip.positions, chip.area_ratio)
    copied = Chip(chip.rate, constant.copy(), chip.variance, chip.positions, chip.area_ratio)

    np.testing.assert_array_equal(sliced.drizzled(), copied.drizzled())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"rate": np.zeros(CHIP, dtype=">f4")}, ValueError),
        ({"weight": np.zeros(CHIP)}, ValueError),
        ({"variance": np.zeros((3, 3), dtype=np.float32)}, GridMismatchError),
        ({"positions": np.zeros((*CHIP, 2))}, GridMismatchError),
        ({"positions": np.zeros((16, 22, 2), dtype=">f8")}, ValueError),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Chip(**{**vars(make_chip(1)), **changes}).drizzled(box=PixelBox(0, 0, 5, 5))


@pytest.mark.parametrize(
    "changes",
    [
        {"box": PixelBox(3, 3, 3, 9)},
        {"kernel": "lanczos3"},
        {"pixfrac": 0.0},
        {"pixfrac": 1.1},
        {"area_ratio": -1.0},
        {"instructions": "sse9"},
        {"node_rows": (1, 32, 63)},
        {"node_rows": (0, 16, 32, 63)},
        {"node_rows": (1, 16, 32, 64)},
        {"node_rows": (1, 32, 16, 63)},
    ],
)
def test_parameters_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make_chip(1).drizzled(**changes)


@pytest.mark.parametrize("kernel", ["square", "turbo"])
def test_pixels_as_large_as_a_frame_are_refused(kernel: str) -> None:
    with pytest.raises(MosaicError, match="256 output pixels"):
        make_chip(1, scale=400).drizzled(kernel=kernel, box=PixelBox(0, 0, 3000, 3000))


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_kernel", None)

    assert not compiled.is_available()
    assert instruction_sets() == ()
    with pytest.raises(MosaicError, match="missing"):
        make_chip(1).drizzled()
