"""Each module of end-to-end tests has a home, a private cluster and a command line of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.command_line import CommandLine, command_line


@pytest.fixture(scope="module")
def mvmdb() -> Iterator[CommandLine]:
    """The command line, in an empty home."""
    with command_line() as made:
        yield made
