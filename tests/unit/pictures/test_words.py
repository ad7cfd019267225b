"""Numbers in words."""

from __future__ import annotations

import pytest

from mvmdb.pictures.words import date, dates, duration, number, summary
from tests.support.outlines import square


@pytest.mark.parametrize(
    ("time_s", "expected"),
    [
        (0.4, "0 s"),
        (450.0, "450 s"),
        (9999.4, "9999 s"),
        (10_000.0, "10 ks"),
        (12_340.0, "12.3 ks"),
        (999_400.0, "999 ks"),
        (999_600.0, "1 Ms"),
        (3_740_000.0, "3.74 Ms"),
    ],
)
def test_duration(time_s: float, expected: str) -> None:
    assert duration(time_s) == expected


def test_number() -> None:
    assert [number(n, "chip") for n in (0, 1, 2, 5210)] == ["0 chips", "1 chip", "2 chips", "5,210 chips"]


def test_dates() -> None:
    assert date(51544.0) == "2000-01-01"  # J2000 is MJD 51544.5
    assert dates(51544.0, 51544.9) == "2000-01-01"
    assert dates(51544.9, 51545.1) == "2000-01-01 to 2000-01-02"


def test_summary_counts_exposures_and_chips() -> None:
    outlines = [
        square((0, 0, 1, 1), "jtst0000q", exptime_s=400.0, start_mjd=51544.0),
        square((0, 0, 1, 1), "jtst0000q", exptime_s=400.0, start_mjd=51544.0, chip=2),
        square((0, 0, 1, 1), "jtst0001q", exptime_s=250.0, start_mjd=51574.0),
    ]
    assert summary(outlines) == "2 exposures, 3 chips, 650 s, 2000-01-01 to 2000-01-31"
