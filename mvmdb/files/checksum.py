"""The checksums that FITS files carry in themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

_SUM_WORDS = 1 << 22
_ALL_ONES = 0xFFFFFFFF


def checksum_problems(path: Path, hdu: fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU) -> list[str]:
    """Return what is wrong with the checksums of an HDU of an open file; empty when they hold.

    Notes
    -----
    The 32-bit words of an HDU with a valid CHECKSUM add up to all ones in ones' complement arithmetic
    (FITS standard 4.0, appendix J). Any change of a single byte shows, in headers and padding too.
    """
    missing = [keyword for keyword in ("CHECKSUM", "DATASUM") if keyword not in hdu.header]
    if missing:
        return [f"{path}: {hdu.name} has no {' and no '.join(missing)}"]
    span = hdu.fileinfo()
    end = span["datLoc"] + span["datSpan"]
    if _ones_complement_sum(path, span["hdrLoc"], end) == _ALL_ONES:
        return []
    return [f"{path}: {hdu.name} does not agree with its CHECKSUM (bytes {span['hdrLoc']} to {end})"]


def _ones_complement_sum(path: Path, start: int, end: int) -> int:
    """Return the 32-bit ones' complement sum of the big-endian words of a stretch of a file."""
    total = 0
    with path.open("rb") as file:
        file.seek(start)
        for offset in range(start, end, 4 * _SUM_WORDS):
            words = np.fromfile(file, dtype=">u4", count=min(_SUM_WORDS, (end - offset) // 4))
            total += int(words.sum(dtype=np.uint64))
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total
