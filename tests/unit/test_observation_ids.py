"""Identifiers of observations of any telescope, beside the root names that files bear."""

from __future__ import annotations

import pytest

from mvmdb.errors import NameFormatError
from mvmdb.names import is_rootname, parse_observation_id, parse_rootname


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IB6O03N9Q", "ib6o03n9q"),
        ("jw02732001001_02105_00002_nrca1", "jw02732001001_02105_00002_nrca1"),
        (" ADP.2016-06-02T10:20:30.123 ", "adp.2016-06-02t10:20:30.123"),
        ("a" * 64, "a" * 64),
        ("7", "7"),
    ],
)
def test_identifiers_are_taken_in_lower_case(text: str, name: str) -> None:
    assert parse_observation_id(text) == name


@pytest.mark.parametrize("text", ["", "  ", "a b", "-a", "a/b", "a" * 65, "é", "a\nb", "a;b", "ib6o03n9q\0"])
def test_what_is_no_identifier(text: str) -> None:
    with pytest.raises(NameFormatError, match="identifier"):
        parse_observation_id(text)


def test_files_still_need_a_root_name() -> None:
    assert is_rootname("ib6o03n9q")
    assert not is_rootname("jw02732001001_02105_00002_nrca1")
    with pytest.raises(NameFormatError):
        parse_rootname("jw02732001001_02105_00002_nrca1")
