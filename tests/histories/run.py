"""Histories run by number, steps and seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import History
from tests.histories.world import quick_engine


def run_histories(url: str, n_histories: int, n_steps: int, seed_number: int) -> Counter[str]:
    """Run histories in a database of their own; return what was done in this process up to now."""

    class Seeded(History):
        """The histories of one seed."""

    Seeded.url = url
    chosen = settings(
        max_examples=n_histories,
        stateful_step_count=n_steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(seed_number)(Seeded), settings=chosen)
    finally:
        quick_engine(url).dispose()
    return Seeded.tally
