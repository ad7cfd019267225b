"""``docs/json.md``: the fields of what commands print with ``--json``, with type and meaning."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .catalogue import column_comments
from .json_shapes import COLUMNS_OF, OTHER_MEANINGS, OUTPUTS, Output
from .markdown import page, table
from .meanings import attribute_meanings

_SIMPLE = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    Path: "string",
    datetime: "string (time)",
}
_INTRODUCTION = """
# JSON output

With `--json` a command prints one JSON value to standard output and nothing else there. Fields keep their
name, type and unit; later versions may add fields. Units stand in the names: `_deg` degrees, `_arcsec`
seconds of arc, `_pix` pixels, `_s` seconds of time, `_mjd` modified Julian date (UTC days), `_arcmin2` square
minutes of arc, `_bytes` bytes, `_gb` 10^9 bytes. Fields that start with `n_` are counts. Times are ISO 8601
in UTC. Numbers are finite; what is unknown is `null`.
"""


def json_page() -> str:
    """Return the page."""
    rows = [[_command(output), _type_words(output.shape)] for output in OUTPUTS]
    return page(
        _INTRODUCTION,
        table(["command", "prints"], rows),
        "## Objects",
        *(_section(shape) for shape in sorted(_all_shapes(), key=lambda shape: shape.__name__)),
    )


def meaning(shape: type, field: str) -> str:
    """Return what a field of a shape means.

    Raises
    ------
    LookupError
        Neither the class, nor a column, nor the list of other meanings tells.
    """
    sources = [
        {name: text for (owner, name), text in OTHER_MEANINGS.items() if owner is shape},
        attribute_meanings(shape),
        *(column_comments()[name] for name in COLUMNS_OF.get(shape, ())),
    ]
    found = next((source[field] for source in sources if field in source), None)
    if found is None:
        raise LookupError(f"nothing says what {shape.__name__}.{field} means: see json_shapes.py")
    return found.replace("None", "null").removesuffix(".")


def _all_shapes() -> set[type]:
    return {found for output in OUTPUTS for found in _shapes_within(output.shape)}


def _shapes_within(kind: Any) -> Iterator[type]:
    if is_dataclass(kind) and isinstance(kind, type):
        yield from (ancestor for ancestor in kind.__mro__ if is_dataclass(ancestor))
        for hint in get_type_hints(kind).values():
            yield from _shapes_within(hint)
    for part in get_args(kind):
        yield from _shapes_within(part)


def _command(output: Output) -> str:
    link = f"[`mvmdb {output.command}`](cli.md#mvmdb-{output.command.replace(' ', '-')})"
    return f"{link} {output.case}".strip()


def _section(shape: type) -> str:
    summary = inspect.cleandoc(shape.__doc__ or "").splitlines()[0].replace("``", "`")
    hints, parent = get_type_hints(shape), shape.__bases__[0]
    if is_dataclass(parent):
        summary += f" It has the fields of {_type_words(parent)}, and:"
        hints = {name: hint for name, hint in hints.items() if name not in get_type_hints(parent)}
    rows = [[f"`{name}`", _type_words(hint), meaning(shape, name)] for name, hint in hints.items()]
    return f"### {shape.__name__}\n\n{summary}\n\n" + table(["field", "type", "meaning"], rows)


def _type_words(kind: Any) -> str:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if is_dataclass(kind) and isinstance(kind, type):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    parts = get_args(kind)
    if isinstance(kind, types.UnionType) or get_origin(kind) is Union:
        words = [_type_words(part) for part in parts if part is not type(None)]
        return " or ".join([*words, "null"] if type(None) in parts else words)
    if get_origin(kind) is Literal:
        return "string, one of " + ", ".join(f"`{part}`" for part in parts)
    if get_origin(kind) is list:
        return f"array of {_type_words(parts[0])}"
    if get_origin(kind) is dict:
        return f"object of {_type_words(parts[1])} by name"
    raise TypeError(f"{kind!r} has no JSON form")
