"""The checksums that FITS files carry in themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

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
    if ones_complement_sum(path, span["hdrLoc"], end) == _ALL_ONES:
        return []
    return [f"{path}: {hdu.name} does not agree with its CHECKSUM (bytes {span['hdrLoc']} to {end})"]


def seal(header: fits.Header, data_sum: int, date: str) -> None:
    """Set DATASUM and CHECKSUM of a header, in place.

    Parameters
    ----------
    header
        Complete but for the two, which are added if they are not there.
    data_sum
        Ones' complement sum of the data.
    date
        When, for the comments.
    """
    header.set("DATASUM", str(data_sum), date)
    header.set("CHECKSUM", "0" * 16, date)
    words = np.frombuffer(header.tostring().encode("ascii"), dtype=">u4")
    header["CHECKSUM"] = _encoded(_ALL_ONES - folded(int(words.sum(dtype=np.uint64)) + data_sum))


def _encoded(number: int) -> str:
    """Return a 32-bit number as the 16 letters and digits of a CHECKSUM (FITS standard 4.0, appendix J.2).

    Each byte is shared out to four characters from ``0`` on; neighbours move apart until both are letters or
    digits. The text is turned by one place, so that its words lie on the words of the card.
    """
    columns = []
    for byte in number.to_bytes(4, "big"):
        quarter, rest = divmod(byte, 4)
        column = [quarter + ord("0") + (rest if place == 0 else 0) for place in range(4)]
        while not all(chr(code).isalnum() for code in column):
            for low, high in ((0, 1), (2, 3)):
                if not (chr(column[low]).isalnum() and chr(column[high]).isalnum()):
                    column[low] += 1
                    column[high] -= 1
        columns.append(column)
    text = "".join(chr(column[place]) for place in range(4) for column in columns)
    return text[-1:] + text[:-1]


def ones_complement_sum(path: Path, start: int, end: int) -> int:
    """Return the 32-bit ones' complement sum of the big-endian words of a stretch of a file."""
    total = 0
    with path.open("rb") as file:
        file.seek(start)
        for offset in range(start, end, 4 * _SUM_WORDS):
            total += word_sum(np.fromfile(file, dtype=">u4", count=min(_SUM_WORDS, (end - offset) // 4)))
    return folded(total)


def word_sum(pixels: NDArray[Any]) -> int:
    """Return the sum of pixels of 32 bits taken as whole numbers, in any byte order; not yet folded."""
    return int(pixels.view(pixels.dtype.str[0] + "u4").sum(dtype=np.uint64))


def folded(total: int) -> int:
    """Return a sum in ones' complement arithmetic: what overflows is added at the other end."""
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total
