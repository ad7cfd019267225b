"""Random histories of a catalogue agree with a plain model; ``python -m tests.histories`` runs thousands."""

from __future__ import annotations

import os
import random

import pytest

from tests.histories.run import run_histories

N_HISTORIES = int(os.environ.get("MVMDB_TEST_HISTORIES", "20"))
N_STEPS = 25


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_random_histories_agree_with_the_model(database: str) -> None:
    """Each run has another seed; what fails is shortened, and printed with its seed."""
    seed_number = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.histories --histories {N_HISTORIES} --seed {seed_number}")
    tally = run_histories(database, N_HISTORIES, N_STEPS, seed_number)
    assert tally["histories"] >= N_HISTORIES
