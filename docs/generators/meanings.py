"""What the attributes of a class mean, in the words of its own docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import pairwise

_SECTION = re.compile(r"^Attributes\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^(\w[\w, ]*)\n((?:    .*\n?)+)", re.MULTILINE)


def attribute_meanings(described: type) -> dict[str, str]:
    """Return what is written under the attributes of a class, or in the Attributes of its docstring."""
    found: dict[str, str] = {}
    for ancestor in reversed(described.__mro__[:-1]):
        found |= _from_section(ancestor) | _from_strings(ancestor)
    return found


def _from_section(described: type) -> dict[str, str]:
    section = _SECTION.search(inspect.cleandoc(described.__doc__ or "") + "\n")
    entries = _ENTRY.findall(section.group(1)) if section else []
    return {name: _one_line(text) for names, text in entries for name in names.split(", ")}


def _from_strings(described: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(described))
    except (OSError, TypeError):  # built in
        return {}
    (definition,) = ast.parse(source).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        field.target.id: _one_line(remark.value.value)
        for field, remark in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(remark, ast.Expr)
        and isinstance(remark.value, ast.Constant)
        and isinstance(remark.value.value, str)
    }


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
