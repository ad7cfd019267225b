"""Pictures of layers: one in grey, three in colour; north up, east left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.visualization import AsinhStretch, make_lupton_rgb
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mvmdb.files.avm import XMP_KEYWORD, PictureTags, avm_packet
from mvmdb.sky.binning import binned_grid
from mvmdb.sky.grid import TanGrid

Floats = NDArray[np.floating]
Picture = NDArray[np.uint8]

_SIGMA_PER_MAD = 1.4826
_WHITE_PERCENTILE = 99.7
_BLACK_SIGMA = 1.0
_ASINH_SOFTENING_SIGMA = 3.0
_LUPTON_STRETCH = 0.1
_LUPTON_Q = 8.0


def write_preview(
    path_png: Path,
    science: Floats,
    *,
    grid: TanGrid | None = None,
    tags: PictureTags | None = None,
    max_side_pix: int = 1200,
) -> None:
    """Write a grey picture of a layer.

    Parameters
    ----------
    path_png
        File to write; appears only when complete.
    science
        Array ``(ny, nx)`` with north up and x growing to the west, as in a product; NaN is transparent.
    grid, tags
        Grid of the array and what it shows; with both the picture has AVM tags.
    max_side_pix
        Longest side of the picture; larger arrays are averaged over square blocks.

    Notes
    -----
    Black is one sigma under the median sky, white the 99.7th percentile (at least 10 sigma), and the
    scale between them is asinh: linear in the noise, logarithmic in the bright stars.
    """
    binned = block_average(science, max_side_pix)
    seen = np.isfinite(binned)
    sky, sigma, white = robust_limits(binned)
    black = sky - _BLACK_SIGMA * sigma
    grey = np.clip((np.where(seen, binned, black) - black) / (white - black), 0, 1)
    stretch = AsinhStretch(min(1.0, _ASINH_SOFTENING_SIGMA * sigma / (white - black)) or 1.0)
    packet = _packet(grid, tags, science.shape, max_side_pix)
    _write_png(path_png, np.round(255 * stretch(grey)).astype(np.uint8)[..., np.newaxis], seen, packet)


def write_colour(
    path_png: Path,
    red: Floats,
    green: Floats,
    blue: Floats,
    *,
    grids: Sequence[TanGrid] = (),
    tags: PictureTags | None = None,
    max_side_pix: int = 1200,
) -> None:
    """Write a colour picture of three layers of one skycell.

    Parameters
    ----------
    path_png
        File to write; appears only when complete.
    red, green, blue
        Arrays ``(ny, nx)`` of the same subarray, at equal or different scales, usually from the longest
        to the shortest wavelength. Coarse arrays are stretched to the finest, so their registration is
        good to one coarse pixel. A pixel is transparent where all three are NaN; a channel
        that is NaN where another is not takes the mean of the others: grey says that the colour is unknown.
    grids, tags
        Grids of the three arrays and what they show; with both the picture has AVM tags.
    max_side_pix
        Longest side of the picture.

    Notes
    -----
    Each channel is set to sky 0 and its own white 1; the asinh of the mean intensity then scales all
    three alike, which keeps the colour of bright sources (Lupton et al. 2004, PASP 116, 133).
    """
    averaged = [block_average(channel, max_side_pix) for channel in (red, green, blue)]
    largest = max(range(3), key=lambda index: averaged[index].size)
    shape = averaged[largest].shape
    channels = [_resampled(channel, shape) for channel in averaged]
    seen = np.logical_or.reduce([np.isfinite(channel) for channel in channels])
    scaled = _filled([_scaled(channel) for channel in channels])
    with np.errstate(invalid="ignore"):  # astropy divides 0 by 0 where there is no light
        colour: Picture = make_lupton_rgb(*scaled, stretch=_LUPTON_STRETCH, Q=_LUPTON_Q)
    grid = grids[largest] if grids else None
    finest = (red, green, blue)[largest]
    _write_png(path_png, colour, seen, _packet(grid, tags, finest.shape, max_side_pix))


def block_side(shape: tuple[int, ...], max_side_pix: int) -> int:
    """Return the side of the square blocks that make no side of an image longer than asked."""
    return -(-max(shape) // max_side_pix)


def block_average(image: Floats, max_side_pix: int) -> NDArray[np.float64]:
    """Return means over square blocks that make no side longer than asked; NaN pixels do not count.

    Parameters
    ----------
    image
        Array ``(ny, nx)``; read block row by block row, never copied whole.
    max_side_pix
        Longest side of the result, at least 1.

    Returns
    -------
    ndarray
        Blocks at the upper edges may hold fewer pixels; NaN where a block holds no finite one.
    """
    ny, nx = image.shape
    side = block_side(image.shape, max_side_pix)
    starts = np.arange(0, nx, side)
    averaged = np.empty((-(-ny // side), len(starts)))
    for row in range(len(averaged)):
        strip = image[row * side : (row + 1) * side]
        finite = np.isfinite(strip)
        total = np.add.reduceat(np.where(finite, strip, 0).sum(axis=0, dtype=np.float64), starts)
        count = np.add.reduceat(finite.sum(axis=0), starts)
        averaged[row] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return averaged


def robust_limits(image: Floats) -> tuple[float, float, float]:
    """Return sky level, noise and white level of an image; sane numbers for empty and constant ones."""
    values = image[np.isfinite(image)]
    if values.size == 0:
        return 0.0, 0.0, 1.0
    sky = float(np.median(values))
    sigma = _SIGMA_PER_MAD * float(np.median(np.abs(values - sky)))
    white = max(float(np.percentile(values, _WHITE_PERCENTILE)), sky + 10 * sigma)
    fallbacks = (white, float(values.max()), sky + max(1.0, abs(sky)))
    return sky, sigma, next(level for level in fallbacks if level > sky)


def _scaled(channel: Floats) -> Floats:
    """Return the channel with the sky at 0 and white at 1."""
    sky, _, white = robust_limits(channel)
    return (channel - sky) / (white - sky)


def _filled(channels: list[Floats]) -> list[Floats]:
    """Return the channels with the mean of the finite ones in place of NaN, 0 where none is finite."""
    finite = [np.isfinite(channel) for channel in channels]
    light = [np.where(seen, channel, 0.0) for seen, channel in zip(finite, channels, strict=True)]
    mean = np.sum(light, axis=0) / np.maximum(np.sum(finite, axis=0), 1)
    return [np.where(seen, channel, mean) for seen, channel in zip(finite, channels, strict=True)]


def _resampled(image: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the image stretched to a shape, bilinear between finite pixels."""
    if image.shape == shape:
        return image
    finite = np.isfinite(image)
    width_height = (shape[1], shape[0])
    weight, weighted = (
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize(width_height, Image.Resampling.BILINEAR))
        for plane in (finite, np.where(finite, image, 0))
    )
    stretched = np.full(shape, np.nan, dtype=np.float32)
    np.divide(weighted, weight, out=stretched, where=weight >= 0.5)
    return stretched


def _packet(
    grid: TanGrid | None, tags: PictureTags | None, shape: tuple[int, ...], max_side_pix: int
) -> bytes | None:
    if grid is None or tags is None:
        return None
    return avm_packet(tags, binned_grid(grid, block_side(shape, max_side_pix)))


def _write_png(path: Path, picture: Picture, seen: NDArray[np.bool_], packet: bytes | None) -> None:
    """Write channels (last axis), transparency and tags; row 0 of the arrays is the southern one."""
    alpha = np.where(seen, 255, 0).astype(np.uint8)[..., np.newaxis]
    shown = np.where(seen[..., np.newaxis], picture, 0).astype(np.uint8)
    pixels = np.ascontiguousarray(np.concatenate([shown, alpha], axis=-1)[::-1])
    temporary = path.with_name(f".{path.name}.part")
    tags = PngInfo()
    if packet is not None:
        tags.add_itxt(XMP_KEYWORD, packet.decode())
    Image.fromarray(pixels).save(temporary, format="PNG", optimize=True, pnginfo=tags)
    temporary.replace(path)
