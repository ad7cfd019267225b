"""Rows of a table of footprints checked one by one: the usable, and the refused with their reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mvmdb.errors import InputError, NameFormatError, RegionError
from mvmdb.files.checks import Scalar
from mvmdb.files.columns import TableChunk, Value
from mvmdb.files.exclusion import find_findings
from mvmdb.files.instruments import combine_filters, known_detectors
from mvmdb.files.tables import CHUNK_ROWS, read_table
from mvmdb.names import is_rootname, parse_observation_id
from mvmdb.records import Finding, FootprintChunk, FootprintRow, RejectedRow
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.region import parse_regions

LARGEST_RADIUS_DEG = 5.0
"""No camera's field is larger; a region that is means something else than an exposure."""

_COS_FARTHEST = math.cos(math.radians(2 * LARGEST_RADIUS_DEG))
_MJD_LIMITS = (15_000.0, 100_000.0)
"""The years 1899 to 2132."""
_LONGEST_EXPTIME_S = 1e7
_ANY_CALIBRATED = "flc"
"""A table does not tell how its exposures are calibrated: nothing shall be found against that."""
_ZERO_EXPTIME_S = 1e-5
_LONGEST_TEXT = 200
_MOST_CHIPS = 999
_LARGEST_PROPOSAL = 2**31 - 1
_SECONDS_PER_DAY = 86400.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_FILE_ENDING = re.compile(r"\.fits(\.gz|\.fz)?$")
_FILTER_KEYWORDS = ("FILTER", "FILTER1", "FILTER2", "FILTNAM1", "FILTNAM2")
_TRUE = ("t", "true", "1", "yes")


@dataclass(frozen=True, eq=False)
class _Optics:
    """Instrument, detector and filter as the catalogue names them; so few that identity tells them apart."""

    instrument: str
    detector: str
    filter: str
    filters: tuple[str, ...]


def read_footprints(path: Path, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[FootprintChunk]:
    """Yield the rows of a table of footprints, checked.

    Parameters
    ----------
    path
        See :func:`mvmdb.files.tables.read_table`. One row is an exposure; with a column ``extver`` it is
        one chip of an exposure.
    chunk_rows
        Number of rows at a time.

    Raises
    ------
    TableError
        The file cannot be read, or lacks a necessary column.

    Notes
    -----
    An ACS, WFC3 or WFPC2 exposure must bear its root name, because its file will; an association is
    refused. Other telescopes' identifiers, instruments and filters are taken as they are, lower case.
    """
    for chunk in read_table(path, chunk_rows=chunk_rows):
        yield _check_chunk(str(path), chunk)


def _check_chunk(path: str, chunk: TableChunk) -> FootprintChunk:
    """Return the usable rows of a piece of a table, and the refused ones."""
    n_rows = len(chunk.lines)
    absent: Sequence[Value] = [None] * n_rows
    cells = {name: chunk.columns.get(name, absent) for name in _CELLS}
    regions = parse_regions(
        [_text(value) for value in cells["s_region"]], largest_radius_deg=LARGEST_RADIUS_DEG
    )
    has_chips = "extver" in chunk.columns
    rows, rejected = [], []
    records = zip(*cells.values(), strict=True)
    for index, (line, region, record) in enumerate(zip(chunk.lines, regions, records, strict=True)):
        cell = dict(zip(cells, record, strict=True))
        try:
            if index in chunk.faults:
                raise InputError(chunk.faults[index])
            rows.append(_row(line, cell, region, has_chips=has_chips))
        except InputError as error:
            name = _written_name(cell)
            rejected.append(RejectedRow(line, name, _observation_or_none(cell), has_chips, str(error)))
    return FootprintChunk(path, tuple(rows), tuple(rejected), chunk.read_fraction)


_CELLS = (
    *("obs_id", "filename", "extver", "s_region", "instrument_name", "detector", "filters", "filter2"),
    *("t_exptime", "t_min", "t_max", "target_name", "proposal_id", "wcsname"),
    *("dataproduct_type", "obstype", "mtflag"),
)
Cells = dict[str, Value]


def _row(
    line: int, cell: Cells, region: tuple[SkyRing, ...] | RegionError, *, has_chips: bool
) -> FootprintRow:
    optics = _optics(*(_text(cell[name]) for name in ("instrument_name", "detector", "filters", "filter2")))
    if isinstance(region, RegionError):
        raise InputError(f"s_region: {region}")
    if has_chips and len(region) != 1:
        raise InputError(f"s_region: {len(region)} polygons for one chip")
    if any(_cos_separation(region[0][0], ring[0]) < _COS_FARTHEST for ring in region[1:]):
        raise InputError(f"s_region: polygons more than {2 * LARGEST_RADIUS_DEG:g} degrees apart")
    exptime_s = _number(cell, "t_exptime", 0.0, _LONGEST_EXPTIME_S)
    start_mjd = _number(cell, "t_min", *_MJD_LIMITS)
    target_name = _label(cell, "target_name")
    kind = _text(cell["dataproduct_type"]), _text(cell["obstype"]), _text(cell["mtflag"])
    return FootprintRow(
        line=line,
        rootname=_rootname(cell, optics.instrument),
        chip=_whole(cell, "extver", 1, _MOST_CHIPS) if has_chips else None,
        instrument=optics.instrument,
        detector=optics.detector,
        filter=optics.filter,
        exptime_s=exptime_s,
        start_mjd=start_mjd,
        end_mjd=_end_mjd(cell, start_mjd, exptime_s),
        target_name=target_name,
        proposal_id=_proposal(cell),
        wcsname=_label(cell, "wcsname") or None,
        findings=_findings(optics, target_name, kind, is_zero_time=exptime_s < _ZERO_EXPTIME_S),
        footprint=region,
    )


def _cos_separation(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the cosine of the angle between two positions in degrees."""
    ra, dec, other_ra, other_dec = map(math.radians, (*one, *other))
    return math.sin(dec) * math.sin(other_dec) + math.cos(dec) * math.cos(other_dec) * math.cos(ra - other_ra)


def _text(value: Value) -> str:
    """Return a cell as text without surrounding blanks; empty for none."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value)


def _label(cell: Cells, name: str) -> str:
    text = _text(cell[name])
    if len(text) > _LONGEST_TEXT:
        raise InputError(f"{name}: {len(text)} characters, more than {_LONGEST_TEXT}")
    if _CONTROL.search(text):
        raise InputError(f"{name}: {text!r} holds control characters")
    return text


def _number(cell: Cells, name: str, low: float, high: float) -> float:
    value = cell[name]
    if value is None or value == "":
        raise InputError(f"{name}: is missing")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name}: {value!r} is not a number") from None
    if not low <= number <= high:  # NaN is outside as well
        raise InputError(f"{name}: {number:g} is outside {low:g} ... {high:g}")
    return number


def _whole(cell: Cells, name: str, low: int, high: int) -> int:
    number = _number(cell, name, low, high)
    if number != math.floor(number):
        raise InputError(f"{name}: {number:g} is not a whole number")
    return int(number)


def _end_mjd(cell: Cells, start_mjd: float, exptime_s: float) -> float:
    """Return the end where the table has it, else the start plus the exposure time."""
    if _text(cell["t_max"]) == "":
        return start_mjd + exptime_s / _SECONDS_PER_DAY
    end_mjd = _number(cell, "t_max", *_MJD_LIMITS)
    if end_mjd < start_mjd:
        raise InputError(f"t_max: {end_mjd:.9g} lies before t_min {start_mjd:.9g}")
    return end_mjd


def _proposal(cell: Cells) -> int | None:
    """Return the number of the proposal, or None: other telescopes' proposals have no numbers."""
    try:
        number = int(float(_text(cell["proposal_id"]) or "nan"))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LARGEST_PROPOSAL else None


def _written_name(cell: Cells) -> str:
    """Return the identifier as the table has it, shortened to what fits a report."""
    text = _text(cell["obs_id"]) or _text(cell["filename"])
    return _CONTROL.sub("?", text)[:_LONGEST_TEXT]


def _observation(cell: Cells) -> str:
    return parse_observation_id(_text(cell["obs_id"]) or _name_of_file(_text(cell["filename"])))


def _observation_or_none(cell: Cells) -> str | None:
    try:
        return _observation(cell)
    except NameFormatError:
        return None


def _rootname(cell: Cells, instrument: str) -> str:
    name = _observation(cell)
    if known_detectors(instrument):
        if not is_rootname(name):
            raise InputError(f"{name!r} is not the root name of an exposure of {instrument.upper()}")
        if name[-1].isdigit():
            raise InputError(f"{name!r} is an association, not an exposure")
    return name


def _name_of_file(name: str) -> str:
    """Return a file name without its folder, its ending and the product type after the last underscore."""
    stem = _FILE_ENDING.sub("", name.replace("\\", "/").rpartition("/")[2].lower())
    return stem.rpartition("_")[0] or stem


@lru_cache(maxsize=65_536)
def _optics(instrument_name: str, detector: str, filters: str, filter2: str) -> _Optics:
    """Return what the light went through.

    The archive writes ``WFC3/IR`` where the header has instrument and detector; crossed filters are
    separated by a semicolon, or stand in two columns.
    """
    instrument, _, after = (part.strip().lower() for part in instrument_name.partition("/"))
    names = [_NOT_WORD.sub("", part) for part in (instrument, detector.lower() or after)]
    instrument, detector = names
    if not instrument:
        raise InputError("instrument_name: is missing")
    if not filters and not filter2:
        raise InputError("filters: is missing")
    written = " ".join((filters, filter2)).lower().replace("n/a", " ")
    known = known_detectors(instrument)
    if known:
        detector = known[0] if len(known) == 1 else detector
        if detector not in known:
            raise InputError(f"detector: {detector!r} of {instrument.upper()} is none of {', '.join(known)}")
        each = tuple(_NOT_WORD.sub(" ", written).split())
        return _Optics(instrument, detector, combine_filters(each), each)
    joined = _NOT_WORD.sub("-", written).strip("-") or "clear"
    return _Optics(instrument, detector or instrument, joined, (joined,))


def _findings(
    optics: _Optics, target_name: str, kind: tuple[str, str, str], *, is_zero_time: bool
) -> tuple[Finding, ...]:
    """Return what speaks against the exposure, as far as the table tells, by the rules for headers."""
    # There are ten thousands of targets, and few that matter: with these alone the answers can be kept.
    telling = target_name if _is_telling(target_name) else ""
    return _judge(optics, telling, kind, is_zero_time)


@lru_cache(maxsize=65_536)
def _is_telling(target_name: str) -> bool:
    """Return whether some instrument's exposures of a target are excluded for its name."""
    sound: dict[str, Scalar] = {"TARGNAME": target_name, "EXPTIME": 1.0, "OBSTYPE": "IMAGING"}
    return any(
        find_findings({**sound, "INSTRUME": name}, _ANY_CALIBRATED, "") for name in ("ACS", "WFC3", "WFPC2")
    )


@lru_cache(maxsize=4096)
def _judge(
    optics: _Optics, target_name: str, kind: tuple[str, str, str], is_zero_time: bool
) -> tuple[Finding, ...]:
    dataproduct_type, obstype, mtflag = (word.lower() for word in kind)
    keywords: dict[str, Scalar] = {
        "INSTRUME": optics.instrument,
        "TARGNAME": target_name,
        "EXPTIME": 0.0 if is_zero_time else 1.0,
        "OBSTYPE": obstype or ("SPECTROSCOPIC" if dataproduct_type == "spectrum" else "IMAGING"),
        "MTFLAG": mtflag in _TRUE,
        **dict(zip(_FILTER_KEYWORDS, optics.filters, strict=False)),
    }
    return find_findings(keywords, _ANY_CALIBRATED, optics.detector)
