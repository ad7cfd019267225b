"""Layers being built, in one view: on this machine, or on all workers of a Dask scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mvmdb.errors import MosaicError
from mvmdb.pipeline.build import BuildOrder, BuildResult, build_layers, carry_out
from mvmdb.pipeline.distribute import (
    LayerDone,
    LayerProgress,
    distribute,
    has_dask,
    local_workers,
    workers_of,
)
from mvmdb.pipeline.plan import LayerTask
from mvmdb_cli.output import print_rows, progress, staged_progress, talk

OnNews = Callable[[LayerProgress | LayerDone], None]


def run_orders(
    orders: Sequence[BuildOrder],
    tasks: Sequence[LayerTask],
    *,
    workers: int,
    scheduler: str | None = None,
    quiet: bool,
) -> list[BuildResult]:
    """Build layers and show how far they are; return what became of them, by name.

    Without a scheduler a single layer is built in this process, with as many threads, and several by a Dask
    scheduler of this command's own where the package is installed, else by a pool of processes.
    """
    n_workers = min(workers, len(orders))
    if scheduler is not None and orders:
        results = _distribute(orders, tasks, scheduler, quiet=quiet)
    elif len(orders) == 1:
        with staged_progress(quiet=quiet) as told:
            order = replace(orders[0], n_threads=workers)
            results = [carry_out(order, lambda done, total: told("drizzle", done / total))]
    elif n_workers > 1 and has_dask():
        results = _distribute(orders, tasks, n_workers, quiet=quiet)
    else:
        with progress("build", len(orders), quiet=quiet) as advance:
            results = [advance() or result for result in build_layers(orders, workers=workers)]
    return sorted(results, key=lambda result: (result.skycell, result.layer, result.selection))


def _distribute(
    orders: Sequence[BuildOrder], tasks: Sequence[LayerTask], where: str | int, *, quiet: bool
) -> list[BuildResult]:
    opened = local_workers(where) if isinstance(where, int) else workers_of(where, orders[0].url)
    results = []
    with opened as client, _view(tasks, quiet=quiet) as show:
        for news in distribute(client, orders):
            show(news)
            if isinstance(news, LayerDone):
                results.append(news.result)
    return results


@contextmanager
def _view(tasks: Sequence[LayerTask], *, quiet: bool) -> Iterator[OnNews]:
    """Show the whole run in one line, and below it what each worker builds; give what takes the news."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, disable=quiet or not talk.is_terminal) as bars:
        whole = bars.add_task("layers", total=len(tasks))
        lines: dict[int, TaskID] = {}
        outcomes: Counter[str] = Counter()
        workers: dict[str, int] = {}
        numbers = count(1)

        def show(news: LayerProgress | LayerDone) -> None:
            if isinstance(news, LayerDone):
                outcomes[news.result.outcome] += 1
                if news.index in lines:
                    bars.remove_task(lines.pop(news.index))
                bars.advance(whole)
            else:
                plan = tasks[news.index].plan
                if news.index not in lines:
                    lines[news.index] = bars.add_task("", total=None)
                number = workers.get(news.worker) or workers.setdefault(news.worker, next(numbers))
                words = f"  worker {number}: {plan.skycell} {plan.layer}"
                bars.update(lines[news.index], completed=news.n_done, total=news.n_steps, description=words)
            done = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
            bars.update(
                whole, description=f"layers: {', '.join(filter(None, [done, f'{len(lines)} running']))}"
            )

        yield show


def report_results(results: list[BuildResult], as_json: bool) -> None:
    """Print what became of layers; exit with the code of the first failure."""
    headings = {
        "layer": "layer",
        "outcome": "outcome",
        "reason": "because",
        "n_inputs": "inputs",
        "n_excluded": "left out",
        "file_path": "file",
    }
    if any(result.selection != "all" for result in results):
        headings = {"layer": "layer", "selection": "selection", **headings}
    if len({result.skycell for result in results}) > 1:
        headings = {"skycell": "skycell", **headings}
    print_rows(results, headings, as_json=as_json)
    failures = [result for result in results if result.outcome == "failed"]
    for hint in dict.fromkeys(result.hint for result in failures if result.hint):
        talk.print(f"[dim]hint:[/dim] {escape(hint)}", highlight=False)
    if failures:
        raise typer.Exit(failures[0].exit_code or MosaicError.exit_code)
