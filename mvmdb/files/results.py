"""Rows of an answer as files that other programs read: CSV, VOTable, Parquet, ds9 regions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from astropy.io.votable import from_table
from astropy.table import Column, Table

from mvmdb.errors import InputError, SettingsError

_UNITS = {
    "_deg": "deg",
    "_arcsec": "arcsec",
    "_s": "s",
    "_pix": "pix",
    "_mjd": "d",
    "_arcmin2": "arcmin2",
    "_deg2": "deg2",
}
"""The unit is part of every name: its ending says it."""

_DS9_HEADER = "# Region file format: DS9 version 4.1\nglobal width=1\nicrs\n"

Rows = Sequence[Mapping[str, Any]]


def as_csv(rows: Rows) -> bytes:
    """Return rows as CSV with a header line; nothing where there is no row."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()


def as_votable(rows: Rows, names: Sequence[str]) -> bytes:
    """Return rows as a VOTable with units; missing values are masked."""
    stream = io.BytesIO()
    from_table(_table(rows, names)).to_xml(stream)
    return stream.getvalue()


def as_parquet(rows: Rows, names: Sequence[str]) -> bytes:
    """Return rows as Parquet, the unit of each column in its field's metadata.

    Raises
    ------
    SettingsError
        The optional package pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415 - optional, and slow to import
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "Parquet needs pyarrow, which is not installed", hint="pip install 'mvmdb[tables]'"
        ) from error
    table = pyarrow.table({name: [row[name] for row in rows] for name in names})
    fields = [
        item.with_metadata({"unit": unit}) if (unit := unit_of(item.name)) else item for item in table.schema
    ]
    stream = io.BytesIO()
    parquet.write_table(table.cast(pyarrow.schema(fields)), stream)
    return stream.getvalue()


def as_ds9(rows: Rows) -> bytes:
    """Return the ``s_region`` of the rows as ds9 polygons, labelled with exposure or layer.

    Raises
    ------
    InputError
        The rows have no footprint.
    """
    if rows and "s_region" not in rows[0]:
        raise InputError(
            "these rows have no footprint to draw",
            hint="ds9 regions come from `mvmdb coverage` and `mvmdb deep`",
        )
    lines = [
        f"polygon({','.join(polygon.split()[2:])}) # text={{{_label(row)}}}\n"
        for row in rows
        for polygon in _polygons(row["s_region"])
    ]
    return (_DS9_HEADER + "".join(lines)).encode()


def _label(row: Mapping[str, Any]) -> str:
    return " ".join(str(row[name]) for name in ("exposure", "filter", "skycell", "layer") if name in row)


def _polygons(s_region: str | None) -> list[str]:
    return [f"POLYGON{text}" for text in (s_region or "").split("POLYGON")[1:]]


def unit_of(name: str) -> str | None:
    """Return the unit that the ending of a column's name states, in the VO's spelling."""
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), None)


def _table(rows: Rows, names: Sequence[str]) -> Table:
    table = Table(masked=True)
    for name in names:
        values = [row[name] for row in rows]
        known = [value for value in values if value is not None]
        blank: Any = "" if not known or isinstance(known[0], str) else type(known[0])()
        column = Column(
            [blank if value is None else value for value in values], name=name, unit=unit_of(name)
        )
        table[name] = column
        table[name].mask = [value is None for value in values]
    return table
