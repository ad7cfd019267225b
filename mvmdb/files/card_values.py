"""Values of the cards of a header: plain cards by one pattern, all others by astropy.

astropy looks up its configuration several times for each card: a tenth of the build of a layer of many small
exposures would be that. Nearly all cards of Hubble are plain, and of those the pattern gives the same.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from mvmdb.files.checks import Scalar

_CARD_LENGTH = 80
_COMMENTARY = ("", "COMMENT", "HISTORY", "CONTINUE", "END")
_CARD_ERRORS = (fits.VerifyError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)

_PLAIN = re.compile(
    r"""
    (?=.{8}=[ ])([A-Z0-9_-]+)[ ]*=[ ]+
    (?: '((?:[^']|'')*)' | ([TF]) | ([+-]?\d+) | ([+-]?\d+\.\d*(?:E[+-]?\d+)?) )
    [ ]*(?:/.*)?
    """,
    re.VERBOSE,
)
"""Keyword, and text, logical value, whole number or number."""
_RECORD = ": "
"""In a text it may part a field from its number: ``DP1 = 'NAXIS: 2'`` has the keyword ``DP1.NAXIS``."""


def read_cards(text: str) -> Iterator[tuple[str, Scalar | None, bool]]:
    """Yield keyword and value of each card but commentary, and whether the card could be read.

    Parameters
    ----------
    text
        Cards of 80 printable ASCII characters, without END.

    Notes
    -----
    The value is None where the card has none, or one that is no scalar, or cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        for image in _images(text):
            plain = _plain_value(image)
            keyword, value, is_sound = _any_value(image) if plain is None else (*plain, True)
            if keyword not in _COMMENTARY:
                yield keyword, value, is_sound


def _images(text: str) -> Iterator[str]:
    """Yield cards, each with those that continue it."""
    starts = [
        start
        for start in range(0, len(text), _CARD_LENGTH)
        if start == 0 or not text.startswith("CONTINUE", start)
    ]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end]


def _plain_value(image: str) -> tuple[str, Scalar] | None:
    """Return keyword and value of a plain card, else None."""
    found = _PLAIN.fullmatch(image) if len(image) == _CARD_LENGTH and _RECORD not in image else None
    if found is None:
        return None
    keyword, text, logical, whole, number = found.groups()
    if text is not None:
        return keyword, text.replace("''", "'").rstrip()
    if logical is not None:
        return keyword, logical == "T"
    return keyword, float(number) if whole is None else int(whole)


def _any_value(image: str) -> tuple[str, Scalar | None, bool]:
    card = fits.Card.fromstring(image)
    keyword = card.keyword
    if keyword in _COMMENTARY:
        return keyword, None, True
    try:
        value = card.value
    except _CARD_ERRORS:
        return keyword, None, False
    return keyword, value if isinstance(value, Scalar) else None, True
