"""Named values become parameters only if every one of them makes sense."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from mvmdb.errors import ParameterError
from mvmdb.mosaic.engine import KERNELS
from mvmdb.parameters import make_parameters, parse_overrides
from mvmdb.records import DrizzleParameters


def test_nothing_given_is_the_defaults() -> None:
    assert make_parameters({}, origin="test") == DrizzleParameters()


def test_every_parameter_can_be_given() -> None:
    texts = [
        "kernel=point",
        "pixfrac=1",
        "weighting=exptime",
        "good_bits=80",
        " mapping_error_pix = 0 ",
        "sky=match",
        "sky_zero=faintest",
        "equalise=photflam",
        "error=true",
    ]
    made = make_parameters(parse_overrides(texts), origin="test")
    assert list(asdict(made).values()) == [
        "point",
        1.0,
        "exptime",
        80,
        0.0,
        "match",
        "faintest",
        "photflam",
        True,
    ]
    assert type(made.pixfrac) is float  # a recipe must not depend on how a number was written
    assert len(texts) == len(fields(DrizzleParameters))


def test_the_kernels_are_those_of_the_engine() -> None:
    for kernel in KERNELS:
        assert parse_overrides([f"kernel={kernel}"]) == {"kernel": kernel}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kernel=gaussian", "kernel cannot be 'gaussian'"),
        ("kernel=", "kernel cannot be ''"),
        ("pixfrac=0", "pixfrac cannot be 0"),
        ("pixfrac=1.01", "pixfrac cannot be 1.01"),
        ("pixfrac=true", "pixfrac cannot be True"),
        ("pixfrac=NaN", "pixfrac cannot be nan"),
        ("pixfrac=[0.8]", r"pixfrac cannot be \[0.8\]"),
        ("good_bits=-1", "good_bits cannot be -1"),
        ("good_bits=80.0", "good_bits cannot be 80.0"),
        ("good_bits=65536", "good_bits cannot be 65536"),
        ("good_bits=false", "good_bits cannot be False"),
        ("mapping_error_pix=-0.1", "mapping_error_pix cannot be -0.1"),
        ("sky=localmin", "sky cannot be 'localmin'"),
        ("sky={}", "sky cannot be {}"),
        ("error=1", "error cannot be 1"),
        ("final_bits=80", "there is no parameter 'final_bits'"),
        ("pixfrac", "is not NAME=VALUE"),
        ("", "is not NAME=VALUE"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    with pytest.raises(ParameterError, match=problem) as caught:
        parse_overrides([text])
    assert caught.value.hint


def test_twice() -> None:
    with pytest.raises(ParameterError, match="is given twice"):
        parse_overrides(["pixfrac=0.8", "pixfrac=0.8"])


def test_the_origin_of_a_bad_value_is_named() -> None:
    with pytest.raises(ParameterError, match="parameter set mine: pixfrac cannot be 3"):
        make_parameters({"pixfrac": 3}, origin="parameter set mine")
