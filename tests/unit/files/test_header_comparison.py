"""docs/header-comparison.md: every keyword of two real products and of ours, and how they relate."""

import re
from pathlib import Path

import pytest

from tests.support.header_comparison import SAMPLES, relations

PAGE = Path(__file__).parents[3] / "docs/header-comparison.md"
ROW = re.compile(r"\| `(\S+)` \| (\S+) \| (\S+) \| (.+) \|")
HDU_OF_SECTION = {"Columns of HDRTAB": "HDRTAB"}


def page_rows() -> dict[tuple[str, str], tuple[str, str, str]]:
    """Return the relations and the reason that the page gives, by HDU and keyword."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        hdu = HDU_OF_SECTION.get(title, title)
        same, _, table = text.partition("| Keyword |")
        found |= {(hdu, keyword): ("same", "same", "same") for keyword in re.findall(r"`(\S+?)`", same)}
        found |= {(hdu, keyword): rest for keyword, *rest in ROW.findall(table)}
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_keyword_is_on_the_page_with_its_relation(sample: str) -> None:
    rows, column = page_rows(), list(SAMPLES).index(sample)
    computed = relations(sample)
    assert len(computed) > 400
    assert computed.keys() <= rows.keys()
    for place, relation in computed.items():
        assert rows[place][column] == relation, place


def test_every_difference_has_a_reason() -> None:
    rows = page_rows()
    assert all(len(reason.split()) >= 2 for *relation, reason in rows.values() if set(relation) != {"same"})
    either = {place for sample in SAMPLES for place in relations(sample)}
    assert rows.keys() == either
