import numpy as np
import pytest
from astropy.io import fits

from mvmdb.files.cards import HeaderCard, make_header, n_records
from mvmdb.files.checks import Scalar


@pytest.mark.parametrize(
    "value",
    [True, 7, -1.2345678901234e-23, "", "ab", "it's", "'''''''''", "x" * 18, "x" * 19, "x" * 45, "x" * 66],
)
def test_comment_stays_whole_or_away(value: bool | float | str) -> None:
    """Never cut short, which astropy warns of; away only where a card of 80 letters has no room for it."""
    for n_letters in range(70):
        comment = "c" * n_letters
        [card] = make_header([HeaderCard("KEYWORD8", value, comment)]).cards
        text = str(card)
        assert len(text) == 80
        read = fits.Card.fromstring(text)
        assert read.value == (value.rstrip() if isinstance(value, str) else value)
        assert read.comment in ("", comment)
        if not read.comment and n_letters:
            field = 20 if not isinstance(value, str) else max(20, len(value.replace("'", "''")) + 2)
            assert 10 + field + 3 + n_letters > 80


def test_number_that_is_none_leaves_its_keyword_undefined() -> None:
    [card] = make_header([HeaderCard("MEANEXPT", np.nan, "seconds")]).cards
    assert isinstance(card.value, fits.card.Undefined)
    assert card.comment == "seconds"


@pytest.mark.parametrize(
    "value",
    [True, 3, -1.5e300, np.nan, "", "x" * 67 + "'", "x" * 68, "x" * 69, "'" * 35, "é" * 68, "a b " * 500],
)
@pytest.mark.parametrize("comment", ["", "what it means", "c" * 60])
def test_cards_take_as_many_records_as_astropy_writes(value: Scalar, comment: str) -> None:
    cards = [
        HeaderCard("MEANEXPT", value, comment),
        HeaderCard("ABSENT", None, "left out"),
        HeaderCard("NEXT", 1, ""),
    ]

    assert n_records(cards) == len(make_header(cards).tostring(endcard=False, padding=False)) // 80
