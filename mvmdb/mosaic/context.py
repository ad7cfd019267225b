"""The context image: which inputs contributed to a pixel, one bit each, 32 to a plane.

Input k is bit ``k % 32`` of plane ``k // 32``. Bit 31 is the sign bit of the int32 planes, so every
function here looks at the planes as unsigned numbers.
"""

from __future__ import annotations

from math import prod

import numpy as np
from drizzle.utils import decode_context as _decode_pixels
from numpy.typing import ArrayLike, NDArray

from mvmdb.errors import ContextOverflowError, GridMismatchError
from mvmdb.mosaic.blocks import row_blocks

PLANE_BITS = 32
BYTE_BITS = (np.arange(256)[:, None] >> np.arange(8)) & 1
"""``(256, 8)``: the bits of every byte, lowest first."""


def n_context_planes(n_inputs: int) -> int:
    """Return the number of planes that ``n_inputs`` inputs need, at least 1."""
    return max(1, -(-n_inputs // PLANE_BITS))


def set_bit(context: NDArray[np.int32], index: int, contributed: NDArray[np.bool_]) -> None:
    """Mark, in place, the pixels to which an input contributed.

    Parameters
    ----------
    context
        ``(n_planes, ny, nx)``, changed in place; may be a view.
    index
        0-based number of the input.
    contributed
        ``(ny, nx)``.

    Raises
    ------
    ContextOverflowError
        The planes have no bit for this input.
    """
    require_bits(context, index + 1)
    plane = context[index // PLANE_BITS].view(np.uint32)
    plane |= contributed.astype(np.uint32) << np.uint32(index % PLANE_BITS)


def decode_context(context: NDArray[np.int32], x_pix: int, y_pix: int) -> tuple[int, ...]:
    """Return the 0-based numbers of the inputs that contributed to one pixel, in order.

    Raises
    ------
    ValueError
        The pixel is not on the image.
    """
    n_y_pix, n_x_pix = context.shape[1:]
    if not (0 <= x_pix < n_x_pix and 0 <= y_pix < n_y_pix):
        raise ValueError(f"pixel ({x_pix}, {y_pix}) is not on an image of {n_x_pix} x {n_y_pix} pixels")
    (indices,) = _decode_pixels(np.asarray(context, dtype=np.int32), x_pix, y_pix)
    return tuple(int(index) for index in indices)


def count_inputs(context: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the number of inputs of every pixel, ``(ny, nx)`` for planes ``(n_planes, ny, nx)``."""
    counts: NDArray[np.int32] = np.bitwise_count(_unsigned(context)).sum(axis=0, dtype=np.int32)
    return counts


def exposure_time(context: NDArray[np.int32], exptimes_s: ArrayLike) -> NDArray[np.float32]:
    """Return the summed exposure time of the inputs of every pixel, ``(ny, nx)``, seconds.

    Parameters
    ----------
    context
        ``(n_planes, ny, nx)``.
    exptimes_s
        Exposure time of every input, in context order.

    Raises
    ------
    ContextOverflowError
        There are more inputs than bits.

    Notes
    -----
    Eight inputs at a time, by a table of the 256 sums they can have. Summed in float64.
    """
    require_bits(context, np.size(exptimes_s))
    tables_s = byte_times_s(exptimes_s, len(context))
    total_s = np.empty(context.shape[1:], dtype=np.float32)
    for rows in row_blocks(len(total_s), prod(total_s.shape[1:])):
        total_s[rows] = sum(
            table_s.take(_context_byte(context[:, rows], group)) for group, table_s in enumerate(tables_s)
        )
    return total_s


def byte_times_s(exptimes_s: ArrayLike, n_planes: int) -> NDArray[np.float64]:
    """Return ``(4 n_planes, 256)``: the exposure time of the inputs in each value of each byte, seconds."""
    times_s = np.asarray(exptimes_s, dtype=np.float64)
    padded_s = np.zeros((4 * n_planes, 8))
    padded_s.ravel()[: times_s.size] = times_s
    return padded_s @ BYTE_BITS.T


def count_pixels(context: NDArray[np.int32], n_inputs: int) -> NDArray[np.int64]:
    """Return the number of pixels to which each input contributed.

    Raises
    ------
    ContextOverflowError
        There are more inputs than bits.
    """
    require_bits(context, n_inputs)
    counts = np.zeros((-(-n_inputs // 8), 8), dtype=np.int64)
    for rows in row_blocks(*context.shape[1:]):
        for group in range(len(counts)):
            byte = _context_byte(context[:, rows], group)
            counts[group] += np.bincount(byte.ravel(), minlength=256) @ BYTE_BITS
    return counts.ravel()[:n_inputs]


def require_same_grid(context: NDArray[np.int32], weight: NDArray[np.float32]) -> None:
    """Refuse a context image that is not ``(n_planes, ny, nx)`` on the grid of the weight image.

    Raises
    ------
    GridMismatchError
        The shapes disagree.
    """
    if context.ndim != 3 or context.shape[1:] != weight.shape:
        raise GridMismatchError(
            f"context image has shape {context.shape}, weight image {weight.shape}: "
            "expected (n_planes, ny, nx) and (ny, nx)"
        )


def _unsigned(context: NDArray[np.int32]) -> NDArray[np.uint32]:
    """View the planes as unsigned numbers in the machine's byte order (FITS arrays are swapped first)."""
    return np.asarray(context, dtype=np.int32).view(np.uint32)


def _context_byte(context: NDArray[np.int32], group: int) -> NDArray[np.uint8]:
    """Return the byte that holds inputs ``8 * group`` to ``8 * group + 7`` of every pixel."""
    plane = _unsigned(context[group // 4])
    return (plane >> np.uint32(8 * (group % 4))).astype(np.uint8)


def require_bits(context: NDArray[np.int32], n_inputs: int) -> None:
    """Refuse more inputs than the planes have bits.

    Raises
    ------
    ContextOverflowError
        The planes are too few.
    """
    if n_inputs > PLANE_BITS * len(context):
        raise ContextOverflowError(
            f"{n_inputs} inputs need {n_context_planes(n_inputs)} context planes; there are {len(context)}"
        )
