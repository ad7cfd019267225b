"""``python -m tests.peer``: build the cases on both sides, print how far they are apart, judge.

Exit code 1 where a case exceeds the agreement expected, 2 where none could be made.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.peer.cases import CASES, PeerCase
from tests.peer.check import Outcome, check_case
from tests.peer.environment import peer_python
from tests.peer.exposures import MissingExposuresError
from tests.peer.report import interpolated_table, level_lines, table
from tests.peer.sides import Peer

WORK = Path("build/peer").absolute()
RESULT = Path("build/bench/peer.json")


def main(arguments: list[str]) -> int:
    """Run the cases named, or all; return the exit code."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="python -m tests.peer", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"one or more of {', '.join(names)}; all by default")
    wanted = parser.parse_args(arguments).case or names
    if set(wanted) - set(names):
        parser.error(f"no such case: {', '.join(sorted(set(wanted) - set(names)))}")
    peer = Peer(peer_python(WORK / "venv"))
    outcomes = [found for case in CASES if case.name in wanted for found in _run(case, peer)]
    print(
        "\n" + table(outcomes),
        "\nmapping interpolated as by default:\n",
        interpolated_table(outcomes),
        sep="\n",
    )
    _write(outcomes)
    return _verdict(outcomes)


def _run(case: PeerCase, peer: Peer) -> Iterator[Outcome]:
    try:
        for outcome in check_case(case, peer, WORK / case.name):
            print(f"{outcome.name}: {'; '.join(outcome.failures) or 'agrees'}", flush=True)
            for line in level_lines(outcome):
                print(line, flush=True)
            yield outcome
    except MissingExposuresError as reason:
        print(f"{case.name}: left out, {reason}", flush=True)


def _write(outcomes: list[Outcome]) -> None:
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    found = {outcome.name: outcome.as_json() for outcome in outcomes}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


def _verdict(outcomes: list[Outcome]) -> int:
    failed = [outcome.name for outcome in outcomes if outcome.failures]
    if not outcomes:
        print("no case could be made", file=sys.stderr)
        return 2
    if failed:
        print(f"beyond the agreement expected: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
