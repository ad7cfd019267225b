"""Cards of a header: a keyword, its value, what it means and the rule that made it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from astropy.io import fits

from mvmdb.files.checks import Scalar

MULTIPLE = "MULTIPLE"
"""Stands for a text on which the inputs disagree."""
COMMON = "value common to all inputs, else MULTIPLE"

_CARD_LENGTH = 80
_VALUE_LENGTH = 20
"""Of numbers and short texts, quotes included, from column 11 on."""
_COMMENT_COLUMN = 10 + _VALUE_LENGTH
_TEXT_LENGTH = _CARD_LENGTH - 12
"""Of a text in one card: quotes stand in columns 11 and 80 at most."""
_LEAST_ROOM = _CARD_LENGTH - _COMMENT_COLUMN - len(" / ")
_MJD_ZERO = datetime(1858, 11, 17)


class HeaderCard(NamedTuple):
    """A keyword; left out where the value is None."""

    keyword: str
    value: Scalar | None
    comment: str
    rule: str = ""
    """How the value came about, for HISTORY."""


def make_header(cards: Iterable[HeaderCard]) -> fits.Header:
    """Return the header of those cards that have a value."""
    return fits.Header([_fits_card(card) for card in cards if card.value is not None])


def n_records(cards: Iterable[HeaderCard]) -> int:
    """Return how many times 80 bytes the cards take in a header: one each, but for texts that go on."""
    return sum(
        len(str(_fits_card(card))) // _CARD_LENGTH if _may_go_on(card.value) else 1
        for card in cards
        if card.value is not None
    )


def _may_go_on(value: Scalar) -> bool:
    return isinstance(value, str) and len(value) + value.count("'") > _TEXT_LENGTH


def common_value(values: Iterable[Scalar | None]) -> Scalar | None:
    """Return what all agree on, else ``MULTIPLE``; None where nobody says anything."""
    distinct = {value.strip() if isinstance(value, str) else value for value in values}
    return distinct.pop() if len(distinct) == 1 else (MULTIPLE if distinct else None)


def iso_date(mjd: float) -> str:
    """Return a modified Julian date as ISO 8601 to the millisecond."""
    moment = _MJD_ZERO + timedelta(milliseconds=round(mjd * 86_400_000))
    return moment.isoformat(timespec="milliseconds")


def _fits_card(card: HeaderCard) -> fits.Card:
    """Return the card; the comment stays away where the value leaves no room for it."""
    value = card.value
    if isinstance(value, str):
        value = value.encode("ascii", "replace").decode()
    elif isinstance(value, float) and not math.isfinite(value):
        value = None  # FITS headers have no NaN: the keyword stays, undefined
    is_short = not isinstance(value, str) or len(repr(value).replace("'", "''")) <= _VALUE_LENGTH
    if is_short and len(card.comment) <= _LEAST_ROOM:
        return fits.Card(card.keyword, value, card.comment)
    length = max(_COMMENT_COLUMN, len(str(fits.Card(card.keyword, value)).rstrip()))
    room = _CARD_LENGTH - length - len(" / ")
    return fits.Card(card.keyword, value, card.comment if len(card.comment) <= room else "")
