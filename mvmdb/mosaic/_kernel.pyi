"""The compiled kernel, built from ``cpp/``; it checks little, :mod:`mvmdb.mosaic.compiled` all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mvmdb.sky.tan_mapping import TanToTan

def drizzle(
    rate: NDArray[np.float32] | None,
    weight: NDArray[np.float32] | None,
    variance: NDArray[np.float32] | None,
    stored: tuple[NDArray[np.uint32], NDArray[np.uint16], float, float, float, int, float] | None,
    mapping: TanToTan | None,
    node_rows: Sequence[int],
    positions: NDArray[np.float64] | None,
    x0: int,
    y0: int,
    strip_x0: int,
    strip_y0: int,
    strip_science: NDArray[np.float32],
    strip_weight: NDArray[np.float32],
    strip_context: NDArray[np.int32],
    strip_variance: NDArray[np.float32] | None,
    bit: int,
    kernel: str,
    pixfrac: float,
    area_ratio: float,
    instructions: str,
) -> bool: ...
def mapping_error(mapping: TanToTan, nx: int, ny: int, node_rows: Sequence[int]) -> float: ...
def map_pixels(
    mapping: TanToTan, x0: int, y0: int, positions: NDArray[np.float64], instructions: str
) -> None: ...
def instruction_sets() -> list[str]: ...
def merge_frame(
    science: NDArray[np.float32],
    weight: NDArray[np.float32],
    context: NDArray[np.int32],
    variance: NDArray[np.float32] | None,
    frame_science: NDArray[np.float32],
    frame_weight: NDArray[np.float32],
    frame_variance: NDArray[np.float32] | None,
    bit: int,
) -> None: ...

HIGH_ROWS: int

def count(
    weight: NDArray[np.float32],
    context: NDArray[np.int32],
    times: NDArray[np.float64],
    science: NDArray[np.float32] | None,
    variance: NDArray[np.float32] | None,
    observed: NDArray[np.uint8] | None,
    first_bin: int,
    weights: NDArray[np.uint32],
    n_inputs: NDArray[np.int64],
    bytes: NDArray[np.int64],
    row_weight: NDArray[np.float64],
    row_time: NDArray[np.float64],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
def count_low(numbers: NDArray[np.float32], high: int, low: NDArray[np.int64]) -> None: ...
