"""VOTables read as a stream of rows, as services of the Virtual Observatory send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from astropy.io import votable

from mvmdb.errors import TableError
from mvmdb.files.columns import ReadFraction, TableChunk, Value, find_columns, in_chunks

_Events = Iterator[tuple[str, ElementTree.Element]]

_SHAPE_OF_XTYPE = {"polygon": "POLYGON", "circle": "CIRCLE"}
"""The region of a DALI service is bare numbers; what they mean stands in the xtype of its field."""
_DATA_TAGS = ("TABLEDATA", "BINARY", "BINARY2", "FITS")


@dataclass(frozen=True)
class _Field:
    name: str
    shape: str | None
    """Word that belongs before the numbers of a region."""
    null: str | None
    """Value that stands for none."""


def read_votable(
    path: str, stream: IO[bytes], read_fraction: ReadFraction, chunk_rows: int
) -> Iterator[TableChunk]:
    """Yield the rows of the first table of a VOTable.

    Raises
    ------
    TableError
        There is no table, it lacks a necessary column, or the service has cut it off.
    """
    events: _Events = iter(ElementTree.iterparse(stream, events=("start", "end")))
    fields, data = _read_head(path, events)
    places = find_columns(path, [item.name for item in fields])
    if _tag(data) == "TABLEDATA":
        rows = enumerate(_stream_rows(path, events, data), start=1)
        for chunk in in_chunks(rows, chunk_rows):
            columns = {
                name: [_cell(fields[place], row[place]) for _, row in chunk] for name, place in places.items()
            }
            yield TableChunk([line for line, _ in chunk], columns, {}, read_fraction())
    else:
        stream.seek(0)
        yield from _read_at_once(path, stream, fields, places, chunk_rows)


def _tag(element: ElementTree.Element) -> str:
    """Return the name without its namespace, which differs from version to version."""
    return element.tag.rpartition("}")[2]


def _read_head(path: str, events: _Events) -> tuple[list[_Field], ElementTree.Element]:
    """Return the fields of the first table, and the element that its data begin with."""
    fields: list[_Field] = []
    for event, element in events:
        tag = _tag(element)
        if event == "start" and tag in _DATA_TAGS:
            return fields, element
        if event == "end" and tag == "FIELD":
            fields.append(_field(element))
        if event == "end" and tag == "INFO":
            _check_status(path, element)
    raise TableError(path, "is XML without the data of a VOTable")


def _field(element: ElementTree.Element) -> _Field:
    nulls = [child.get("null") for child in element if _tag(child) == "VALUES"]
    return _Field(
        element.get("name", element.get("ID", "")),
        _SHAPE_OF_XTYPE.get(element.get("xtype", "").lower()),
        nulls[0] if nulls else None,
    )


def _check_status(path: str, info: ElementTree.Element) -> None:
    """Raise where the service says that the answer is an error, or was cut off at its limit."""
    status = info.get("value", "").upper()
    if info.get("name") != "QUERY_STATUS" or status not in ("ERROR", "OVERFLOW"):
        return
    if status == "ERROR":
        raise TableError(path, f"holds an error of the service: {(info.text or '').strip()[:200]}")
    raise TableError(
        path, "was cut off by the service (QUERY_STATUS OVERFLOW)", hint="ask again with a larger MAXREC"
    )


def _stream_rows(path: str, events: _Events, data: ElementTree.Element) -> Iterator[Sequence[str | None]]:
    """Yield the texts of each row, and let go of it."""
    for event, element in events:
        tag = _tag(element) if event == "end" else ""
        if tag == "TR":
            yield [cell.text for cell in element]
            data.clear()
        elif tag == "INFO":
            _check_status(path, element)


def _cell(field: _Field, text: str | None) -> Value:
    if text is None or text == field.null:
        return None
    return f"{field.shape} {text}" if field.shape and not text.lstrip()[:1].isalpha() else text


def _read_at_once(
    path: str, stream: IO[bytes], fields: list[_Field], places: Mapping[str, int], chunk_rows: int
) -> Iterator[TableChunk]:
    """Let astropy decode a binary table, which it does in one piece."""
    try:
        array = votable.parse(stream, verify="ignore").get_first_table().array
    except (votable.exceptions.VOTableSpecError, ValueError, IndexError, EOFError) as error:
        raise TableError(path, f"cannot be decoded: {str(error).splitlines()[0]}") from error
    for start in range(0, len(array), chunk_rows):
        part = array[start : start + chunk_rows]
        columns = {
            name: [_decoded(fields[place], value) for value in part[part.dtype.names[place]].tolist()]
            for name, place in places.items()
        }
        lines = range(start + 1, start + len(part) + 1)
        yield TableChunk(lines, columns, {}, lines[-1] / len(array))


def _decoded(field: _Field, value: Any) -> Value:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple | np.ndarray):
        return _cell(field, " ".join(str(float(number)) for number in np.ravel(np.asarray(value))))
    return value
