"""The columns of a table of footprints: which are read, what they may be called, which a table must have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from mvmdb.errors import TableError

Value = Any
"""A cell: text from CSV; also numbers, booleans and None from the other forms."""
ReadFraction = Callable[[], float]
"""Tells how much of a file has been read, 0 to 1."""
Item = TypeVar("Item")

ACCEPTED_NAMES: Mapping[str, tuple[str, ...]] = {
    "obs_id": ("rootname", "obs_id", "sci_data_set_name", "dataset", "observation_id"),
    "filename": ("filename", "file_name"),
    "extver": ("extver", "chip"),
    "s_region": ("s_region", "stc_s", "stcs", "footprint", "region"),
    "instrument_name": ("instrument_name", "instrument", "instrume"),
    "detector": ("detector",),
    "filters": ("filters", "em_filter_name", "filter_name", "filter", "filter1", "filtnam1"),
    "filter2": ("filter2", "filtnam2"),
    "t_exptime": ("t_exptime", "exptime", "exposure_time", "exptime_s"),
    "t_min": ("t_min", "expstart", "start_mjd", "mjd_obs", "mjd-obs"),
    "t_max": ("t_max", "expend", "end_mjd"),
    "target_name": ("target_name", "targname", "target"),
    "proposal_id": ("proposal_id", "proposid"),
    "wcsname": ("wcsname",),
    "dataproduct_type": ("dataproduct_type",),
    "obstype": ("obstype",),
    "mtflag": ("mtflag",),
}
"""The columns that are read, and what they may be called, in any case; of several the first counts."""

NECESSARY = (
    ("obs_id", "filename"),
    ("s_region",),
    ("instrument_name",),
    ("filters",),
    ("t_exptime",),
    ("t_min",),
)
"""A table has at least one of each group."""


@dataclass(frozen=True)
class TableChunk:
    """Some rows of a table, column by column."""

    lines: Sequence[int]
    """Last line of each row in a CSV file; else the number of the row, from 1."""
    columns: Mapping[str, Sequence[Value]]
    """By the names of :data:`ACCEPTED_NAMES`; only those that the table has."""
    faults: Mapping[int, str]
    """Rows of this chunk, by index, that have too few or too many cells."""
    read_fraction: float
    """How much of the file has been read, 0 to 1."""


def find_columns(path: str, names: Sequence[str]) -> dict[str, int]:
    """Return the place of every column that is read, by its name in :data:`ACCEPTED_NAMES`.

    Raises
    ------
    TableError
        A necessary column is missing; the message names it and the columns there are.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name.strip().lower(), place)
    found = {
        wanted: places[next(name for name in accepted if name in places)]
        for wanted, accepted in ACCEPTED_NAMES.items()
        if not places.keys().isdisjoint(accepted)
    }
    for group in NECESSARY:
        if found.keys().isdisjoint(group):
            accepted = ", ".join(name for wanted in group for name in ACCEPTED_NAMES[wanted])
            raise TableError(
                path,
                f"has no column {' or '.join(group)}; its columns are {', '.join(names) or 'none'}",
                hint=f"name the column one of {accepted}",
            )
    return found


def in_chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to ``size`` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
