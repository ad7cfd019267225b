"""Forecasts in words, limits, and the meter."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest

from mvmdb.errors import TooLargeError
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.pipeline import forecast as forecasts
from mvmdb.pipeline import meter
from mvmdb.pipeline.forecast import bytes_in_words, forecast_in_words, free_bytes, limits_of, require_within
from mvmdb.pipeline.meter import metered, own_memory_bytes
from mvmdb.records import BuildLimits, DrizzleParameters, Forecast, LayerPlan
from mvmdb.settings import Settings
from mvmdb.sky.grid import PixelBox

SKYCELL, LAYER = SkycellName(1889, 7, 19), LayerName("wfc3", "ir", "f160w")
PLAN = LayerPlan(
    SKYCELL,
    LAYER,
    "all",
    ProductName(SKYCELL, LAYER, "all", "drz"),
    PixelBox(0, 0, 100, 100),
    (),
    DrizzleParameters(),
    "mvmdb",
    "an engine",
)
EXPECTED = Forecast(
    wall_s=18.4,
    wall_scatter=0.304,
    cpu_s=30.0,
    peak_memory_bytes=812_345_678,
    memory_scatter=0.05,
    output_bytes=5_784_000_000,
    n_builds=41,
    of_this_host=True,
    n_times_larger=1.2,
)


def changed(**values: object) -> Forecast:
    return dataclasses.replace(EXPECTED, **values)  # type: ignore[arg-type]


@pytest.fixture
def products_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on a disk that has 10 GB free."""
    monkeypatch.setattr(forecasts, "free_bytes", lambda _: 10_000_000_000)
    return tmp_path / "products"


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (3_150_000_000, "3.15 GB"),
        (2e15, "2e+03 TB"),
    ],
)
def test_bytes_in_words(n_bytes: float, words: str) -> None:
    assert bytes_in_words(n_bytes) == words


def test_forecast_in_words() -> None:
    assert forecast_in_words(EXPECTED) == (
        "18 s (+-30 %), 812 MB (+-5 %) of memory, 5.78 GB written; from 41 builds here"
    )
    elsewhere = changed(of_this_host=False, n_times_larger=12.3, wall_s=1234.4)
    assert forecast_in_words(elsewhere).startswith("1234 s (+-30 %), ")
    assert forecast_in_words(elsewhere).endswith(
        "; from 41 builds on all machines, 12 times the largest of them"
    )
    shipped = changed(n_builds=0, wall_scatter=None, memory_scatter=None, n_times_larger=None)
    assert forecast_in_words(shipped) == (
        "18 s, 812 MB of memory, 5.78 GB written; the shipped estimate: too few builds to learn from"
    )


@pytest.mark.parametrize(
    ("limits", "number", "limit", "setting"),
    [
        (
            BuildLimits(peak_memory_bytes=812_345_677),
            "812 MB (+-5 %) of memory",
            "812 MB",
            "MVMDB_MAX_BUILD_MEMORY_BYTES",
        ),
        (
            BuildLimits(output_bytes=5_000_000_000),
            "5.78 GB of output",
            "5 GB",
            "MVMDB_MAX_BUILD_OUTPUT_BYTES",
        ),
        (BuildLimits(wall_s=18.0), "18 s (+-30 %)", "18 s", "MVMDB_MAX_BUILD_SECONDS"),
    ],
)
def test_more_than_a_limit_is_refused_with_number_limit_and_remedy(
    products_dir: Path, limits: BuildLimits, number: str, limit: str, setting: str
) -> None:
    with pytest.raises(TooLargeError) as caught:
        require_within(PLAN, EXPECTED, limits, products_dir)
    assert str(caught.value) == (
        f"wfc3_ir_f160w of p1889x07y19: a build would take {number}, the limit is {limit}"
    )
    assert setting in str(caught.value.hint)
    assert "--no-limits" in str(caught.value.hint)
    assert caught.value.exit_code == 5


def test_exactly_the_limit_is_allowed(products_dir: Path) -> None:
    limits = BuildLimits(EXPECTED.peak_memory_bytes, EXPECTED.output_bytes, EXPECTED.wall_s)
    require_within(PLAN, EXPECTED, limits, products_dir)
    require_within(PLAN, EXPECTED, BuildLimits(), products_dir)


def test_several_limits_are_told_together(products_dir: Path) -> None:
    with pytest.raises(TooLargeError) as caught:
        require_within(PLAN, EXPECTED, BuildLimits(1, 1, 1.0), products_dir)
    assert str(caught.value).count("the limit is") == 3
    assert str(caught.value.hint).count("raise MVMDB_") == 3


def test_free_space_is_always_a_limit(products_dir: Path) -> None:
    too_large = changed(output_bytes=10_000_000_001)
    with pytest.raises(TooLargeError, match=r"10 GB of disk, the limit is 10 GB, the free space at"):
        require_within(PLAN, too_large, BuildLimits(), products_dir)


def test_without_limits_everything_is_allowed(products_dir: Path) -> None:
    require_within(PLAN, changed(output_bytes=10**15, peak_memory_bytes=10**15), None, products_dir)


def test_free_space_of_a_directory_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.05)


def test_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, max_build_memory_bytes="4GiB", max_build_seconds=60)  # type: ignore[arg-type]
    assert limits_of(chosen) == BuildLimits(4 * 2**30, None, 60.0)


def test_meter_counts_time_processor_and_memory() -> None:
    if own_memory_bytes() is None:
        pytest.skip("this system does not tell the own memory of a process")
    with metered() as used:
        before = used()
        array = np.ones(25_000_000)  # 200 MB, every page touched
        time.sleep(0.1)  # the meter looks meanwhile
        del array
        sum(range(2_000_000))
        after = used()
    assert before.peak_memory_bytes is not None
    assert after.peak_memory_bytes is not None
    assert 180e6 < after.peak_memory_bytes - before.peak_memory_bytes < 260e6
    assert after.wall_s >= 0.1
    assert 0 < after.cpu_s < after.wall_s


def test_meter_does_not_count_mapped_files(tmp_path: Path) -> None:
    if own_memory_bytes() is None:
        pytest.skip("this system does not tell the own memory of a process")
    path = tmp_path / "mapped"
    np.ones(12_500_000).tofile(path)
    with metered() as used:
        before = used().peak_memory_bytes
        assert np.memmap(path).max() > 0
        time.sleep(0.05)
        after = used().peak_memory_bytes
    assert before is not None
    assert after is not None
    assert after - before < 20e6


def test_meter_of_a_system_that_tells_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(meter, "_STATUS_FILE", tmp_path / "none")
    with metered() as used:
        usage = used()
    assert usage.peak_memory_bytes is None
    assert usage.wall_s >= 0
