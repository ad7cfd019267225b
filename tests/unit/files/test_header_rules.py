"""Rules that blend headers, against the rules that a real product states in its HISTORY."""

import re

import pytest
from astropy.io import fits

from mvmdb.files.checks import Scalar
from mvmdb.files.header_rules import RULES, blended_cards, blended_value
from tests.support.product_makers import make_chip_headers, make_plan
from tests.support.shared_data import shared_data

SAMPLES = ("sample_mvm_drc_a50f1a6.fits", "sample_mvm_drc_d6761b8.fits")


@pytest.mark.parametrize(
    ("how", "values", "expected"),
    [
        ("common", ["A ", "A"], "A"),
        ("common", ["A", "B"], "MULTIPLE"),
        ("common", ["A", None], "MULTIPLE"),
        ("common", [1.5, 1.5], 1.5),
        ("common", [1.5, 2.5], None),
        ("common", [True, False], None),
        ("common", [1.5, None], None),
        ("common", [False, False], False),
        ("sum", [1, 2, 3], 6),
        ("sum", [0.5, 1], 1.5),
        ("sum", [1, None], None),
        ("chipsum", [2, 5], 7),
        ("min", [-3.5, 2.0], -3.5),
        ("max", [-3.5, 2.0], 2.0),
        ("mean", [1, 2], 1.5),
        ("mean", ["N/A", 2], None),
        ("bits", [1, 4, 5], 5),
        ("zero", [123.4, 50.0], 0.0),
        ("zero", [None, None], None),
        ("sum", [None, None], None),
    ],
)
def test_each_rule(how: str, values: list[Scalar | None], expected: Scalar | None) -> None:
    found = blended_value(how, values)
    assert found == expected
    assert type(found) is type(expected)


def test_sums_count_an_exposure_once_and_means_every_chip() -> None:
    plan = make_plan(4)  # two exposures of two chips
    headers = [
        {**header, "NCOMBINE": 3, "GOODMEAN": float(k), "SOFTERRS": 1}
        for k, header in enumerate(make_chip_headers(plan))
    ]
    values = {card.keyword: card.value for card in blended_cards("SCI", plan.inputs, headers)}
    assert (values["NCOMBINE"], values["SOFTERRS"], values["GOODMEAN"]) == (6, 4, 1.5)


def test_a_keyword_has_one_rule_and_a_comment_that_fits() -> None:
    assert len({rule.keyword for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[A-Z0-9_-]{1,8}", rule.keyword)
        assert rule.home in ("PRIMARY", "SCI")
        assert rule.text
        assert len(rule.comment) <= 47


OURS = {"sum": {"sum", "chipsum", "bits"}, "max": {"max"}, "min": {"min"}, "mean": {"mean"}, "zero": {"zero"}}


@pytest.mark.parametrize("sample", SAMPLES)
def test_aggregates_of_the_reference_are_ours(sample: str) -> None:
    """Where a real product states sum, min, max, mean or zero we do the same, or make it otherwise."""
    ours = {rule.keyword: rule.how for rule in RULES}
    made_otherwise = {"EXPTIME", "TEXPTIME", "EXPSTART", "EXPEND", "DATE-BEG", "DATE-END"}
    made_otherwise |= {"PHOTFLAM", "PHOTPLAM", "PHOTFNU", "MDRIZSKY"}
    history = list(fits.getheader(shared_data(f"products/hap_mvm/{sample}"))["HISTORY"])
    start = next(k for k, line in enumerate(history) if "Start of rules" in line)
    stated = [line.split() for line in history[start:]]
    aggregates = {words[1]: words[2] for words in stated if len(words) >= 3 and words[2] in OURS}
    assert len(aggregates) > 12
    for keyword, how in aggregates.items():
        assert keyword in made_otherwise or ours[keyword] in OURS[how], keyword


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_rule_brings_back_what_the_reference_deletes(sample: str) -> None:
    history = fits.getheader(shared_data(f"products/hap_mvm/{sample}"))["HISTORY"]
    deleted = {line.split()[1] for line in history if line.startswith("<delete>") and "/" not in line}
    assert {"IPPPSSOO", "ASN_ID", "EXPFLAG"} <= deleted
    assert not deleted & {rule.keyword for rule in RULES}
