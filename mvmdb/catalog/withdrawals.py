"""Withdrawals: exposures taken out of layers by decision, everywhere or in one skycell, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from mvmdb.catalog.exposures import find_exposure, list_skycells, lock_exposure
from mvmdb.catalog.models import withdrawal
from mvmdb.catalog.rows import columns_of, fetch
from mvmdb.catalog.staleness import LayerStatusRow, Status, list_layer_statuses
from mvmdb.errors import ConflictError, UnknownObjectError
from mvmdb.names import SkycellName


@dataclass(frozen=True)
class WithdrawalRow:
    """A withdrawal, as in ``mvm.withdrawal``."""

    rootname: str
    skycell: str | None
    reason: str
    withdrawn_by: str
    withdrawn_at: datetime
    restored_by: str | None
    restored_at: datetime | None


@dataclass(frozen=True)
class WithdrawalEffect:
    """What a withdrawal or its end does to one layer."""

    skycell: str
    """Name of the skycell."""
    layer: str
    """Name of the layer."""
    selection: str
    """Rule of which exposures the layer takes."""
    product: str | None
    """File name of its product; null where it has none."""
    status_before: Status | None
    """How the layer stood before; null where there was none."""
    status: Status | None
    """How it stands now; null where there is none any more."""
    reasons: list[str]
    """Why its product is stale now."""
    n_pixels_contributed: int
    """Pixels of the product that hold light of the exposure, summed over its chips."""
    exptime_s: float
    """Exposure time that the layer loses or gains, seconds; 0 where only its subarray changes."""


@dataclass(frozen=True)
class WithdrawalReport:
    """What has been withdrawn or restored, and what that does."""

    exposure: str
    """Root name of the exposure."""
    withdrawals: list[WithdrawalRow]
    """Withdrawals that began or ended."""
    effects: list[WithdrawalEffect]
    """Layers that are concerned."""
    n_products_stale: int
    """Products that have become stale by it."""
    n_pixels_contributed: int
    """Pixels of products that hold light of the exposure."""


def withdraw_exposure(
    connection: Connection, rootname: str, *, reason: str, by: str, skycells: Iterable[SkycellName] = ()
) -> WithdrawalReport:
    """Take an exposure out of all layers, or out of those of some skycells, until it is restored.

    Raises
    ------
    UnknownObjectError
        No exposure has this root name.
    ConflictError
        It is withdrawn already.
    """
    find_exposure(connection, rootname)
    lock_exposure(connection, rootname)
    places: list[str | None] = [*dict.fromkeys(str(skycell) for skycell in skycells)] or [None]
    known = {row.skycell for row in list_withdrawals(connection, rootname, in_force=True)}
    again = [place or "all layers" for place in places if place in known]
    if again:
        raise ConflictError(f"{rootname} is already withdrawn from {', '.join(again)}", {})

    def begin() -> list[WithdrawalRow]:
        rows = [
            {"rootname": rootname, "skycell": place, "reason": reason, "withdrawn_by": by} for place in places
        ]
        table = withdrawal.c
        begun = insert(withdrawal).returning(*(table[name] for name in columns_of(WithdrawalRow)))
        return [WithdrawalRow(**row) for row in connection.execute(begun, rows).mappings()]

    return _reported(connection, rootname, begin)


def restore_exposure(
    connection: Connection, rootname: str, *, by: str, skycells: Iterable[SkycellName] = ()
) -> WithdrawalReport:
    """End the withdrawals of an exposure, all of them or those from some skycells; their rows stay.

    Raises
    ------
    UnknownObjectError
        It is not withdrawn, or not from one of these skycells.
    """
    lock_exposure(connection, rootname)
    table = withdrawal.c
    places = [str(skycell) for skycell in skycells]
    known = [row.skycell for row in list_withdrawals(connection, rootname, in_force=True)]
    if not known or set(places) - set(known):
        where = ", ".join(place or "all layers" for place in known) or "nothing"
        raise UnknownObjectError(
            f"{rootname} is withdrawn from {where}", hint="see `mvmdb exposure withdrawals`"
        )

    def end() -> list[WithdrawalRow]:
        ended = update(withdrawal).where(table.rootname == rootname, table.restored_at.is_(None))
        if places:
            ended = ended.where(table.skycell.in_(places))
        ended = ended.values(restored_by=by, restored_at=func.now())
        answer = ended.returning(*(table[name] for name in columns_of(WithdrawalRow)))
        return [WithdrawalRow(**row) for row in connection.execute(answer).mappings()]

    return _reported(connection, rootname, end)


def list_withdrawals(
    connection: Connection, rootname: str | None = None, *, in_force: bool = False
) -> list[WithdrawalRow]:
    """Return the withdrawals of all exposures or of one, oldest first, with those that have ended or not."""
    table = withdrawal.c
    query = select(*(table[name] for name in columns_of(WithdrawalRow))).order_by(table.withdrawal_id)
    if rootname is not None:
        query = query.where(table.rootname == rootname)
    if in_force:
        query = query.where(table.restored_at.is_(None))
    return fetch(connection, WithdrawalRow, query)


def _reported(
    connection: Connection, rootname: str, change: Callable[[], list[WithdrawalRow]]
) -> WithdrawalReport:
    """Make a change and report how layers stood before and after it."""
    reached = {
        *list_skycells(connection, rootname),
        *(skycell for skycell, *_ in _shares(connection, rootname)),
    }
    trial = connection.begin_nested()  # which skycells the exposure reaches once it is back
    change()
    reached.update(list_skycells(connection, rootname))
    trial.rollback()
    before = _standing(connection, reached)
    withdrawals = change()
    after = _standing(connection, reached)
    exptime_s = find_exposure(connection, rootname).exptime_s
    shares = _shares(connection, rootname)
    effects = [
        _effect(key, before.get(key), after.get(key), shares.get(key, 0), exptime_s)
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    made_stale = [e for e in effects if e.product and e.status == "stale" and e.status_before == "current"]
    n_pixels = sum(effect.n_pixels_contributed for effect in effects)
    return WithdrawalReport(rootname, withdrawals, effects, len(made_stale), n_pixels)


_Key = tuple[str, str, str]


def _standing(connection: Connection, skycells: Iterable[str]) -> dict[_Key, LayerStatusRow]:
    return {
        (row.skycell, row.layer, row.selection): row
        for name in skycells
        for row in list_layer_statuses(connection, SkycellName.parse(name))
    }


def _effect(
    key: _Key,
    before: LayerStatusRow | None,
    after: LayerStatusRow | None,
    n_pixels: int,
    exptime_s: float,
) -> WithdrawalEffect:
    standing = after or before
    is_member = (before.n_exposures if before else 0) != (after.n_exposures if after else 0)
    return WithdrawalEffect(
        *key,
        product=standing.product if standing else None,
        status_before=before.status if before else None,
        status=after.status if after else None,
        reasons=after.reasons if after else [],
        n_pixels_contributed=n_pixels,
        exptime_s=exptime_s if is_member else 0.0,
    )


def _shares(connection: Connection, rootname: str) -> dict[_Key, int]:
    """Return how many pixels of each current product hold light of an exposure."""
    query = text(
        "select p.skycell, p.layer, p.selection, sum(i.n_pixels_contributed)::bigint as n_pixels"
        " from mvm.exposure as e"
        " join mvm.product_input as i on i.exposure_id = e.exposure_id"
        " join mvm.product as p on p.product_id = i.product_id and p.state = 'current'"
        " where e.rootname = :rootname group by p.skycell, p.layer, p.selection"
    )
    rows = connection.execute(query, {"rootname": rootname})
    return {(row.skycell, row.layer, row.selection): row.n_pixels for row in rows}
