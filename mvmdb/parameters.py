"""From named values to checked drizzle parameters, and from what a user typed to named values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, get_args

from mvmdb.errors import ParameterError
from mvmdb.records import DrizzleParameters, Equalisation, Kernel, SkyMethod, SkyZero, Weighting

_ALL_BITS = 2**16 - 1


def _one_of(literal: Any) -> tuple[Callable[[Any], bool], str]:
    words = get_args(literal)
    return (lambda value: value in words), " or ".join(words)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_ALLOWED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "kernel": _one_of(Kernel),
    "pixfrac": (lambda value: _is_number(value) and 0 < value <= 1, "a number above 0 and at most 1"),
    "weighting": _one_of(Weighting),
    "good_bits": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _ALL_BITS,
        f"a sum of DQ bits, 0 to {_ALL_BITS}",
    ),
    "mapping_error_pix": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "sky": _one_of(SkyMethod),
    "sky_zero": _one_of(SkyZero),
    "equalise": _one_of(Equalisation),
    "error": (lambda value: isinstance(value, bool), "true or false"),
}
"""What each parameter may be: a test, and the same in words."""


def make_parameters(values: Mapping[str, Any], *, origin: str) -> DrizzleParameters:
    """Return the parameters that named values give; what is not named keeps its default.

    Parameters
    ----------
    values
        Value by name, as in JSON.
    origin
        Where they come from, for the error: ``parameter set hap``.

    Raises
    ------
    ParameterError
        A name is unknown or a value not allowed.
    """
    for name, value in values.items():
        _require_allowed(name, value, origin)
    numbers = {field.name for field in fields(DrizzleParameters) if field.type == "float"}
    checked: dict[str, Any] = {n: float(value) if n in numbers else value for n, value in values.items()}
    return DrizzleParameters(**checked)


def _require_allowed(name: str, value: object, origin: str) -> None:
    if name not in _ALLOWED:
        raise ParameterError(
            f"{origin}: there is no parameter {name!r}", hint=f"it is one of {', '.join(_ALLOWED)}"
        )
    is_allowed, words = _ALLOWED[name]
    if not is_allowed(value):
        raise ParameterError(f"{origin}: {name} cannot be {value!r}", hint=f"{name} is {words}")


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """Return value by name of texts like ``pixfrac=0.8``.

    Raises
    ------
    ParameterError
        A text is no ``NAME=VALUE``, a name is unknown, given twice, or its value not allowed.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or name in found:
            problem = "is given twice" if name in found else "is not NAME=VALUE"
            raise ParameterError(f"parameter {text!r} {problem}", hint="write it like pixfrac=0.8, each once")
        found[name] = _parsed(value)
        _require_allowed(name, found[name], "parameter")
    return found


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:  # a word
        return text
