"""Builders, ingests and PostgreSQL killed at random instants: nothing half done shows, all work completes.

``MVMDB_TEST_KILLS`` says how often; ``python -m tests.kill`` does it without pytest.
"""

from __future__ import annotations

import os

from tests.kill.rounds import kill_many
from tests.kill.site import killing_site

N_KILLS = int(os.environ.get("MVMDB_TEST_KILLS", "24"))


def test_killed_at_random() -> None:
    with killing_site() as site:
        tally = kill_many(site, N_KILLS, seed=13)
    assert sum(tally.kills.values()) == N_KILLS
    assert len(tally.phases) >= 5
