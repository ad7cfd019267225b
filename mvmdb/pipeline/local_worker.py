"""What a Dask worker process of this machine does when it starts (a preload of Dask)."""

from __future__ import annotations

import signal


def dask_setup(_worker: object) -> None:
    """Leave Ctrl-C to the command, which stops its workers in order; a terminal sends it to all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
