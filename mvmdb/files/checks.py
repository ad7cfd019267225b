"""Header values, checked before anything is computed from them.

A header that was damaged, or made to do harm, must be refused here: the parsers behind would hang, take
all memory or crash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mvmdb.errors import HeaderError, WcsError

Scalar = str | int | float | bool

MAX_FITS_BYTES = 2**30
"""No exposure of Hubble reaches a fifth of this."""
MAX_IMAGE_SIDE_PIX = 20_000

_BITS_PER_VALUE = (8, 16, 32, 64, -32, -64)
_MAX_AXES = 7
_MAX_TEXT = 1000


@dataclass(frozen=True)
class Keywords:
    """The scalar keywords of a header, read with type and range; the first card of a name counts."""

    path: str
    hdu_index: int
    values: Mapping[str, Scalar]
    unreadable: frozenset[str] = frozenset()
    """Keywords whose cards break the FITS standard."""
    error: type[HeaderError] = HeaderError
    """What a missing or impossible value raises."""

    def over(self, primary: Keywords) -> Keywords:
        """Return these keywords with those of the primary header behind them."""
        return replace(
            self,
            values={**primary.values, **self.values},
            unreadable=self.unreadable | (primary.unreadable - self.values.keys()),
        )

    def for_wcs(self) -> Keywords:
        """Return the same keywords, whose faults are :class:`WcsError`."""
        return replace(self, error=WcsError)

    def fault(self, keyword: str, problem: str, *, hint: str | None = None) -> HeaderError:
        """Return the error that names file, keyword and extension."""
        return self.error(self.path, keyword, f"{problem} (HDU {self.hdu_index})", hint=hint)

    def value(self, keyword: str) -> Scalar | None:
        """Return a value of any type, or None where the keyword is absent or empty.

        Raises
        ------
        HeaderError
            The card breaks the FITS standard.
        """
        if keyword in self.unreadable:
            raise self.fault(keyword, "the card cannot be read")
        return self.values.get(keyword)

    def number(self, keyword: str, low: float, high: float, *, default: float | None = None) -> float:
        """Return a finite number within limits; ``default`` where the keyword is absent.

        Raises
        ------
        HeaderError
            Absent without default, no number, or outside ``low ... high``.
        """
        value = self.value(keyword)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.fault(keyword, "is missing")
        if isinstance(value, bool | str):
            raise self.fault(keyword, f"is {value!r}, not a number")
        if not low <= value <= high:
            raise self.fault(keyword, f"is {value:g}, outside {low:g} ... {high:g}")
        return float(value)

    def integer(self, keyword: str, low: int, high: int, *, default: int | None = None) -> int:
        """Return a whole number within limits; ``default`` where the keyword is absent.

        Raises
        ------
        HeaderError
            Absent without default, no whole number, or outside ``low ... high``.
        """
        value = self.number(keyword, low, high, default=default)
        if value != math.floor(value):
            raise self.fault(keyword, f"is {value:g}, not a whole number")
        return int(value)

    def text(self, keyword: str, *, default: str | None = None) -> str:
        """Return a string without surrounding blanks; ``default`` where the keyword is absent.

        Raises
        ------
        HeaderError
            Absent without default, no string, or longer than 1000 characters.
        """
        value = self.value(keyword)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.fault(keyword, "is missing")
        if not isinstance(value, str):
            raise self.fault(keyword, f"is {value!r}, not a string")
        if len(value) > _MAX_TEXT:
            raise self.fault(keyword, f"is a string of {len(value)} characters")
        return value.strip()

    @property
    def extension(self) -> tuple[str, int]:
        """EXTNAME in upper case (empty in the primary header) and EXTVER."""
        return self.text("EXTNAME", default="").upper(), self.integer("EXTVER", 0, 9999, default=1)


def data_size_bytes(keywords: Keywords) -> int:
    """Return the size of the data that follow a header, without padding.

    Raises
    ------
    HeaderError
        BITPIX, NAXIS, NAXISn, PCOUNT or GCOUNT is missing, impossible or larger than any exposure.
    """
    bits_per_value = keywords.integer("BITPIX", -64, 64)
    if bits_per_value not in _BITS_PER_VALUE:
        raise keywords.fault("BITPIX", f"is {bits_per_value}, none of {_BITS_PER_VALUE}")
    n_axes = keywords.integer("NAXIS", 0, _MAX_AXES)
    is_image = keywords.text("XTENSION", default="IMAGE").upper() == "IMAGE"
    longest = MAX_IMAGE_SIDE_PIX if is_image else MAX_FITS_BYTES
    n_values = (
        math.prod(keywords.integer(f"NAXIS{i}", 0, longest) for i in range(1, n_axes + 1)) if n_axes else 0
    )
    n_parameters = keywords.integer("PCOUNT", 0, MAX_FITS_BYTES, default=0)
    size_bytes = (
        abs(bits_per_value) // 8 * keywords.integer("GCOUNT", 1, 1, default=1) * (n_parameters + n_values)
    )
    if size_bytes > MAX_FITS_BYTES:
        raise keywords.fault("NAXIS", f"promises {size_bytes} bytes of data, more than {MAX_FITS_BYTES}")
    return size_bytes


def image_shape(keywords: Keywords) -> tuple[int, int]:
    """Return the array shape ``(ny, nx)`` of a plain two-dimensional image extension.

    Raises
    ------
    HeaderError
        The extension is something else (a compressed image is a table), or has no pixels.
    """
    if keywords.text("XTENSION").upper() != "IMAGE":
        raise keywords.fault(
            "XTENSION",
            f"is {keywords.text('XTENSION')!r}, not an image",
            hint="a compressed file becomes a plain one with funpack",
        )
    if keywords.integer("NAXIS", 0, _MAX_AXES) != 2:
        raise keywords.fault("NAXIS", "is not 2")
    keywords.integer("PCOUNT", 0, 0, default=0)
    n_x_pix = keywords.integer("NAXIS1", 1, MAX_IMAGE_SIDE_PIX)
    return keywords.integer("NAXIS2", 1, MAX_IMAGE_SIDE_PIX), n_x_pix
