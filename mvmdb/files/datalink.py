"""The {links} table of IVOA DataLink 1.1 as a VOTable."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io.votable.tree import Field, Info, Resource, TableElement, VOTableFile

STANDARD_ID = "ivo://ivoa.net/std/DataLink#links-1.1"

_FIELDS = (
    ("ID", "char", "meta.id;meta.main", None),
    ("access_url", "char", "meta.ref.url", None),
    ("service_def", "char", "meta.ref", None),
    ("error_message", "char", "meta.code.error", None),
    ("semantics", "char", "meta.code", None),
    ("description", "char", "meta.note", None),
    ("content_type", "char", "meta.code.mime", None),
    ("content_length", "long", "phys.size;meta.file", "byte"),
)
"""Name, datatype, UCD and unit of the columns (DataLink 1.1, section 3.2)."""


def links_votable(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows of links as the standard asks: one resource of results, in TABLEDATA; nulls stay empty."""
    file = VOTableFile()
    resource = Resource(type="results")
    resource.infos.append(Info(name="standardID", value=STANDARD_ID))
    resource.infos.append(Info(name="QUERY_STATUS", value="OK"))
    file.resources.append(resource)
    table = TableElement(file)
    resource.tables.append(table)
    table.fields.extend(_field(file, *item) for item in _FIELDS)
    table.create_arrays(len(rows))
    for place, row in enumerate(rows):
        values = [row[name] for name, *_ in _FIELDS]
        table.array.mask[place] = tuple(value is None for value in values)
        table.array.data[place] = tuple(
            _stored(value, item[1]) for value, item in zip(values, _FIELDS, strict=True)
        )
    stream = io.BytesIO()
    file.to_xml(stream, tabledata_format="tabledata")
    return stream.getvalue()


def _field(file: VOTableFile, name: str, datatype: str, ucd: str, unit: str | None) -> Field:
    arraysize = {"arraysize": "*"} if datatype == "char" else {}
    return Field(file, name=name, datatype=datatype, ucd=ucd, unit=unit, **arraysize)


def _stored(value: Any, datatype: str) -> Any:
    if value is not None:
        return value
    return "" if datatype == "char" else np.int64(0)
