"""Many layers on many processes or machines: each is one task of a Dask scheduler.

What fails is a result, not an exception. A worker that dies costs only the layer it was at: the scheduler
gives it to another one, which takes over when the lease of the dead builder has run out.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from mvmdb import __version__
from mvmdb.catalog.engine import check_reachable, is_on_this_machine
from mvmdb.errors import (
    CatalogUnreachableError,
    ConflictError,
    MissingPackageError,
    SchedulerError,
    WorkerVersionError,
)
from mvmdb.pipeline.build import BuildOrder, BuildResult, carry_out, failed
from mvmdb.records import ENGINE

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

_CONNECT_S = 20
_CONFLICT_PAUSE_S = 1.0
"""How long a layer waits before its lease is tried again; other layers go first."""

_LOOPBACK = ("127.", "localhost", "[::1]")


@dataclass(frozen=True)
class Software:
    """What must be the same on all machines, because it decides the pixels."""

    mvmdb: str = __version__
    engine: str = ENGINE


@dataclass(frozen=True)
class LayerProgress:
    """How far a worker is with a layer."""

    index: int
    """Which of the orders."""
    worker: str
    """Address of the worker."""
    n_done: int
    """Steps that are done; 0 when it begins."""
    n_steps: int | None = None
    """Of how many; None when it begins."""


@dataclass(frozen=True)
class LayerDone:
    """What became of a layer."""

    index: int
    """Which of the orders."""
    result: BuildResult


@dataclass(frozen=True)
class _Task:
    """One attempt at a layer, as it goes to a worker."""

    index: int
    order: BuildOrder
    topic: str
    """Where the worker tells how far it is."""
    software: Software = field(default_factory=Software)
    pause_s: float = 0.0


@dataclass(frozen=True)
class _Answer:
    """What comes back from a worker."""

    worker: str
    result: BuildResult
    is_refusal: bool = False
    """The worker may build nothing at all."""
    is_taken: bool = False
    """Another builder has the layer; nothing was begun."""


def has_dask() -> bool:
    """Return whether the optional package distributed is installed."""
    return find_spec("distributed") is not None


@contextmanager
def local_workers(n_workers: int) -> Iterator[Client]:
    """Give a client of a scheduler of this process's own, with worker processes on this machine.

    They have no limit of memory: the pages of mapped files would count, and a build that needs more than
    the machine has is for the plan to refuse.

    Raises
    ------
    MissingPackageError
        distributed is not installed.
    """
    dask, distributed = _import_dask()
    # one task at a time to each worker, so that the longest of those that wait is always the next
    settings = {
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.admin.system-monitor.gil.enabled": False,
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=":0",  # any free port: several runs may go on side by side
            silence_logs=logging.ERROR,
            preload=["mvmdb.pipeline.local_worker"],
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def workers_of(address: str, url: str) -> Iterator[Client]:
    """Give a client of a scheduler that runs somewhere, after a look at the workers it has now.

    Parameters
    ----------
    address
        Of the scheduler, like ``tcp://head:8786``.
    url
        The database that the workers will use.

    Raises
    ------
    MissingPackageError
        distributed is not installed.
    SchedulerError
        The scheduler does not answer, a worker cannot reach the database, or has several threads.
    WorkerVersionError
        A worker has another mvmdb or engine, or none.
    """
    _, distributed = _import_dask()
    try:
        client = distributed.Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise SchedulerError(
            f"no Dask scheduler answers at {address}: {error}",
            hint="give the address that `dask scheduler` prints, like tcp://head:8786",
        ) from error
    with client:
        _check_workers(client, address, url)
        yield client


def _import_dask() -> tuple[Any, Any]:
    try:
        import dask  # noqa: PLC0415 - optional, and slow to import
        import distributed  # noqa: PLC0415
    except ImportError as error:
        raise MissingPackageError("dask.distributed", "cluster") from error
    return dask, distributed


def _check_workers(client: Client, address: str, url: str) -> None:
    answers: dict[str, SchedulerError | Exception | None] = client.run(
        _examine, Software(), url, on_error="return"
    )
    for worker, answer in answers.items():
        if isinstance(answer, SchedulerError):
            raise answer
        if answer is not None:  # it cannot even load this module
            raise WorkerVersionError(f"worker {worker} lacks mvmdb {__version__}: {answer}", hint=_SAME_HINT)
    host = address.rpartition("://")[2]
    if not answers and is_on_this_machine(url) and not host.startswith(_LOOPBACK):
        raise SchedulerError(
            f"workers of {address} cannot reach a database that listens on this machine only",
            hint=_DATABASE_HINT,
        )


_SAME_HINT = f"install mvmdb {__version__} with the same drizzle on every worker"
_DATABASE_HINT = "set MVMDB_DATABASE_URL to a server that all workers reach: see docs/howto/cluster.md"


def _examine(software: Software, url: str, dask_worker: Worker) -> SchedulerError | None:
    """Return why a worker cannot be used; runs on the worker."""
    problem = _unfit(software, dask_worker)
    if problem is not None:
        return problem
    try:
        check_reachable(url)
    except CatalogUnreachableError as error:
        return SchedulerError(
            f"worker {dask_worker.address} cannot reach the database: {error}", hint=_DATABASE_HINT
        )
    return None


def _unfit(software: Software, worker: Worker) -> SchedulerError | None:
    here = Software()
    if here != software:
        return WorkerVersionError(
            f"worker {worker.address} has mvmdb {here.mvmdb} with {here.engine},"
            f" not {software.mvmdb} with {software.engine}",
            hint=_SAME_HINT,
        )
    if worker.state.nthreads > 1:
        return SchedulerError(
            f"worker {worker.address} has {worker.state.nthreads} threads, and a process builds one layer",
            hint="start it with --nthreads 1, and more of them with --nworkers",
        )
    return None


def distribute(client: Client, orders: Sequence[BuildOrder]) -> Iterator[LayerProgress | LayerDone]:
    """Build layers on the workers of a scheduler, the first of the orders first; tell what happens.

    A layer that another process builds is tried again until it is free. When the caller stops iterating,
    layers that wait are given up, and those being built stop after the step they are at.

    Parameters
    ----------
    client
        Of the scheduler.
    orders
        The longest first, so that no long one is left for the end.
    """
    news: SimpleQueue[Any] = SimpleQueue()
    topic = f"mvmdb-{uuid.uuid4()}"
    client.subscribe_topic(topic, lambda event: news.put(LayerProgress(**event[1])))
    waiting: dict[Future[_Answer], _Task] = {}

    def submit(task: _Task, workers: list[str] | None = None) -> None:
        # what is tried again goes last; pure=False, because the same order may be given twice
        priority = -task.index - (len(orders) if task.pause_s else 0)
        future = client.submit(
            _carry_out,
            task,
            key=f"{_key(task)}-{uuid.uuid4()}",
            priority=priority,
            workers=workers,
            retries=1,
            pure=False,
        )
        waiting[future] = task
        future.add_done_callback(news.put)

    refused: set[str] = set()
    try:
        for index, order in enumerate(orders):
            submit(_Task(index, order, topic))
        while waiting:
            item = news.get()
            if isinstance(item, LayerProgress):
                yield item
                continue
            task = waiting.pop(item)
            answer = _answer(item, task)
            if answer.is_refusal:
                refused.add(answer.worker)
            others = _others(client, refused)
            if answer.is_taken:
                submit(replace(task, pause_s=_CONFLICT_PAUSE_S), others)
            elif answer.is_refusal and others != []:
                submit(task, others)
            else:
                yield LayerDone(task.index, answer.result)
    finally:
        client.cancel(list(waiting))
        with suppress(ValueError):  # the client has gone already
            client.unsubscribe_topic(topic)


def _key(task: _Task) -> str:
    """Return what the scheduler's own pages show."""
    return f"{task.order.skycell}-{task.order.layer}-{task.order.selection}"


def _others(client: Client, refused: set[str]) -> list[str] | None:
    """Return the workers that are not refused; None, which means any, while none is."""
    if not refused:
        return None
    return [worker for worker in client.scheduler_info(n_workers=-1)["workers"] if worker not in refused]


def _answer(future: Future[_Answer], task: _Task) -> _Answer:
    """Return the answer of a task; one whose worker died too often, or that broke, has a failed result."""
    if future.cancelled():
        problem: BaseException | None = SchedulerError(
            "the scheduler has gone", hint="run the same command again: what is built is not built again"
        )
    else:
        problem = future.exception()
    if problem is not None:
        return _Answer("", failed(task.order, problem))
    answer: _Answer = future.result()
    return answer


def _carry_out(task: _Task) -> _Answer:
    """Build a layer; runs on a worker."""
    from distributed import get_worker  # noqa: PLC0415 - optional

    worker = get_worker()
    problem = _unfit(task.software, worker)
    if problem is not None:
        return _Answer(worker.address, failed(task.order, problem), is_refusal=True)
    time.sleep(task.pause_s)
    tell, n_told = _reporter(task, worker), count()
    tell(0, None)

    def on_step(done: int, total: int) -> None:
        next(n_told)
        tell(done, total)

    result = carry_out(task.order, on_step)
    # one that loses its lease on the way has failed: to begin again would go on without end where a
    # machine is too slow for its lease
    is_taken = result.error == ConflictError.__name__ and next(n_told) == 0
    return _Answer(worker.address, result, is_taken=is_taken)


def _reporter(task: _Task, worker: Worker) -> Callable[[int, int | None], None]:
    """Return what is called after each step: it tells the client, and stops a layer that was given up."""
    key = worker.get_current_task()

    def report(done: int, total: int | None) -> None:
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            raise SchedulerError("given up by the one who ordered it")
        news = {"index": task.index, "worker": worker.address, "n_done": done, "n_steps": total}
        worker.log_event(task.topic, news)

    return report
