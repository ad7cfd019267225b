"""File systems that know no reading and writing past the page cache."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def refuse_direct(monkeypatch: pytest.MonkeyPatch, *, when: str) -> list[object]:
    """Refuse what goes past the cache when a file is ``opening`` or only when it is ``used``.

    Returns what was refused, as it happens.
    """
    direct: set[int] = set()
    refused: list[object] = []
    plain_open = os.open

    def opening(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_DIRECT and when == "opening":
            refuse(path)
        descriptor = plain_open(path, flags, *rest)
        direct.update([descriptor] if flags & os.O_DIRECT else [])
        return descriptor

    def refuse(what: object) -> None:
        refused.append(what)
        raise OSError(errno.EINVAL, "Invalid argument")

    def unless_direct(plain: Callable[..., int]) -> Callable[..., int]:
        def use(file: int, *rest: Any) -> int:
            if file in direct and when == "used":
                refuse(file)
            return plain(file, *rest)

        return use

    monkeypatch.setattr(os, "open", opening)
    for name in ("preadv", "pwrite"):
        monkeypatch.setattr(os, name, unless_direct(getattr(os, name)))
    return refused
