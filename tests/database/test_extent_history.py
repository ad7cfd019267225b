"""The history of extents agrees with the view after any sequence of events, and keeps what was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text, update

from mvmdb.catalog.engine import transaction
from mvmdb.catalog.exposures import register_exposure
from mvmdb.catalog.models import exposure
from mvmdb.records import ExposureFacts
from tests.support.facts import make_facts, ring_at_pixels, rootname

SKYCELL = "p1889x07y19"
HISTORY = text(
    "select revision, x0, y0, x1, y1, in_force_until is null from mvm.skycell_extent_history"
    " where skycell = :skycell order by revision"
)
DISAGREEMENTS = text(
    "with newest as ("
    "  select distinct on (projection_cell, x, y) * from mvm.extent_revision"
    "  order by projection_cell, x, y, revision desc)"
    " select count(*) from mvm.skycell_extent as e full join newest as n using (projection_cell, x, y)"
    " where (e.x0, e.y0, e.x1, e.y1) is distinct from (n.x0, n.y0, n.x1, n.y1)"
)


def box_facts(number: int, x0: int, y0: int, x1: int, y1: int, **changes: object) -> ExposureFacts:
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - 0.5
    return make_facts(rootname(number), [ring_at_pixels(SKYCELL, corners)], **changes)


def register(engine: Engine, *facts: ExposureFacts) -> None:
    with transaction(engine) as connection:
        for item in facts:
            register_exposure(connection, item)


def history(engine: Engine) -> list[tuple[object, ...]]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(HISTORY, {"skycell": SKYCELL})]


def test_a_new_exposure_moves_the_extent_and_the_old_one_stays_known(engine: Engine) -> None:
    register(engine, box_facts(1, 2000, 3000, 2500, 3500))
    register(engine, box_facts(2, 2100, 3100, 2200, 3200))
    register(engine, box_facts(3, 2400, 2900, 2600, 3300))
    assert history(engine) == [
        (1, 2000, 3000, 2500, 3500, False),
        (2, 2000, 2900, 2600, 3500, True),
    ]


def test_what_is_taken_back_within_a_transaction_leaves_no_trace(engine: Engine) -> None:
    """A revision with the same footprint retires one placement and makes another: nothing has moved."""
    first = box_facts(1, 2000, 3000, 2500, 3500)
    register(engine, first)
    register(engine, dataclasses.replace(first, file_sha256="another content"))
    assert history(engine) == [(1, 2000, 3000, 2500, 3500, True)]


def test_an_exposure_that_leaves_shrinks_the_extent_or_empties_it(engine: Engine) -> None:
    register(engine, box_facts(1, 2000, 3000, 2500, 3500), box_facts(2, 4000, 5000, 4500, 5500))
    for number in (2, 1):
        with transaction(engine) as connection:
            connection.execute(
                update(exposure)
                .where(exposure.c.rootname == rootname(number))
                .values(exclusion="withdrawn", exclusion_detail="trailed")
            )
    assert history(engine) == [
        (1, 2000, 3000, 4500, 5500, False),
        (2, 2000, 3000, 2500, 3500, False),
        (3, None, None, None, None, True),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_the_view_after_random_events(connection: Connection, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        number = int(rng.integers(12))
        x0, y0 = (int(axis) for axis in rng.integers(-2000, 22000, 2))
        width, height = (int(axis) for axis in rng.integers(10, 3000, 2))
        facts = box_facts(number, x0, y0, x0 + width, y0 + height, file_sha256=str(rng.integers(10**9)))
        if rng.random() < 0.25:
            excluded = {"exclusion": "withdrawn", "exclusion_detail": "x"}
            back = {"exclusion": None, "exclusion_detail": None}
            change = update(exposure).where(exposure.c.rootname == rootname(number), exposure.c.is_current)
            connection.execute(change.values(**(excluded if rng.random() < 0.5 else back)))
        else:
            register_exposure(connection, facts)
        assert connection.execute(DISAGREEMENTS).scalar() == 0


def test_a_database_without_history_begins_one(engine: Engine) -> None:
    """As after an upgrade from the first schema: the extents in force become revision 1."""
    from mvmdb.catalog.schema import upgrade

    register(engine, box_facts(1, 2000, 3000, 2500, 3500))
    with transaction(engine) as connection:
        connection.execute(text("delete from mvm.extent_revision"))
        connection.execute(text("update mvm.sql_object set definition_sha256 = 'another' where position = 0"))
    upgrade(engine)
    assert history(engine) == [(1, 2000, 3000, 2500, 3500, True)]
