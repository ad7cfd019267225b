"""``docs/cli.md``: every command of the typer application, from the application itself."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from mvmdb import errors
from mvmdb.settings import ENVIRONMENT_PREFIX, Settings
from mvmdb_cli.app import app

from .markdown import page, table
from .meanings import attribute_meanings

_TYPES: dict[Any, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    datetime: "UTC date or time",
}
_INTRODUCTION = """
# The command line

Results go to standard output, progress and messages to standard error. A position is written in degrees
(`53.1625 -27.7914`) or in hours and degrees (`03:32:39 -27:47:29`). With `--json` a command prints what
[json.md](json.md) describes.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, in the order of the application."""
    for name, command in _root().commands.items():
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        else:
            yield from ((f"{name} {child}", item) for child, item in children.items())


def cli_page() -> str:
    """Return the page."""
    every = list(commands())
    index = table(
        ["command", "what it does"],
        [[f"[`mvmdb {name}`](#mvmdb-{name.replace(' ', '-')})", _summary(item)] for name, item in every],
    )
    return page(
        _INTRODUCTION,
        index,
        *(_section(name, command) for name, command in every),
        "## Settings",
        "A variable of the environment, or an entry of that name in lower case and without its prefix in "
        "`mvmdb.toml` (of the current directory, else of `MVMDB_HOME`). The variable wins.",
        _settings_table(),
        "## Exit codes",
        _exit_codes(),
    )


def examples(command: Any) -> str:
    """Return the paragraph of a command's help that starts with Example, or nothing."""
    return next((part for part in _paragraphs(command) if part.startswith("Example")), "")


def _root() -> Any:
    return typer.main.get_command(app)


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n")]


def _summary(command: Any) -> str:
    return _paragraphs(command)[0]


def _section(name: str, command: Any) -> str:
    text = [part for part in _paragraphs(command) if not part.startswith("Example")]
    usage = " ".join(["mvmdb", name, *_usage(command)])
    return "\n\n".join(
        [f"## mvmdb {name}", *text, f"```text\n{usage}\n```", _parameters(command), examples(command)]
    )


def _usage(command: Any) -> Iterator[str]:
    if any(_is_option(parameter) for parameter in command.params):
        yield "[OPTIONS]"
    for parameter in command.params:
        if not _is_option(parameter):
            yield _argument(parameter) if parameter.required else f"[{_argument(parameter)}]"


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _written(parameter: Any) -> str:
    if not _is_option(parameter):
        return _argument(parameter)
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]{}")


def _parameters(command: Any) -> str:
    hints = get_type_hints(command.callback)
    rows = [
        [
            f"`{_written(parameter)}`",
            _value(parameter, hints[parameter.name]),
            parameter.help or "",
        ]
        for parameter in command.params
    ]
    return table(["argument or option", "value", "meaning"], rows) if rows else ""


def _value(parameter: Any, hint: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return ""
    kinds = get_args(hint) if isinstance(hint, (types.UnionType, types.GenericAlias)) else (hint,)
    words = [_words(kind) for kind in kinds if kind is not type(None)]
    if parameter.nargs == -1:
        words.append("one or more")
    if getattr(parameter, "min", None) is not None:
        words.append(f"at least {parameter.min}")
    if isinstance(parameter.default, (int, float)):
        words.append(f"default {parameter.default:g}")
    elif isinstance(parameter.default, Enum):
        words.append(f"default {parameter.default.value}")
    return ", ".join(words)


def _words(kind: Any) -> str:
    if isinstance(kind, types.GenericAlias):
        return _words(get_args(kind)[0])
    if issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    return _TYPES[kind]


def _settings_table() -> str:
    meanings = attribute_meanings(Settings)
    rows = [
        [f"`{ENVIRONMENT_PREFIX}{name.upper()}`", meanings[name].replace("None", "not set")]
        for name in Settings.model_fields
    ]
    return table(["variable", "meaning"], rows)


def _exit_codes() -> str:
    kinds = sorted(errors.MvmdbError.__subclasses__(), key=lambda kind: kind.exit_code)
    rows = [[str(kind.exit_code), f"`{kind.__name__}`", str(kind.__doc__).splitlines()[0]] for kind in kinds]
    return table(
        ["code", "error", "meaning"],
        [["0", "", "Done, or nothing to do."], ["1", "", "A defect of mvmdb: please report it."], *rows],
    )
