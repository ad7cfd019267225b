"""A lease held while a layer is built: renewed by a thread, released at the end."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.leases import Lease, find_holder, lost_lease, release_lease, renew_lease, take_lease
from mvmdb.errors import CatalogError, ConflictError

_RENEWALS_PER_LEASE = 3
"""Two renewals may fail before a lease runs out."""


class Heartbeat:
    """The thread that renews a lease, on connections of its own."""

    def __init__(self, engine: Engine, held: Lease) -> None:
        self._engine = engine
        self._lease = held
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def require(self) -> None:
        """Raise ConflictError if the lease is known to be lost: no use to go on."""
        if self._lost.is_set():
            raise lost_lease(self._lease)

    def _beat(self) -> None:
        while not self._ended.wait(self._lease.duration_s / _RENEWALS_PER_LEASE):
            # A server that does not answer may do so next time; whether it was too late, the token tells.
            with suppress(CatalogError):
                if not renew_lease(self._engine, self._lease):
                    self._lost.set()
                    return


@contextmanager
def leased(
    engine: Engine, skycell: str, layer: str, selection: str, *, duration_s: float
) -> Iterator[tuple[Lease, Heartbeat] | None]:
    """Hold the lease of a layer, renewed; give None when another process has it.

    A process that dies leaves the lease, which then runs out.
    """
    held = take_lease(
        engine,
        skycell,
        layer,
        selection,
        host=platform.node(),
        process_id=os.getpid(),
        duration_s=duration_s,
    )
    if held is None:
        yield None
        return
    try:
        with Heartbeat(engine, held) as heartbeat:
            yield held, heartbeat
    finally:
        # What went wrong before must not hide behind a server that is gone: then the lease runs out.
        with suppress(CatalogError):
            release_lease(engine, held)


def another_builds(engine: Engine, skycell: str, layer: str, selection: str) -> ConflictError:
    """Return what to say when a layer is being built by another process."""
    with transaction(engine) as connection:
        holder = find_holder(connection, skycell, layer, selection)
    if holder is None:
        return ConflictError(
            f"another process has just built {layer} of {skycell}", {}, hint="start the build again"
        )
    return ConflictError(
        f"another process builds {layer} of {skycell}: {holder.process_id} on {holder.host}",
        {},
        hint=f"if it is dead, its lease runs out in {max(0.0, holder.remaining_s):.0f} s;"
        " `mvmdb build list --outcome running` shows it, `mvmdb build release` ends it",
    )
