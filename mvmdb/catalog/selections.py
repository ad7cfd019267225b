"""Selections: named rules of which exposures layers take, what they cost, and splits in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from mvmdb.catalog.models import selection as table
from mvmdb.catalog.models import selection_exclusion as exclusion_table
from mvmdb.catalog.rows import columns_of, fetch, select_function
from mvmdb.errors import ConflictError, SelectionError, UnknownObjectError
from mvmdb.names import LayerName, SkycellName

EVERY_EXPOSURE = "all"
"""The selection that cannot be changed."""


@dataclass(frozen=True)
class SelectionRule:
    """What a selection asks of an exposure; None asks for nothing."""

    from_utc: datetime | None = None
    until_utc: datetime | None = None
    wcsname_pattern: str | None = None
    min_exptime_s: float | None = None


@dataclass(frozen=True)
class SelectionExclusion:
    """An exposure that a selection does without."""

    rootname: str
    reason: str
    skycell: str | None = None
    layer: str | None = None


@dataclass(frozen=True)
class SelectionExclusionRow:
    """An exclusion as it is stored, in ``mvm.selection_exclusion``."""

    rootname: str
    skycell: str | None
    layer: str | None
    reason: str
    excluded_by: str
    excluded_at: datetime


@dataclass(frozen=True)
class SelectionRow:
    """A selection, as in ``mvm.selection``."""

    selection: str
    description: str
    from_utc: datetime | None
    until_utc: datetime | None
    wcsname_pattern: str | None
    min_exptime_s: float | None
    n_excluded: int
    """Exclusions of single exposures."""
    n_products: int
    """Current products of it."""
    created_by: str
    created_at: datetime
    changed_by: str | None
    changed_at: datetime

    @property
    def rule(self) -> SelectionRule:
        """What it asks for."""
        return SelectionRule(self.from_utc, self.until_utc, self.wcsname_pattern, self.min_exptime_s)


@dataclass(frozen=True)
class SelectionCostRow:
    """What a selection takes of a layer, and what it loses against all exposures."""

    skycell: str
    """Name of the skycell."""
    layer: str
    """Name of the layer."""
    n_exposures: int
    """Exposures that it takes."""
    n_exposures_lost: int
    """Exposures that it leaves out."""
    exptime_s: float
    """Exposure time that it takes, seconds."""
    exptime_lost_s: float
    """Exposure time that it leaves out, seconds."""
    area_arcmin2: float
    """Sky within the skycell that its exposures cover, square arcmin."""
    area_lost_arcmin2: float
    """Sky that all exposures cover and its own do not, square arcmin."""
    area_lost_fraction: float
    """The same as a fraction of what all cover."""


@dataclass(frozen=True)
class EpochRow:
    """A time in which a layer was observed."""

    epoch: int
    """Counts from 1, in order of time."""
    from_utc: datetime
    """Begin, UTC."""
    until_utc: datetime
    """End, UTC; half open."""
    n_exposures: int
    """Exposures that start in it."""
    exptime_s: float
    """Sum of their exposure times, seconds."""
    first_date: datetime
    """Start of the first, UTC."""
    last_date: datetime
    """Start of the last, UTC."""
    area_arcmin2: float
    """Sky within the skycell that they cover, square arcmin."""
    area_fraction: float
    """The same as a fraction of what the whole layer covers."""


_SELECTIONS = """
select
  s.selection, s.description, s.from_utc, s.until_utc, s.wcsname_pattern, s.min_exptime_s,
  (select count(*) from mvm.selection_exclusion as x where x.selection = s.selection) as n_excluded,
  (
    select count(*) from mvm.product as p where p.selection = s.selection and p.state = 'current'
  ) as n_products,
  s.created_by, s.created_at, s.changed_by, s.changed_at
from mvm.selection as s
order by s.selection <> 'all', s.selection"""


def list_selections(connection: Connection) -> list[SelectionRow]:
    """Return the selections, ``all`` first, the others by name."""
    return [SelectionRow(**row) for row in connection.execute(text(_SELECTIONS)).mappings()]


def find_selection(connection: Connection, name: str) -> SelectionRow:
    """Return a selection.

    Raises
    ------
    UnknownObjectError
        There is none of this name.
    """
    rows = {row.selection: row for row in list_selections(connection)}
    if name not in rows:
        raise UnknownObjectError(
            f"there is no selection {name!r}", hint=f"it is one of {', '.join(rows)}; add one: selection add"
        )
    return rows[name]


def require_selection(connection: Connection, name: str) -> None:
    """Raise unless a selection exists; ``all`` always does.

    Raises
    ------
    UnknownObjectError
        There is none of this name.
    """
    if name != EVERY_EXPOSURE:
        find_selection(connection, name)


def find_selection_rule(
    connection: Connection, name: str, skycell: SkycellName, layer: LayerName
) -> dict[str, Any] | None:
    """Return the rule of a selection as the recipe of a layer holds it; None for ``all``."""
    if name == EVERY_EXPOSURE:
        return None
    rule = select(func.mvm.selection_rule(name, str(skycell), str(layer)))
    found: dict[str, Any] | None = connection.execute(rule).scalar()
    return found


def list_selection_exclusions(connection: Connection, name: str) -> list[SelectionExclusionRow]:
    """Return the exposures that a selection does without, in the order in which that was decided."""
    column = exclusion_table.c
    query = select(*(column[item] for item in columns_of(SelectionExclusionRow)))
    query = query.where(column.selection == name).order_by(column.selection_exclusion_id)
    return fetch(connection, SelectionExclusionRow, query)


def add_selection(
    connection: Connection,
    name: str,
    rule: SelectionRule,
    *,
    description: str,
    by: str,
    without: Sequence[SelectionExclusion] = (),
) -> SelectionRow:
    """Store a selection and return it; the same rule again under the same name changes nothing.

    Raises
    ------
    ConflictError
        Another rule has this name.
    SelectionError
        The rule asks for what cannot be.
    """
    _require_possible(rule)
    known = {row.selection: row for row in list_selections(connection)}
    if name in known:
        kept = [
            SelectionExclusion(row.rootname, row.reason, row.skycell, row.layer)
            for row in list_selection_exclusions(connection, name)
        ]
        _require_same(known[name], rule, kept, without)
        return known[name]
    values = {"selection": name, "description": description, "created_by": by, **asdict(rule)}
    connection.execute(insert(table).values(values))
    _exclude(connection, name, without, by)
    return find_selection(connection, name)


def _require_possible(rule: SelectionRule) -> None:
    if rule.from_utc and rule.until_utc and rule.until_utc <= rule.from_utc:
        raise SelectionError(
            f"no exposure starts from {rule.from_utc:%Y-%m-%dT%H:%M:%SZ}"
            f" and before {rule.until_utc:%Y-%m-%dT%H:%M:%SZ}",
            hint="--until must be later than --from",
        )
    if rule.min_exptime_s is not None and not 0 <= rule.min_exptime_s < float("inf"):
        raise SelectionError(
            f"{rule.min_exptime_s} s is no exposure time", hint="--min-exptime is in seconds"
        )
    if rule.wcsname_pattern == "":
        raise SelectionError("the pattern of --wcsname is empty", hint="write it like *gaia*")


def _require_same(
    known: SelectionRow,
    rule: SelectionRule,
    kept: Sequence[SelectionExclusion],
    without: Sequence[SelectionExclusion],
) -> None:
    before, after = asdict(known.rule), asdict(rule)
    differences = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    if set(kept) != set(without):
        differences["without"] = (kept, list(without))
    if differences:
        raise ConflictError(
            f"selection {known.selection} exists with another rule: {', '.join(differences)}",
            differences,
            hint=f"change it: mvmdb selection change {known.selection}",
        )


def change_selection(
    connection: Connection,
    name: str,
    rule: SelectionRule,
    *,
    by: str,
    description: str | None = None,
    without: Sequence[SelectionExclusion] = (),
    with_again: Sequence[str] = (),
) -> SelectionRow:
    """Give a selection another rule, add exclusions and end those of some root names; return it.

    Raises
    ------
    UnknownObjectError
        There is none of this name, or it takes a root name already that it is to take again.
    SelectionError
        The rule asks for what cannot be, or the selection is ``all``.
    """
    before = find_selection(connection, name)
    _require_changeable(name)
    _require_possible(rule)
    values = asdict(rule) | {"description": before.description if description is None else description}
    connection.execute(update(table).where(table.c.selection == name).values(values | {"changed_by": by}))
    _take_again(connection, name, with_again)
    _exclude(connection, name, without, by)
    return find_selection(connection, name)


def _require_changeable(name: str) -> None:
    if name == EVERY_EXPOSURE:
        raise SelectionError(
            "the selection all takes every exposure and stays as it is",
            hint="add another: mvmdb selection add NAME",
        )


def _exclude(connection: Connection, name: str, without: Sequence[SelectionExclusion], by: str) -> None:
    """Store exclusions, but those that are there already."""
    known = {(row.rootname, row.skycell, row.layer) for row in list_selection_exclusions(connection, name)}
    rows = [
        {"selection": name, "excluded_by": by, **asdict(item)}
        for item in without
        if (item.rootname, item.skycell, item.layer) not in known
    ]
    if rows:
        connection.execute(insert(exclusion_table), rows)


def _take_again(connection: Connection, name: str, rootnames: Sequence[str]) -> None:
    known = {row.rootname for row in list_selection_exclusions(connection, name)}
    unknown = [rootname for rootname in rootnames if rootname not in known]
    if unknown:
        raise UnknownObjectError(
            f"selection {name} does not exclude {', '.join(unknown)}",
            hint=f"see: mvmdb selection show {name}",
        )
    column = exclusion_table.c
    connection.execute(
        delete(exclusion_table).where(column.selection == name, column.rootname.in_(rootnames))
    )


def remove_selection(connection: Connection, name: str) -> None:
    """Remove a selection that has no current product; its exclusions go with it, its former products stay.

    Raises
    ------
    UnknownObjectError
        There is none of this name.
    SelectionError
        It is ``all``.
    ConflictError
        It has products.
    """
    row = find_selection(connection, name)
    _require_changeable(name)
    if row.n_products:
        raise ConflictError(
            f"selection {name} has {row.n_products} products",
            {},
            hint="--force retires them: they leave the products, and their files the directory",
        )
    connection.execute(delete(table).where(table.c.selection == name))


def list_selection_products(connection: Connection, name: str) -> list[tuple[str, str]]:
    """Return skycell and layer of the current products of a selection, by name."""
    query = text(
        "select skycell, layer from mvm.product"
        " where selection = :selection and state = 'current' order by 1, 2"
    )
    return [(row.skycell, row.layer) for row in connection.execute(query, {"selection": name})]


def list_selection_costs(
    connection: Connection, name: str, skycell: SkycellName | None = None
) -> list[SelectionCostRow]:
    """Return what a selection loses of each layer of a skycell, or of all, by name."""
    function = func.mvm.selection_cost(name, skycell and str(skycell))
    return fetch(connection, SelectionCostRow, select_function(SelectionCostRow, function))


def list_epochs(
    connection: Connection,
    skycell: SkycellName,
    layer: LayerName,
    *,
    gap_days: float,
    length_days: float | None = None,
    selection: str = EVERY_EXPOSURE,
) -> list[EpochRow]:
    """Return the times in which a layer was observed, split where nothing began for so long or by length."""
    function = func.mvm.layer_epochs(str(skycell), str(layer), gap_days, length_days, selection)
    return fetch(connection, EpochRow, select_function(EpochRow, function))
