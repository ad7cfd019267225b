"""What is read of cards, against astropy reading whole headers."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from mvmdb.files.card_values import read_cards
from mvmdb.files.checks import Scalar
from tests.support.shared_data import shared_data

CARDS = (
    "A       =                    1 / one",
    "A       =                -0012",
    "A       = +1",
    "A       =                  1.0/no blank",
    "A       =                   1.",
    "A       =                  -.5 / no digit before",
    "A       =            1.25E-003 / e",
    "A       =            1.25D-003 / d",
    "A       =                 1E10",
    "A       =              1.5e+03",
    "A       =                    T / true",
    "A       =                   TT",
    "A       =                    F",
    "A       =                      / nothing",
    "A       =",
    "A       = ''",
    "A       = '    '",
    "A       = '  lead  '           / blanks",
    "A       = 'it''s'              / quote",
    "A       = ''''",
    "A       = 'a / b' / c",
    "A       = 'no end",
    "A       = 'a' b",
    "A       = 'a'b'",
    "A       = (1.0, 2.0)           / complex",
    "A       = 12 34",
    "A       = 1_000",
    "A       = 0x10",
    "A       = NaN",
    "A       = inf",
    "A       = 99999999999999999999999",
    "A       = 1.0E400",
    "DP1     = 'NAXIS: 2'           / record",
    "DP1     = 'AXIS.1: 1.5'        / record",
    "DP1     = 'text: with colon'   / no record",
    "DP1     = 'x'                  / colon: 2",
    "D2IM1.E = 1",
    "lower   = 2",
    "A B     = 3",
    "A=      4",
    "A       =5",
    "        = 6",
    "HIERARCH ESO LONG = 7 / name",
    "HIERARCH= 8",
    "COMMENT = 9",
    "HISTORY   ten",
    "CONTINUE  'alone'",
    "END     = 11",
    "A-B_C   = 'dash'",
    "LONG    = 'a&'\0CONTINUE  'b&' / c\0CONTINUE  'd'",
    "LONG    = 'a'\0CONTINUE  'b'",
    "LONG    = 5\0CONTINUE  'b'",
)


def by_astropy(text: str) -> Iterator[tuple[str, Scalar | None, bool]]:
    """Yield the same, all of it read by astropy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for card in fits.Header.fromstring(text).cards:
            if card.keyword in ("", "COMMENT", "HISTORY", "CONTINUE", "END"):
                continue
            try:
                value = card.value
            except (fits.VerifyError, ValueError):
                yield card.keyword, None, False
            else:
                yield card.keyword, value if isinstance(value, str | int | float | bool) else None, True


def agrees(text: str) -> None:
    # repr tells 1 from 1.0 and True, and -0.0 from 0.0
    assert [*map(repr, read_cards(text))] == [*map(repr, by_astropy(text))]


def header_texts(path: Path) -> Iterator[str]:
    """Yield the headers of a compressed file."""
    content = gzip.decompress(path.read_bytes())
    with fits.open(path) as hdus:
        for hdu in hdus:
            place = hdu.fileinfo()
            yield content[place["hdrLoc"] : place["datLoc"]].decode("ascii").rpartition("END")[0]


@pytest.mark.parametrize("cards", CARDS)
def test_any_card_is_read_as_by_astropy(cards: str) -> None:
    agrees("".join(card.ljust(80) for card in cards.split("\0")))


@given(
    st.text(st.sampled_from("TF 0123456789+-.EDe'/&:ab"), max_size=24), st.sampled_from(["= ", "=", " = "])
)
@settings(max_examples=500)
def test_whatever_stands_behind_a_keyword_is_read_as_by_astropy(value: str, indicator: str) -> None:
    agrees(f"KEYWORD8{indicator}{value}".ljust(80))


def test_headers_of_real_exposures_are_read_as_by_astropy() -> None:
    paths: list[Path] = sorted(shared_data("exposures").rglob("*.fits.gz"))
    assert paths
    for path in paths:
        for text in header_texts(path):
            agrees(text)
