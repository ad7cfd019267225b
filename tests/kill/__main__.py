"""``python -m tests.kill --kills 500``: kill ingests, builds and PostgreSQL, and say what was struck."""

from __future__ import annotations

import argparse
import sys
import time

from tests.kill.rounds import kill_many
from tests.kill.site import killing_site


def main() -> None:
    """Kill as often as asked; a violated condition is an AssertionError."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="number of kills")
    parser.add_argument("--seed", type=int, default=13, help="of the random instants")
    options = parser.parse_args()
    start_s = time.monotonic()
    with killing_site() as site:
        tally = kill_many(site, options.kills, options.seed)
    for counts in (tally.kills, tally.phases):
        for name, count in sorted(counts.items()):
            sys.stdout.write(f"{count:6d}  {name}\n")
        sys.stdout.write("\n")
    sys.stdout.write(f"{sum(tally.kills.values())} kills in {time.monotonic() - start_s:.0f} s\n")


if __name__ == "__main__":
    main()
