"""The memberships in a database against the oracle's: what is missed, what is too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psycopg

from tests.benchmark.oracle import Integers, Pairs, pair_key

TOLERANCE_MAS = 1.0
"""Nearer than this to an edge either answer counts as right; how near the two opinions part is reported."""

MEMBERS = "select exposure_id, projection_cell, x, y from mvm.skycell_member"

# Exposures keep the order of their numbers, in which the loader inserts them.
NUMBERED = """
copy (
  with numbered as materialized (
    select exposure_id, row_number() over (order by exposure_id) - 1 as number from mvm.exposure
  )
  select e.number, m.projection_cell, m.x, m.y
  from ({pairs}) as m
  join numbered as e on e.exposure_id = m.exposure_id
) to stdout"""


@dataclass(frozen=True)
class Exactness:
    """How the memberships of two independent computations differ."""

    n_exposures: int
    n_pairs: int
    n_missed: int
    n_extra: int
    n_within_tolerance: int
    """Pairs on which the two differ nearer to an edge than the tolerance."""
    widest_difference_mas: float
    """Distance from the edge of the farthest pair on which the two differ."""


def read_members(connection: psycopg.Connection, pairs: str = MEMBERS) -> Integers:
    """Return the pairs that a query finds in a freshly loaded database, in order."""
    with connection.cursor().copy(NUMBERED.format(pairs=pairs).encode()) as copy:
        rows = np.fromstring(b"".join(bytes(part) for part in copy).decode(), dtype=np.int64, sep="\t")
    return np.unique(pair_key(*rows.reshape(-1, 4).T))


def compare(found: Integers, expected: Pairs, n_exposures: int) -> Exactness:
    """Return how pairs found differ from the expected ones."""
    is_found = np.isin(expected.key, found)
    unknown = np.setdiff1d(found, expected.key)  # not even near
    depth = expected.depth_mas
    missing_mas, extra_mas = depth[~is_found & (depth > 0)], -depth[is_found & (depth <= 0)]
    differences_mas = np.concatenate([missing_mas, extra_mas, np.full(len(unknown), np.inf)])
    return Exactness(
        n_exposures=n_exposures,
        n_pairs=len(found),
        n_missed=int(np.sum(missing_mas > TOLERANCE_MAS)),
        n_extra=int(np.sum(extra_mas > TOLERANCE_MAS)) + len(unknown),
        n_within_tolerance=int(np.sum(differences_mas <= TOLERANCE_MAS)),
        widest_difference_mas=float(differences_mas.max(initial=0.0)),
    )
