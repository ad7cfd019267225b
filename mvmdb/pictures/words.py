"""Numbers as a caption says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mvmdb.records import ChipOutline, first_chips

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


def duration(time_s: float) -> str:
    """Return an exposure time with its unit: ``450 s``, ``12.3 ks``, ``1.06 Ms``."""
    if time_s < 1e4:
        return f"{time_s:.0f} s"
    return f"{time_s / 1e3:.3g} ks" if time_s < 999.5e3 else f"{time_s / 1e6:.3g} Ms"


def number(count: int, noun: str) -> str:
    """Return a count and what it counts: ``1 chip``, ``5,210 exposures``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def date(mjd: float) -> str:
    """Return the calendar date of a modified Julian date."""
    return (_MJD_ZERO + timedelta(days=mjd)).strftime("%Y-%m-%d")


def dates(first_mjd: float, last_mjd: float) -> str:
    """Return a span of time as one date or two."""
    first, last = date(first_mjd), date(last_mjd)
    return first if first == last else f"{first} to {last}"


def summary(outlines: Sequence[ChipOutline]) -> str:
    """Return how much was observed and when, in a line."""
    exposures = first_chips(outlines)
    exptime_s = sum(item.exptime_s for item in exposures)
    span = dates(exposures[0].start_mjd, exposures[-1].start_mjd)
    counts = f"{number(len(exposures), 'exposure')}, {number(len(outlines), 'chip')}"
    return f"{counts}, {duration(exptime_s)}, {span}"
