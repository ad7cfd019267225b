"""The little markdown that the generated pages need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DO_NOT_EDIT = "<!-- Printed by docs/generate.py; do not edit. -->"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(*parts: str) -> str:
    """Return a page: its parts with an empty line between them, and the note not to edit it."""
    return "\n\n".join([DO_NOT_EDIT, *(part.strip() for part in parts if part.strip())]) + "\n"
