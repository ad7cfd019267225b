"""Products in tiled image compression (FITS standard 4.0, section 10): the same bits in fewer bytes.

Nothing is quantised: the bytes of the pixels of a tile are sorted by significance and deflated (GZIP_2). A
tile of one value, as where nothing was observed, takes some 300 bytes. Headers keep their keywords.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from isal import isal_zlib
from numpy.typing import NDArray

from mvmdb.files.checksum import ones_complement_sum, seal
from mvmdb.settings import usable_cpus

Image = NDArray[Any]

_TILE_PIX = 256
"""Side of a tile: small enough to look at one pixel, large enough for a deflate window (32 KiB) and more."""
_LEVEL = 1
"""Of ISA-L: as small as zlib's 1, in a tenth of the time."""
_GZIP = 31
"""Window of 32 KiB, with the header and trailer of gzip, as the convention has it."""
_BITS = 32
"""Of all pixels of a product."""
_BLOCK_BYTES = 2880
_MOVED = {"CHECKSUM": "ZHECKSUM", "DATASUM": "ZDATASUM", "PCOUNT": "ZPCOUNT", "GCOUNT": "ZGCOUNT"}
_OTHER_PIXELS = {"XTENSION": "ZTENSION", "BITPIX": "ZBITPIX", "NAXIS": "ZNAXIS"}


def compress_product(path: Path, date: str, *, n_threads: int) -> None:
    """Replace a plain product by a compressed one of the same name.

    Parameters
    ----------
    path
        A complete product. It has lost its name before the other one gets it: whoever dies between leaves
        one file.
    date
        When, for the comments of checksums.
    n_threads
        Tiles that are compressed at a time.

    Raises
    ------
    OSError
        The disk is full.

    Notes
    -----
    The room of the plain file is free when nobody has it open or mapped any more. Memory is that of a row
    of tiles.
    """
    with (
        path.open("rb") as plain,
        fits.open(plain, memmap=True, lazy_load_hdus=False) as hdus,
        ThreadPoolExecutor(n_threads) as pool,
    ):
        path.unlink()
        with path.open("x+b") as file:
            for hdu in hdus:
                if type(hdu) is fits.ImageHDU:
                    _write_image(file, hdu, pool, date)
                else:
                    span = hdu.fileinfo()
                    plain.seek(span["hdrLoc"])
                    file.write(plain.read(span["datLoc"] + span["datSpan"] - span["hdrLoc"]))


def image_array(hdu: fits.ImageHDU | fits.CompImageHDU) -> Image:
    """Return the pixels of an image, mapped: pages are read as they are touched.

    A compressed image is unpacked into a nameless temporary file first.

    Raises
    ------
    OSError
        The temporary directory has no room.

    Notes
    -----
    astropy unpacks a GZIP_2 tile twice, and one tile at a time, which takes five times as long. It unpacks
    whatever else the convention knows, in memory; no product is written so.
    """
    packed = _stored_tiles(hdu) if isinstance(hdu, fits.CompImageHDU) else None
    if packed is None:
        plain: Image = hdu.data
        return plain
    array = _temporary_array(tuple(hdu.shape), ">i4" if hdu.header["BITPIX"] == 32 else ">f4")
    tiles = [tile for row in _tile_rows(array, *hdu.tile_shape[-2:]) for tile in row]
    with ThreadPoolExecutor(usable_cpus()) as pool:
        deque(pool.map(_unpack, zip(tiles, packed, strict=True)), maxlen=0)
    return array


def _stored_tiles(hdu: fits.CompImageHDU) -> list[Image] | None:
    """Return the bytes of each tile, mapped from the file; None if they are not as here."""
    span = hdu.fileinfo()
    n_header_bytes = span["datLoc"] - span["hdrLoc"]
    stored = span["file"].readarray(offset=span["hdrLoc"], shape=(n_header_bytes + span["datSpan"],))
    header = fits.Header.fromstring(stored[:n_header_bytes].tobytes())
    if header["ZCMPTYPE"] != "GZIP_2" or header["TFIELDS"] != 1 or abs(header["ZBITPIX"]) != _BITS:
        return None
    table = stored[n_header_bytes:]
    n_bytes = header["NAXIS1"] * header["NAXIS2"]
    descriptors = table[:n_bytes].view(">i8" if "Q" in header["TFORM1"] else ">i4").reshape(-1, 2)
    heap = table[header.get("THEAP", n_bytes) :]
    return [heap[start : start + size] for size, start in descriptors.tolist()]


def _temporary_array(shape: tuple[int, ...], dtype: str) -> Image:
    with tempfile.TemporaryFile() as file:
        # All of it now: a full disk shows here, and not when a mapped page finds no room.
        os.posix_fallocate(file.fileno(), 0, prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)


def _unpack(given: tuple[Image, Image]) -> None:
    """Fill a tile from its bytes in the file."""
    tile, packed = given
    by_significance = np.frombuffer(isal_zlib.decompress(packed, wbits=_GZIP), dtype="u1")
    if by_significance.size == tile.nbytes and not by_significance.any():
        return  # a new file is 0, and a page that is not touched costs nothing
    words = np.ascontiguousarray(by_significance.reshape(4, -1).T).view(tile.dtype)
    tile[...] = words.reshape(tile.shape)


def _write_image(file: BinaryIO, hdu: fits.ImageHDU, pool: ThreadPoolExecutor, date: str) -> None:
    """Write an image as a table of tiles: header, descriptors of the tiles, tiles."""
    start, header = file.tell(), _table_header(hdu)
    seal(header, 0, date)
    table_start = start + len(header.tostring())
    file.seek(table_start + header["NAXIS1"] * header["NAXIS2"])
    rows = _tile_rows(hdu.data, _TILE_PIX, _TILE_PIX)
    sizes = [file.write(tile) for row in rows for tile in pool.map(_compressed, row)]
    file.write(bytes(-file.tell() % _BLOCK_BYTES))
    end = file.tell()
    file.seek(table_start)
    file.write(np.column_stack([sizes, [0, *accumulate(sizes[:-1])]]).astype(">i8").tobytes())
    file.flush()
    header.update(PCOUNT=sum(sizes), TFORM1=f"1QB({max(sizes)})")
    seal(header, ones_complement_sum(Path(file.name), table_start, end), date)
    file.seek(start)
    file.write(header.tostring().encode("ascii"))
    file.seek(end)


def _tile_rows(image: Image, height: int, width: int) -> Iterator[list[Image]]:
    """Yield the tiles, row by row, plane by plane."""
    ny, nx = image.shape[-2:]
    for plane in image.reshape(-1, ny, nx):
        for y in range(0, ny, height):
            yield [plane[y : y + height, x : x + width] for x in range(0, nx, width)]


def _compressed(tile: Image) -> bytes:
    """Return a tile of 32-bit pixels, in the byte order of FITS, as GZIP_2 stores it."""
    words = np.ascontiguousarray(tile).view("u4")
    first = words[0, 0]
    if (words == first).all():
        return _uniform(first.tobytes(), words.size)
    by_significance = words.view("u1").reshape(-1, 4).T.tobytes()
    packed: bytes = isal_zlib.compress(by_significance, _LEVEL, wbits=_GZIP)
    return packed


@lru_cache(maxsize=16)
def _uniform(word: bytes, n_pixels: int) -> bytes:
    """Return a tile of one value; zlib makes it an eighth of what ISA-L does."""
    return zlib.compress(b"".join(bytes([byte]) * n_pixels for byte in word), 9, wbits=_GZIP)


def _table_header(hdu: fits.ImageHDU) -> fits.Header:
    """Return the header of the table of tiles, complete but for what only tiles tell, and its checksums.

    Notes
    -----
    64-bit descriptors (Q) are needed where the tiles take more than 2 GiB, and understood everywhere else.
    ZQUANTIZ is left out: readers take its mere presence for quantised pixels.
    """
    n_planes = hdu.data.size // (hdu.shape[-1] * hdu.shape[-2])
    n_tiles = n_planes * -(-hdu.shape[-1] // _TILE_PIX) * -(-hdu.shape[-2] // _TILE_PIX)
    sides = [_TILE_PIX, _TILE_PIX, *[1] * (len(hdu.shape) - 2)]
    header = fits.Header(
        [
            ("XTENSION", "BINTABLE", "tiles of a compressed image"),
            ("BITPIX", 8, "bytes"),
            ("NAXIS", 2, "a table"),
            ("NAXIS1", 16, "bytes per row"),
            ("NAXIS2", n_tiles, "one row per tile"),
            ("PCOUNT", 2**62, "bytes of all tiles"),
            ("GCOUNT", 1, "one table"),
            ("TFIELDS", 1, "number of columns"),
            ("TTYPE1", "COMPRESSED_DATA", "tile"),
            ("TFORM1", "1QB(0)", "64-bit descriptors of bytes"),
            ("ZIMAGE", True, "this table is a compressed image"),
            ("ZCMPTYPE", "GZIP_2", "lossless: bytes by significance, then gzip"),
            *((f"ZTILE{axis}", side, "pixels of a tile") for axis, side in enumerate(sides, 1)),
        ]
    )
    header.extend(_renamed(card) for card in hdu.header.cards if card.keyword)
    return header


def _renamed(card: fits.Card) -> fits.Card | tuple[str, Any, str]:
    """Return a card of the image as it stands in the table."""
    structure = _OTHER_PIXELS | _MOVED
    if card.keyword in structure:
        return structure[card.keyword], card.value, card.comment
    if card.keyword.startswith("NAXIS"):
        return f"Z{card.keyword}", card.value, card.comment
    return card
