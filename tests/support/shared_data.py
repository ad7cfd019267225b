"""Public Hubble files that are too large for the repository: tests that need them skip without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data(relative: str) -> Path:
    """Return a file or folder of the shared data, or skip the test that asks for it.

    Parameters
    ----------
    relative
        Path below the ``data`` folder of the directory that ``MVMDB_SHARED`` names (``../shared``).
    """
    path = Path(os.environ.get("MVMDB_SHARED", "../shared")) / "data" / relative
    if not path.exists():
        pytest.skip(f"no shared data at {path}; set MVMDB_SHARED")
    return path
