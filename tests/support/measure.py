"""Measurements on images, written without the code under test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def centroid(
    image: NDArray[np.floating], x: float, y: float, *, radius_pix: float
) -> tuple[float, float, float]:
    """Return x, y and flux of the light within a circle, iterated to be centred on it; no background."""
    half = int(np.ceil(radius_pix)) + 1
    flux = np.nan
    for _ in range(5):
        x0, y0 = round(x) - half, round(y) - half
        stamp = np.nan_to_num(image[y0 : y0 + 2 * half + 1, x0 : x0 + 2 * half + 1].astype(float))
        rows, columns = np.indices(stamp.shape)
        inside = np.hypot(columns + x0 - x, rows + y0 - y) <= radius_pix
        light = np.where(inside, stamp, 0)
        flux = float(light.sum())
        x, y = float((light * (columns + x0)).sum() / flux), float((light * (rows + y0)).sum() / flux)
    return x, y, flux


def decode_bits(context: NDArray[np.int32], x: int, y: int) -> set[int]:
    """Return the inputs whose bits are set in a pixel of a context image, 2-D or 3-D, bit by bit."""
    planes = context.reshape(-1, *context.shape[-2:])
    return {
        32 * plane + bit
        for plane in range(len(planes))
        for bit in range(32)
        if (int(planes[plane, y, x]) & 0xFFFFFFFF) >> bit & 1
    }


def file_facts(directory: Path) -> dict[str, tuple[int, str]]:
    """Return modification time and SHA-256 of every file below a directory."""
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
