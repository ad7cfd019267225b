"""Independent work on several processes, results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result as it is done; in this process when one worker is enough.

    Processes are spawned, not forked: a fork would share database sockets with its parent.
    """
    n_processes = min(workers, len(items))
    if n_processes <= 1:
        for item in items:
            yield item, work(item)
        return
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(work, item): item for item in items}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)
