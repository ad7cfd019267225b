"""A layer against exact geometry, published drizzle products and the drizzle package on one big frame."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import shapely
from astropy.io import fits
from drizzle.resample import Drizzle
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvmdb.errors import EmptyLayerError, GridMismatchError, MosaicError
from mvmdb.mosaic.context import count_inputs, decode_context
from mvmdb.mosaic.engine import build_layer_image
from mvmdb.mosaic.inputs import EngineInput
from mvmdb.mosaic.pixmap import PixelMapping, sticks_out
from mvmdb.records import (
    COMPILED_ENGINE,
    REFERENCE_ENGINE,
    DrizzleParameters,
    FinishedLayer,
    LayerArrays,
    LayerImage,
    LayerStatistics,
)
from mvmdb.sky.grid import PixelBox
from tests.support.mappings import AffineMapping, box_of, overlap_areas
from tests.support.shared_data import shared_data

Floats = NDArray[np.float64]

SHAPE = (50, 60)
CHIP = (18, 24)
EXACT = DrizzleParameters(mapping_error_pix=0)


class Choice:
    """The engine that the tests of this module run on, one after the other."""

    engine = COMPILED_ENGINE


@pytest.fixture(params=[COMPILED_ENGINE, REFERENCE_ENGINE], scope="module", autouse=True)
def engine(request: pytest.FixtureRequest) -> str:
    Choice.engine = request.param
    return Choice.engine


def chip_input(
    mapping: PixelMapping,
    *,
    rate: np.ndarray | float = 1.0,
    good: np.ndarray | bool = True,
    exptime_s: float = 100.0,
    area_ratio: float = 1.0,
    shape: tuple[int, int] = CHIP,
) -> EngineInput:
    return EngineInput(
        rate=np.broadcast_to(np.asarray(rate, dtype=np.float32), shape),
        weight=np.broadcast_to(np.where(good, exptime_s, 0).astype(np.float32), shape),
        mapping=mapping,
        area_ratio=area_ratio,
        exptime_s=exptime_s,
    )


def build(
    inputs: list[EngineInput], *, shape: tuple[int, int] = SHAPE, parameters: DrizzleParameters = EXACT
) -> LayerImage:
    return build_layer_image(
        box_of(shape), inputs, engine=Choice.engine, parameters=parameters, skycell_n_pixels=10**6
    )


def scattered_inputs(n_inputs: int, seed: int) -> list[EngineInput]:
    """Make chips with noise, masks and different exposure times, rolls and places, some half outside."""
    rng = np.random.default_rng(seed)
    return [
        chip_input(
            AffineMapping(
                rng.uniform(0.7, 1.4), rng.uniform(0, 6.3), rng.uniform(-0.1, 0.1), bool(rng.integers(2))
            ).centred_on(*rng.uniform(-5, 60, 2), CHIP),
            rate=rng.normal(3, 1, CHIP),
            good=rng.random(CHIP) < 0.9,
            exptime_s=rng.uniform(100, 1000),
            area_ratio=rng.uniform(0.5, 2),
        )
        for _ in range(n_inputs)
    ]


@pytest.mark.parametrize("kernel", ["square", "turbo", "point"])
def test_astrodrizzle_reference(kernel: str) -> None:
    """An 11 x 11 cutout of a WFC3/IR exposure, its pixmap, and what AstroDrizzle made of it."""
    folder = shared_data("products/drizzle_reference")
    with fits.open(folder / "test_drizzlepac_flt.fits") as exposure:
        rate, good = exposure["SCI"].data.astype(np.float32), exposure["DQ"].data == 0
        exptime_s = exposure[0].header["EXPTIME"]
    positions = fits.getdata(folder / "test_drizzlepac_pixmap.fits").astype(float)
    expected = fits.getdata(folder / f"reference_drizzlepac_{kernel}_drz_sci.fits")

    # the pixmap ends with the cutout; a pixel beyond, it goes on in a straight line
    positions = np.pad(positions, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        found = positions[y.astype(int) + 1, x.astype(int) + 1]
        return found[:, 0], found[:, 1]

    item = EngineInput(rate, good * np.float32(exptime_s), mapping, 1.0, exptime_s)
    layer = build([item], shape=expected.shape, parameters=DrizzleParameters(kernel, mapping_error_pix=0))
    np.testing.assert_allclose(np.nan_to_num(layer.science), expected, rtol=5e-6)


@pytest.mark.parametrize("max_error_pix", [0.0, 1e-3])
def test_the_outermost_pixels_have_the_corners_of_the_mapping(max_error_pix: float) -> None:
    """Left of the centres of column 0 the scale triples: that column covers two output columns evenly."""

    def mapping(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return 10 + np.where(x < 0, 3 * x, x), 10 + y

    parameters = DrizzleParameters(mapping_error_pix=max_error_pix)
    layer = build([chip_input(mapping, rate=7.0)], parameters=parameters)
    row = slice(10, 10 + CHIP[0])
    expected = np.array([0, 50, 50, 100, 100], dtype=np.float32)
    np.testing.assert_allclose(layer.weight[row, 8:13], np.tile(expected, (CHIP[0], 1)), rtol=1e-6)
    np.testing.assert_allclose(layer.science[row, 9:13], 7.0, rtol=1e-6)


@given(
    scale=st.floats(0.3, 3.3),
    angle_rad=st.floats(0, 6.3),
    skew=st.floats(-0.15, 0.15),
    centre=st.tuples(st.floats(-10, 70), st.floats(-10, 60)),
    pixfrac=st.sampled_from([1.0, 1.0, 0.6]),
)
@settings(max_examples=40, deadline=None)
def test_weight_is_exposure_time_times_overlap(
    scale: float,
    angle_rad: float,
    skew: float,
    centre: tuple[float, float],
    pixfrac: float,
) -> None:
    """Chips inside, across every edge and corner, and outside: no pixel's weight is lost or moved."""
    mapping = AffineMapping(scale, angle_rad, skew, mirrored=skew > 0).centred_on(*centre, CHIP)
    exptime_s = 250.0
    y, x = np.indices(CHIP).reshape(2, -1)
    half = pixfrac / 2
    drops = mapping.pixel_outlines(np.stack([x - half, y - half, x + half, y + half], axis=-1))
    output = shapely.box(-0.5, -0.5, SHAPE[1] - 0.5, SHAPE[0] - 0.5)
    inside = shapely.area(shapely.intersection(drops, output)).sum() / (mapping.pixel_area * pixfrac**2)
    if inside < 1e-3:
        return
    item = chip_input(mapping, rate=2.5, exptime_s=exptime_s)
    layer = build([item], parameters=DrizzleParameters(pixfrac=pixfrac, mapping_error_pix=0))
    if pixfrac == 1:
        expected = exptime_s * overlap_areas(mapping.outline(CHIP), SHAPE) / mapping.pixel_area
        np.testing.assert_allclose(layer.weight, expected, atol=2e-6 * exptime_s / mapping.pixel_area)
        assert layer.weight.sum(dtype=float) == pytest.approx(expected.sum(), rel=1e-5)
    assert layer.weight.sum(dtype=float) == pytest.approx(exptime_s * inside, rel=1e-5, abs=1e-4)
    np.testing.assert_allclose(layer.science[layer.weight > 0], 2.5, rtol=1e-6)


@pytest.mark.parametrize("y_centre", [-0.5, 25.0, 49.5])
@pytest.mark.parametrize("x_centre", [-0.5, 30.0, 59.5])
def test_half_of_a_chip_over_an_edge_keeps_half_its_weight(x_centre: float, y_centre: float) -> None:
    chip = (20, 20)
    mapping = AffineMapping(angle_rad=np.pi / 4).centred_on(x_centre, y_centre, chip)
    layer = build([chip_input(mapping, shape=chip, exptime_s=100)])
    on_edges = (x_centre != 30) + (y_centre != 25)
    assert layer.weight.sum(dtype=float) == pytest.approx(100 * 400 / 2**on_edges, rel=1e-6)


@pytest.mark.parametrize("chip", [(4, 90), (90, 4), (3, 120)])
@pytest.mark.parametrize("skew", [-0.3, 0.2, 0.3])
def test_elongated_skewed_chips_keep_their_weight(chip: tuple[int, int], skew: float) -> None:
    """The shape on which drizzle 3.0 drops good pixels inside its frame."""
    shape = (130, 130)
    mapping = AffineMapping(0.9, 3.1, skew, mirrored=True).centred_on(65, 65, chip)
    layer = build([chip_input(mapping, shape=chip, exptime_s=10)], shape=shape)
    assert layer.weight.sum(dtype=float) == pytest.approx(10 * chip[0] * chip[1], rel=1e-6)
    expected = 10 * overlap_areas(mapping.outline(chip), shape) / mapping.pixel_area
    np.testing.assert_allclose(layer.weight, expected, atol=1e-4)


def test_weight_follows_the_reference_convention() -> None:
    """A WFC3/IR pixel of 0.1283 arcsec on 0.04 arcsec: weight is exposure time over 10.3 pixels."""
    ratio = (0.04 / 0.1283) ** 2
    mapping = AffineMapping(0.1283 / 0.04, 0.4).centred_on(30, 25, (12, 12))
    layer = build([chip_input(mapping, shape=(12, 12), exptime_s=1000, area_ratio=ratio)])
    assert layer.weight[25, 30] == pytest.approx(1000 * 0.0972, rel=1e-3)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.2345, 3.2075])
def test_flux_is_conserved_at_every_scale(scale: float) -> None:
    """A star on a chip: electrons per second in, the same in all output pixels together."""
    y, x = np.indices(CHIP)
    star = 500 * np.exp(-((x - 11.3) ** 2 + (y - 8.6) ** 2) / 4)
    mapping = AffineMapping(scale, 0.7, 0.05).centred_on(45, 45, CHIP)
    layer = build([chip_input(mapping, rate=star, area_ratio=1 / mapping.pixel_area)], shape=(90, 90))
    # Weighted by overlap, so that pixels on the chip's edge count as far as they are covered.
    flux = np.nansum(layer.science * layer.weight, dtype=float) / (100 / mapping.pixel_area)
    assert flux == pytest.approx(star.sum(), rel=1e-5)


def test_constant_sky_stays_constant_over_many_inputs() -> None:
    rng = np.random.default_rng(9)
    inputs = [
        chip_input(
            AffineMapping(scale, rng.uniform(0, 6)).centred_on(*rng.uniform(0, 55, 2), CHIP),
            rate=0.02 * scale**2,
            area_ratio=1 / scale**2,
            exptime_s=rng.uniform(10, 1500),
        )
        for scale in rng.uniform(0.4, 3.2, 25)
    ]
    layer = build(inputs)
    np.testing.assert_allclose(layer.science[layer.weight > 0], 0.02, rtol=1e-6)


def test_science_is_undefined_exactly_where_nothing_was_seen() -> None:
    layer = build(scattered_inputs(3, seed=1))
    assert (layer.weight == 0).any()
    np.testing.assert_array_equal(np.isnan(layer.science), layer.weight == 0)
    np.testing.assert_array_equal(layer.context[0] == 0, layer.weight == 0)
    assert (layer.science.dtype, layer.weight.dtype, layer.context.dtype) == (
        np.float32,
        np.float32,
        np.int32,
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_value_is_a_masked_pixel_and_never_spreads(bad: float) -> None:
    mapping = AffineMapping(1.3, 0.5).centred_on(30, 25, CHIP)
    rng = np.random.default_rng(4)
    masked = rng.random(CHIP) < 0.2
    rate = rng.normal(size=CHIP)
    spoilt_rate = np.where(masked, bad, rate)
    expected = build([chip_input(mapping, rate=rate, good=~masked)])
    good = build([chip_input(mapping, rate=spoilt_rate)])
    np.testing.assert_array_equal(good.science, expected.science)
    np.testing.assert_array_equal(good.weight, expected.weight)
    np.testing.assert_array_equal(good.context, expected.context)
    outlines = mapping.pixel_outlines(
        np.array([[x - 0.5, y - 0.5, x + 0.5, y + 0.5] for y, x in np.argwhere(masked)])
    )
    covered = overlap_areas(shapely.difference(mapping.outline(CHIP), shapely.union_all(outlines)), SHAPE)
    np.testing.assert_allclose(good.weight, 100 * covered / mapping.pixel_area, atol=1e-4)


def test_a_weight_that_is_no_number_masks() -> None:
    item = chip_input(AffineMapping().centred_on(30, 25, CHIP))
    weight = item.weight.copy()
    weight[3, 4] = np.nan
    spoilt = EngineInput(item.rate, weight, item.mapping, 1.0, 100.0)
    assert build([spoilt]).weight.sum(dtype=float) == pytest.approx(100 * (18 * 24 - 1), rel=1e-6)


def test_context_names_exactly_the_inputs_that_cover_a_pixel() -> None:
    """Seventy chips: three planes, the sign bit of each among them."""
    rng = np.random.default_rng(70)
    chip, shape = (6, 9), (30, 40)
    mappings = [
        AffineMapping(rng.uniform(0.8, 1.6), rng.uniform(0, 6)).centred_on(*rng.uniform(-3, 40, 2), chip)
        for _ in range(70)
    ]
    areas = np.stack([overlap_areas(mapping.outline(chip), shape) for mapping in mappings])
    layer = build([chip_input(mapping, shape=chip) for mapping in mappings], shape=shape)
    assert layer.context.shape == (3, *shape)
    assert all((plane < 0).any() for plane in layer.context[:2])
    # Rounding decides about slivers; there are none at this size.
    assert not ((areas > 0) & (areas < 1e-9)).any()
    for y, x in np.ndindex(shape):
        assert decode_context(layer.context, x, y) == tuple(np.flatnonzero(areas[:, y, x]).tolist())
    found = [item.n_pixels_contributed for item in layer.inputs]
    assert found == np.count_nonzero(areas, axis=(1, 2)).tolist()


def test_merged_frames_equal_one_big_frame_of_drizzle() -> None:
    pad = 60
    inputs = scattered_inputs(40, seed=12)
    big = Drizzle(out_shape=(SHAPE[0] + 2 * pad, SHAPE[1] + 2 * pad), max_ctx_id=39)
    for item in inputs:
        y, x = np.indices(CHIP, dtype=float)
        pixmap = np.stack(item.mapping(x, y), axis=-1) + pad
        big.add_image(item.rate, 1.0, pixmap, iscale=item.area_ratio, weight_map=item.weight)
    window = (slice(pad, pad + SHAPE[0]), slice(pad, pad + SHAPE[1]))
    layer = build(inputs)
    np.testing.assert_array_equal(layer.context, big.out_ctx[:, *window])
    np.testing.assert_allclose(layer.weight, big.out_wht[window], rtol=2e-6)
    np.testing.assert_allclose(layer.science, big.out_img[window], rtol=5e-6, atol=5e-6)


def test_interpolated_mapping_stays_within_its_bound() -> None:
    inputs = scattered_inputs(5, seed=3)
    exact, interpolated = build(inputs), build(inputs, parameters=DrizzleParameters())
    np.testing.assert_allclose(interpolated.weight, exact.weight, rtol=1e-5, atol=1e-4)


def test_an_input_outside_keeps_its_place_and_gives_nothing() -> None:
    inside, outside = AffineMapping(shift=(20.0, 15.0)), AffineMapping(shift=(400.0, 15.0))
    layer = build([chip_input(outside), chip_input(inside), chip_input(inside, good=False)])
    assert [item.n_pixels_contributed for item in layer.inputs] == [0, 18 * 24, 0]
    assert decode_context(layer.context, 30, 25) == (1,)
    assert layer.statistics.mean_n_exposures == 1


def test_statistics_describe_the_layer() -> None:
    layer = build(scattered_inputs(6, seed=8))
    observed = layer.weight > 0
    assert layer.statistics.n_pixels_observed == observed.sum()
    assert layer.statistics.coverage_fraction == observed.sum() / 10**6
    assert layer.statistics.mean_weight == pytest.approx(layer.weight[observed].mean(dtype=float))
    assert layer.statistics.median_n_exposures == np.median(count_inputs(layer.context)[observed])


def test_same_inputs_give_the_same_bits() -> None:
    first, second = (build(scattered_inputs(6, seed=5)) for _ in range(2))
    for name in ("science", "weight", "context"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.statistics == second.statistics


def test_memory_does_not_grow_with_the_number_of_inputs() -> None:
    chip, shape = (150, 200), (150, 200)
    peaks = []
    for n_inputs in (1, 4):
        inputs = [chip_input(AffineMapping(), shape=chip)] * n_inputs
        tracemalloc.start()
        try:
            build_layer_image(
                box_of(shape), inputs, engine=Choice.engine, parameters=EXACT, skycell_n_pixels=10**6
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


def test_chips_may_be_kept_in_any_byte_order() -> None:
    native = scattered_inputs(2, seed=6)
    swapped = [
        EngineInput(
            item.rate.astype(">f4"), item.weight.astype(">f4"), item.mapping, item.area_ratio, item.exptime_s
        )
        for item in native
    ]
    np.testing.assert_array_equal(build(swapped).science, build(native).science)


def test_a_layer_that_nothing_reaches_is_refused() -> None:
    outside = chip_input(AffineMapping().centred_on(-400, 25, CHIP))
    masked = chip_input(AffineMapping().centred_on(30, 25, CHIP), good=False)
    for inputs in ([], [outside], [masked], [outside, masked]):
        with pytest.raises(EmptyLayerError, match="no good pixel") as caught:
            build(inputs)
        assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (DrizzleParameters(kernel="lanczos3"), "lanczos3"),
        (DrizzleParameters(weighting="ivm"), "ivm"),
        (DrizzleParameters(pixfrac=0), "pixfrac"),
        (DrizzleParameters(pixfrac=1.5), "1.5"),
        (DrizzleParameters(mapping_error_pix=-1), "max_error_pix"),
    ],
)
def test_unsupported_parameters_are_refused(parameters: DrizzleParameters, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(scattered_inputs(1, seed=2), parameters=parameters)


def test_a_folded_mapping_is_an_error() -> None:
    """A mapping that throws the middle of the chip far outside its edges."""

    def folded(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x + 10, y + 10 + 1e3 * ((np.abs(x - 12) < 3) & (np.abs(y - 9) < 3))

    item = EngineInput(np.ones(CHIP, np.float32), np.ones(CHIP, np.float32), folded, 1.0, 1.0)
    with pytest.raises(MosaicError, match=r"of the weight|more than 256 output pixels") as caught:
        build([item])
    assert caught.value.hint is not None


@pytest.mark.parametrize("shape", [(18, 23), (18,), (1, 24)])
def test_rate_and_weight_must_be_images_of_one_shape(shape: tuple[int, ...]) -> None:
    ones = np.ones(CHIP, dtype=np.float32)
    other = np.ones(shape, dtype=np.float32)
    with pytest.raises(GridMismatchError):
        EngineInput(ones if min(shape) > 1 and len(shape) > 1 else other, other, AffineMapping(), 1.0, 1.0)


@pytest.mark.parametrize(
    ("area_ratio", "exptime_s", "weight"), [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, -1.0)]
)
def test_inputs_must_be_physical(area_ratio: float, exptime_s: float, weight: float) -> None:
    ones = np.ones(CHIP, dtype=np.float32)
    with pytest.raises(ValueError, match=r"must be positive|must not be negative"):
        build([EngineInput(ones, weight * ones, AffineMapping(), area_ratio, exptime_s)])


@pytest.mark.parametrize("with_error", [False, True])
def test_strips_and_threads_change_no_bit(with_error: bool) -> None:
    """Chips of several windows; strips of one row, of a few, and the whole layer at once."""
    rng = np.random.default_rng(4)
    chip, shape = (1100, 70), (300, 280)
    inputs = [
        EngineInput(
            rng.normal(3, 1, chip).astype(np.float32),
            np.where(rng.random(chip) < 0.9, 100, 0).astype(np.float32),
            AffineMapping(scale, angle, 0.02).centred_on(*rng.uniform(80, 200, 2), chip),
            1.0,
            100.0,
            np.full(chip, 0.5, np.float32),
        )
        for scale, angle in ((0.31, 0.4), (0.77, 2.0), (1.2, 4.4))
    ]
    parameters = DrizzleParameters(error=with_error)

    def arrays(**how: int) -> tuple[list[bytes], LayerStatistics]:
        layer = build_layer_image(
            box_of(shape), inputs, engine=Choice.engine, parameters=parameters, skycell_n_pixels=10**6, **how
        )
        error = [] if layer.error is None else [layer.error]
        observed = layer.observed[0 : shape[0], 0 : shape[1]]
        np.testing.assert_array_equal(observed, layer.weight > 0)
        images = (layer.science, layer.weight, layer.context, *error)
        return [array.tobytes() for array in images], layer.statistics

    whole = arrays(n_strip_rows=300)
    for how in ({"n_strip_rows": 13}, {"n_strip_rows": 64, "n_threads": 3}, {}):
        assert arrays(**how) == whole
    assert arrays(n_strip_rows=150, n_threads=2) == whole


def test_progress_counts_every_input_of_every_strip() -> None:
    steps: list[tuple[int, int]] = []
    build_layer_image(
        box_of(SHAPE),
        scattered_inputs(3, seed=2),
        engine=Choice.engine,
        parameters=EXACT,
        skycell_n_pixels=10**6,
        n_strip_rows=20,
        on_step=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(done, 9) for done in range(1, 10)]


@pytest.mark.parametrize("n_first", [1, 31, 33, 40])
def test_going_on_from_a_finished_layer_changes_no_bit(n_first: int) -> None:
    """Inputs are appended, up to a second context plane, by strips; the finished layer is as in a file."""
    inputs = scattered_inputs(40, seed=77)
    first, whole = build(inputs[:n_first]), build(inputs)
    layer = build_layer_image(
        box_of(SHAPE),
        inputs,
        finished=as_in_a_file(first, n_first, box_of(SHAPE)),
        engine=Choice.engine,
        parameters=EXACT,
        skycell_n_pixels=10**6,
        n_strip_rows=17,
    )
    assert_same(layer, whole)


def test_a_layer_may_grow_around_what_it_has() -> None:
    """Chips that lie within the finished layer, and one more that does not."""
    inner, outer = PixelBox(7, 5, 48, 41), PixelBox(-4, 2, 59, 60)
    inputs = [
        chip_input(AffineMapping(1.1, angle, 0.02).centred_on(27, 23, CHIP), rate=3 + angle)
        for angle in (0.3, 1.4, 4.0)
    ]
    added = chip_input(AffineMapping(1.0, 0.8).centred_on(44, 40, CHIP))
    assert not any(sticks_out(item.mapping, CHIP, inner, outer) for item in inputs)
    assert sticks_out(added.mapping, CHIP, inner, outer)
    how = {"engine": Choice.engine, "parameters": EXACT, "skycell_n_pixels": 10**6}
    first = build_layer_image(inner, inputs, **how)
    finished = as_in_a_file(first, 3, inner)
    grown = build_layer_image(outer, [*inputs, added], finished=finished, n_strip_rows=11, **how)
    assert_same(grown, build_layer_image(outer, [*inputs, added], **how))


def test_what_sticks_out_of_a_side_that_stays_does_not_matter() -> None:
    mapping = AffineMapping(shift=(4.2, 11.0))  # its left edge lies at 3.7
    inner = PixelBox(5, 0, 60, 50)
    assert sticks_out(mapping, CHIP, inner, PixelBox(4, 0, 60, 50))
    assert not sticks_out(mapping, CHIP, inner, PixelBox(5, -9, 70, 90))
    assert not sticks_out(mapping, CHIP, inner, inner)
    on_the_border = AffineMapping(shift=(5.0, 11.0))  # at 4.5, as the box; rounding may take it across
    assert sticks_out(on_the_border, CHIP, inner, PixelBox(4, 0, 60, 50))
    assert not sticks_out(on_the_border, CHIP, PixelBox(4, 0, 60, 50), PixelBox(3, 0, 60, 50))


def as_in_a_file(layer: LayerImage, n_inputs: int, box: PixelBox) -> FinishedLayer:
    def read(part: PixelBox) -> LayerArrays:
        rows, columns = part.shifted(-box.x0, -box.y0).slices
        science, weight = (array[rows, columns].astype(">f4") for array in (layer.science, layer.weight))
        return LayerArrays(science, weight, layer.context[:, rows, columns].astype(">i4"))

    return FinishedLayer(read, n_inputs, box)


def assert_same(found: LayerImage, expected: LayerImage) -> None:
    for name in ("science", "weight", "context"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
    assert found.statistics == expected.statistics
    assert found.inputs == expected.inputs
