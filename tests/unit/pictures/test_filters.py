"""Filters in order of wavelength, each with a colour of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mvmdb.pictures.filters import group_by_filter, nominal_wavelength_nm
from tests.support.outlines import square

BY_WAVELENGTH = [
    ("acs", "sbc", "f122m"),
    ("wfc3", "uvis", "f275w"),
    ("wfc3", "uvis", "fq508n"),
    ("acs", "wfc", "f606w"),
    ("acs", "wfc", "f606w-pol0v"),
    ("acs", "wfc", "fr914m"),
    ("wfpc2", "pc", "f1042m"),
    ("wfc3", "ir", "f105w"),
    ("wfc3", "ir", "f160w"),
    ("acs", "wfc", "clear"),
]


@pytest.mark.parametrize(
    ("detector", "name", "expected_nm"),
    [("ir", "f160w", 1600), ("uvis", "f275w", 275), ("pc", "f1042m", 1042), ("wfc", "fr914m", 914)],
)
def test_wavelength_of_a_name(detector: str, name: str, expected_nm: float) -> None:
    assert nominal_wavelength_nm(detector, name) == expected_nm


def test_order_and_counts() -> None:
    shuffled = [BY_WAVELENGTH[i] for i in np.random.default_rng(10).permutation(len(BY_WAVELENGTH))]
    outlines = [
        square((0, 0, 1, 1), f"jtst00{i}{k}q", instrument=a, detector=b, filter=c, exptime_s=10.0 * (i + 1))
        for i, (a, b, c) in enumerate(shuffled)
        for k in range(2)
    ]
    outlines += [square((0, 0, 1, 1), item.exposure, **_of(item), chip=2) for item in outlines]
    groups = group_by_filter(outlines)
    assert [(group.instrument, group.detector, group.filter) for group in groups] == BY_WAVELENGTH
    assert {(group.n_exposures, len(group.outlines)) for group in groups} == {(2, 4)}
    expected_s = [20.0 * (shuffled.index(key) + 1) for key in BY_WAVELENGTH]
    assert [group.exptime_s for group in groups] == expected_s
    assert groups[4].label == "ACS/WFC F606W+POL0V"


def _of(item: object) -> dict[str, object]:
    names = ("instrument", "detector", "filter", "exptime_s")
    return {name: getattr(item, name) for name in names}


@pytest.mark.parametrize("n_filters", [1, 2, 5, 6, 12])
def test_colours_differ_and_run_from_blue_to_red(n_filters: int) -> None:
    names = [f"f{200 + 50 * i}w" for i in range(n_filters)]
    colours = [
        to_rgb(group.colour)
        for group in group_by_filter([square((0, 0, 1, 1), filter=name) for name in names])
    ]
    distances = [np.linalg.norm(np.subtract(*pair)) for pair in itertools.combinations(colours, 2)]
    assert min(distances, default=1.0) > 0.12
    assert colours[0][2] > colours[-1][2] or n_filters == 1


def test_sample_takes_whole_exposures_evenly() -> None:
    outlines = [
        square((0, 0, 1, 1), f"jtst{number:04d}q", chip=chip) for number in range(10) for chip in (1, 2)
    ]
    [group] = group_by_filter(outlines)
    sample = group.sample(4)
    assert [(item.exposure, item.chip) for item in sample] == [
        (f"jtst{number:04d}q", chip) for number in (0, 4, 8) for chip in (1, 2)
    ]
