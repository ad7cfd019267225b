"""``python -m tests.histories --histories 3000``: random histories against the model, until one disagrees."""

from __future__ import annotations

import argparse
import sys
import time

from tests.histories.run import run_histories
from tests.support.database import cloned_database, running_server, template_database


def main() -> None:
    """Run as many as asked; a disagreement ends it with the shortest history that shows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=3000, help="number of histories")
    parser.add_argument("--steps", type=int, default=25, help="steps of each")
    parser.add_argument("--seed", type=int, default=1, help="of the first hundred; the next have the next")
    options = parser.parse_args()
    start_s = time.monotonic()
    with running_server() as server, template_database(server) as template, cloned_database(template) as url:
        for first in range(0, options.histories, 100):
            number = min(100, options.histories - first)
            tally = run_histories(url, number, options.steps, options.seed + first // 100)
            elapsed_s = time.monotonic() - start_s
            sys.stdout.write(f"{tally['histories']} histories, {tally['steps']} steps, {elapsed_s:.0f} s\n")
            sys.stdout.flush()
    for name, count in sorted(tally.items()):
        sys.stdout.write(f"{count:7d}  {name}\n")


if __name__ == "__main__":
    main()
