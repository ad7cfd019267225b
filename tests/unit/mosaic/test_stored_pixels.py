"""The kernel reads pixels as they stand in a file: the same bits as from rates and weights by numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mvmdb.errors import GridMismatchError
from mvmdb.mosaic import compiled
from mvmdb.mosaic.compiled import COMPILED_KERNELS, Target, drizzle_onto, instruction_sets
from mvmdb.mosaic.engine import build_layer_image
from mvmdb.mosaic.inputs import EngineInput, Part, StoredPixels
from mvmdb.mosaic.pixmap import find_reach
from mvmdb.records import DrizzleParameters
from mvmdb.sky.grid import PixelBox, TanGrid
from mvmdb.sky.tan_mapping import TanToTan
from tests.support.distortions import random_distortion

pytestmark = pytest.mark.skipif(not compiled.is_available(), reason="installed without a C++ compiler")

GOOD_BITS = 64
GRID = TanGrid(150.002, 2.001, 800.0, 700.0, 0.04, 2000, 2000)


def stored_pixels(shape: tuple[int, int], seed: int = 1) -> StoredPixels:
    """Return noise, numbers that are none, and flags of all kinds: the lowest bit, the sign, good ones."""
    random = np.random.default_rng(seed)
    science = random.normal(40, 9, shape).astype(">f4")
    science[random.random(shape) < 0.05] = np.nan
    science[3, 4], science[5, 6], science[7, 8], science[8, 8] = np.inf, -np.inf, -0.0, 3e38
    dq = random.choice(
        np.array([0, GOOD_BITS, 1, -32768, 256], dtype=">i2"), shape, p=[0.6, 0.2, 0.1, 0.05, 0.05]
    )
    return StoredPixels(science, dq, 3.7, 1.234, 0.777, 0xFFFF & ~GOOD_BITS, 450.0)


def part_of(pixels: StoredPixels) -> Part:
    """Return rates and weights by numpy, every step rounded to float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        rate = pixels.science.astype(np.float32) * np.float32(pixels.factor)
        rate = rate * np.float32(pixels.flux_scale) - np.float32(pixels.sky_e_per_s)
    bad = pixels.dq.astype(np.int32) & pixels.rejecting_bits
    return Part(rate, np.where(bad, 0, pixels.exptime_s).astype(np.float32), None)


def mapping_of(seed: int) -> TanToTan:
    return TanToTan.onto(GRID, random_distortion(seed))


@pytest.mark.parametrize("kernel", COMPILED_KERNELS)
@pytest.mark.parametrize("x", [slice(0, 301), slice(5, 6), slice(3, 20), slice(2, 258)])
def test_it_gives_the_bits_of_decoded_pixels(kernel: str, x: slice) -> None:
    whole = stored_pixels((40, 301))
    pixels = replace(whole, science=whole.science[:, x], dq=whole.dq[:, x])  # rows that lie apart
    box = PixelBox(600, 500, 1300, 1200)

    def drizzled(given: Part | StoredPixels, name: str) -> list[NDArray[Any]]:
        arrays = [np.zeros(box.shape, dtype=dtype) for dtype in (np.float32, np.float32, np.int32)]
        options: dict[str, Any] = {"kernel": kernel, "pixfrac": 0.9, "area_ratio": 0.64, "instructions": name}
        target = Target(box, arrays[0], arrays[1], arrays[2], None, 0)
        drizzle_onto(target, given, mapping_of(12), origin=(x.start, 0), **options)
        return arrays

    expected = drizzled(part_of(pixels), "")
    assert expected[1].any()
    for name in instruction_sets():
        for found, wanted in zip(drizzled(pixels, name), expected, strict=True):
            assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mapping_error_pix", [0.0, 1e-3])
def test_layers_have_the_same_bits_whichever_way_chips_are_read(mapping_error_pix: float) -> None:
    """Chips of several tiles and windows, rolled, in narrow strips and in one piece."""
    shape = (300, 1100)
    inputs = []
    for seed in (12, 13):
        pixels, mapping = stored_pixels(shape, seed), TanToTan.onto(GRID, random_distortion(seed, sip=None))
        part = part_of(pixels)
        inputs.append(EngineInput(part.rate, part.weight, mapping, 0.64, pixels.exptime_s, stored=pixels))
    slow = [replace(item, stored=None) for item in inputs]
    reach = find_reach(inputs[0].mapping, shape)
    assert reach is not None
    box = reach.box_of(PixelBox(0, 0, *shape[::-1]))

    def arrays(items: list[EngineInput], n_strip_rows: int) -> list[bytes]:
        parameters = DrizzleParameters(mapping_error_pix=mapping_error_pix)
        layer = build_layer_image(
            box, items, parameters=parameters, skycell_n_pixels=10**7, n_strip_rows=n_strip_rows
        )
        assert layer.weight.any(axis=1).mean() > 0.9
        return [array.tobytes() for array in (layer.science, layer.weight, layer.context)]

    whole = arrays(inputs, box.height)
    assert arrays(inputs, 61) == whole
    assert arrays(slow, box.height) == arrays(slow, 61) == whole


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"science": np.zeros((9, 9), dtype="<f4")}, ValueError),
        ({"science": np.zeros((9, 9), dtype=">f8")}, ValueError),
        ({"dq": np.zeros((9, 9), dtype=">u2")}, ValueError),
        ({"dq": np.zeros((9, 8), dtype=">i2")}, GridMismatchError),
        ({"science": np.zeros((0, 9), dtype=">f4"), "dq": np.zeros((0, 9), dtype=">i2")}, GridMismatchError),
    ],
)
def test_what_is_stored_in_another_way_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    pixels = replace(stored_pixels((9, 9)), **changes)
    arrays = [np.zeros((5, 5), dtype=dtype) for dtype in (np.float32, np.float32, np.int32)]
    target = Target(PixelBox(0, 0, 5, 5), arrays[0], arrays[1], arrays[2], None, 0)
    with pytest.raises(error):
        drizzle_onto(
            target, pixels, mapping_of(1), origin=(0, 0), kernel="point", pixfrac=1.0, area_ratio=1.0
        )


def test_stored_pixels_are_those_of_the_chip() -> None:
    pixels = stored_pixels((9, 9))
    part = part_of(stored_pixels((9, 10)))
    with pytest.raises(GridMismatchError, match=r"\(9, 9\).*\(9, 10\)"):
        EngineInput(part.rate, part.weight, mapping_of(1), 1.0, 450.0, stored=pixels)
