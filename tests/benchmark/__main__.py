"""Measure the sky in SQL on a private server: ``make bench``, or ``python -m tests.benchmark --help``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmark import report
from tests.benchmark.run import (
    Figures,
    machine,
    measure_archive,
    measure_exactness,
    measure_mission,
    measure_peers,
)
from tests.support.database import private_server, template_database

logger = logging.getLogger("benchmark")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables and write ``sky.json``."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with private_server(settings=()) as server_url, template_database(server_url) as template_url:
        for figures in run(template_url, options):
            report.write(figures, options.output)  # what has been measured survives an interruption
    sys.stdout.write("\n\n".join(_tables(figures)) + "\n")


def run(template_url: str, options: argparse.Namespace) -> Iterator[Figures]:
    """Yield the figures, more after each part of the run; each part has a database of its own."""
    directory = Path(os.environ.get("MVMDB_SHARED", "../shared")) / "data/footprints"
    n_seams = options.exposures if options.seams is None else options.seams
    figures: Figures = {"machine": machine(template_url)}
    logger.info("%d synthetic exposures: load and questions", options.exposures)
    figures |= measure_mission(template_url, options.exposures)
    figures["machine"]["load_average_after"] = round(os.getloadavg()[0], 2)
    yield figures
    logger.info("real footprints")
    figures["archive"] = measure_archive(template_url, directory)
    yield figures
    logger.info("%d synthetic exposures, a fifth on seams: peers", options.peers)
    figures["peers"] = measure_peers(template_url, options.peers)
    yield figures
    logger.info("%d synthetic exposures, a fifth on seams: exactness", n_seams)
    figures |= measure_exactness(template_url, n_seams)
    yield figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--exposures", type=int, default=1_000_000, help="synthetic exposures to load")
    parser.add_argument("--seams", type=int, help="exposures to check for exactness (default: as many)")
    parser.add_argument("--peers", type=int, default=20_000, help="exposures that the other ways get")
    parser.add_argument("--output", type=Path, default=Path("build/bench/sky.json"))
    return parser


def _tables(figures: Figures) -> list[str]:
    archive = {
        f"{name}_{key}": value for name, part in figures["archive"].items() for key, value in part.items()
    }
    peers = dict(figures["peers"])
    return [report.table(figures), report.table(archive), report.peers_table(peers.pop("mvmdb"), peers)]


if __name__ == "__main__":
    main()
