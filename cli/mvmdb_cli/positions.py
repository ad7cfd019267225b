"""Positions as people write them: decimal degrees or sexagesimal."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from astropy import units
from astropy.coordinates import Angle

from mvmdb.errors import InputError

RightAscension = Annotated[str, typer.Argument(metavar="RA", help="53.1625 (degrees), 03:32:39 or 3h32m39s.")]
Declination = Annotated[
    str, typer.Argument(metavar="DEC", help="-27.7914 (degrees), -27:47:29 or -27d47m29s.")
]

NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
"""Context settings of commands that take a declination, which may begin with a minus sign."""


def parse_position(ra: str, dec: str) -> tuple[float, float]:
    """Return a position in ICRS degrees; right ascension with colons, spaces or ``h`` is in hours.

    Raises
    ------
    InputError
        The text is no position, or the declination lies beyond a pole.
    """
    hours = any(mark in ra for mark in ":h ")
    ra_deg = _degrees(ra, units.hourangle if hours else units.deg, "right ascension")
    dec_deg = _degrees(dec, units.deg, "declination")
    if not -90 <= dec_deg <= 90:
        raise InputError(
            f"declination {dec_deg} lies beyond the pole", hint="declinations run from -90 to 90 degrees"
        )
    return ra_deg % 360, dec_deg


def _degrees(text: str, unit: units.UnitBase, what: str) -> float:
    try:
        value = float(Angle(text.strip(), unit=unit).deg)
    except (ValueError, TypeError, units.UnitsError) as error:
        raise InputError(
            f"{text!r} is not a {what}", hint="write 53.1625 or 03:32:39, -27.7914 or -27:47:29"
        ) from error
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a {what}", hint="write a finite number of degrees")
    return value
