"""Random histories of a catalogue agree with a plain model; ``python -m tests.histories`` runs thousands."""

from __future__ import annotations

import pytest

from tests.histories.run import run_histories

N_HISTORIES = 20
N_STEPS = 25
SEED = 738943
"""The same at every run, so that a change that breaks nothing stays green; the long run takes others."""


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_random_histories_agree_with_the_model(database: str) -> None:
    """What fails is shortened and printed."""
    tally = run_histories(database, N_HISTORIES, N_STEPS, SEED)
    assert tally["histories"] >= N_HISTORIES
