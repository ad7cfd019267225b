"""Exclusions: which findings keep exposures out of layers, asked and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from mvmdb.catalog.models import exclusion_rule
from mvmdb.catalog.rows import fetch, select_function, select_view, view
from mvmdb.errors import UnknownObjectError
from mvmdb.names import LayerName, SkycellName
from mvmdb.records import ExcludedExposure, Finding


@dataclass(frozen=True)
class ExclusionRow:
    """A rule of exclusion, as in ``mvm.exclusion``."""

    code: str
    excludes: bool
    n_exposures: int
    n_excluded: int
    description: str
    source: str


@dataclass(frozen=True)
class ExclusionChange:
    """What a changed rule does to the current exposures."""

    code: str
    excludes: bool
    n_now_excluded: int
    """Exposures that it takes out of their layers."""
    n_now_taken: int
    """Exposures that it lets into layers."""


_EXCLUSION = view("exclusion", ExclusionRow)


def list_exclusions(connection: Connection) -> list[ExclusionRow]:
    """Return the rules, those that exclude first, by code."""
    query = select_view(ExclusionRow, _EXCLUSION).order_by(_EXCLUSION.c.excludes.desc(), _EXCLUSION.c.code)
    return fetch(connection, ExclusionRow, query)


def list_layer_exclusions(
    connection: Connection, skycell: SkycellName, layer: LayerName, selection: str = "all"
) -> list[ExcludedExposure]:
    """Return the exposures that a layer lacks: excluded, withdrawn or not selected; in order of time."""
    function = func.mvm.layer_exclusions(str(skycell), str(layer), selection)
    return fetch(connection, ExcludedExposure, select_function(ExcludedExposure, function))


def find_exclusion(connection: Connection, findings: Sequence[Finding]) -> Finding | None:
    """Return the finding that excludes an exposure by the present rules, or None."""
    if not findings:
        return None
    given = literal([vars(finding) for finding in findings], JSONB)
    answer = func.mvm.exclusion_of(given).table_valued("code", "detail")
    row = connection.execute(select(answer.c.code, answer.c.detail)).one_or_none()
    return None if row is None else Finding(row.code, row.detail)


def change_exclusion(connection: Connection, code: str, *, excludes: bool) -> ExclusionChange:
    """Decide whether a finding excludes; the exposures that have it enter or leave their layers at once.

    Raises
    ------
    UnknownObjectError
        There is no such code.
    """
    known = [row.code for row in list_exclusions(connection)]
    if code not in known:
        raise UnknownObjectError(f"there is no exclusion {code!r}", hint=f"it is one of {', '.join(known)}")
    before = _taken_with(connection, code)
    rule = update(exclusion_rule).where(exclusion_rule.c.code == code, exclusion_rule.c.excludes != excludes)
    connection.execute(rule.values(excludes=excludes))
    after = _taken_with(connection, code)
    return ExclusionChange(code, excludes, len(before - after), len(after - before))


def _taken_with(connection: Connection, code: str) -> set[int]:
    """Return the exposures that have a finding and are not excluded."""
    query = text(
        "select exposure_id from mvm.exposure where is_current and exclusion is null"
        " and findings @> jsonb_build_array(jsonb_build_object('code', cast(:code as text)))"
    )
    return set(connection.execute(query, {"code": code}).scalars())
