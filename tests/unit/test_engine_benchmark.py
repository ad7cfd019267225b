"""The pure parts of the engine's benchmark: medians, ratios, tables, steps."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.engine import __main__ as benchmark
from tests.benchmark.engine import figures, steps
from tests.benchmark.engine.costs import FailedError, run_measured
from tests.benchmark.engine.picture import draw

TITLES = {"subarray": "The subarray", "full": "The skycell"}


def cost(wall_s: float, cpu_s: float, peak_gib: float = 0.5) -> dict[str, Any]:
    return {"wall_s": wall_s, "cpu_s": cpu_s, "peak_gib": peak_gib, "peak_resident_gib": 2 * peak_gib}


def subarray() -> dict[str, Any]:
    """Return figures of one case, as a run gives them: 8 s against 100 s, ratio 12.5."""
    sides = {
        "mvmdb": cost(8, 16),
        "mvmdb_1_thread": cost(15, 14),
        "mvmdb_append": cost(1, 1.6),
        "astrodrizzle": cost(100, 98, 2.5),
    }
    return {name: figures.summary([one], 1_000_000_000) for name, one in sides.items()}


def run_figures() -> dict[str, Any]:
    machine = {
        "date": "2026-11-23",
        "processor": "One",
        "cores": 2,
        "load_average": 0.5,
        "load_average_after": 2.25,
    }
    sides = subarray()
    found = {"machine": machine} | dict.fromkeys(figures.TARGETS) | {"subarray": sides}
    return found | figures.ratios("subarray", sides) | {"kernel_ns_per_pixel": 36.0}


def test_medians_are_of_each_figure_by_itself_and_the_rest_is_of_the_last_round() -> None:
    rounds = [cost(9, 3) | {"output_bytes": 1}, cost(7, 5) | {"output_bytes": 2}, cost(20, 4)]
    found = figures.summary(rounds, 2_000_000)
    assert (found["wall_s"], found["cpu_s"]) == (9, 4)
    assert (found["wall_s_least"], found["wall_s_most"], found["n_rounds"]) == (7, 20, 3)
    assert found["cpu_ns_per_pixel"] == 2000
    assert "output_bytes" not in found


def test_a_side_that_does_less_is_divided_by_its_own_pixels() -> None:
    found = figures.summary([cost(1, 1) | {"n_input_pixels": 1000}], 5)
    assert (found["n_input_pixels"], found["cpu_ns_per_pixel"]) == (1000, 1_000_000)


def test_steps_become_nanoseconds_per_input_pixel() -> None:
    found = figures.summary([cost(1, 1) | {"steps_cpu_s": {"reading": 0.25, "writing": 0.5}}], 10_000_000)
    assert found["ns_per_pixel"] == {"reading": 25, "writing": 50}


def test_ratios_are_theirs_over_ours() -> None:
    found = figures.ratios("subarray", subarray())
    assert found == {
        "subarray_wall_ratio": 12.5,
        "subarray_cpu_ratio": 6.125,
        "subarray_wall_ratio_1_thread": 6.667,
        "subarray_cpu_ratio_1_thread": 7.0,
        "subarray_peak_gib": 0.5,
        "append_fraction": 0.125,
        "append_cpu_fraction": 0.1,
    }


def test_ratios_are_unknown_without_the_other_side() -> None:
    sides = subarray()
    del sides["astrodrizzle"]
    found = figures.ratios("subarray", sides)
    assert (found["subarray_wall_ratio"], found["subarray_cpu_ratio"]) == (None, None)
    assert found["append_fraction"] == 0.125


def test_without_memory_for_its_context_image_astrodrizzle_counts_without_it() -> None:
    sides = subarray()
    sides["astrodrizzle_without_context"] = sides.pop("astrodrizzle")
    assert figures.ratios("full", sides)["full_wall_ratio"] == 12.5


def test_figures_are_judged_by_their_targets() -> None:
    rows = {
        line.split("`")[1]: line
        for line in figures.tables(run_figures(), TITLES).splitlines()
        if "| `" in line
    }
    assert rows["subarray_wall_ratio"].endswith("| ≥ 10 | 12.5 | 1.25 | met |")
    assert rows["append_fraction"].endswith("| ≤ 0.12 | 0.125 | 1.04 | **not met** |")
    assert rows["kernel_ns_per_pixel"].endswith("| ≤ 30 | 36 | 1.20 | **not met** |")
    assert rows["subarray_peak_gib"].endswith("| | | 0.5 | | |")
    assert rows["full_wall_ratio"].endswith("| ≥ 7 | - | - | not measured |")


def test_tables_have_the_cases_and_sides_that_were_run() -> None:
    text = figures.tables(run_figures(), TITLES)
    assert "On 2026-11-23, 2 cores (One), load average 0.50 before and 2.25 after" in text
    assert "**The subarray**" in text
    assert "The skycell" not in text
    assert "| AstroDrizzle | 100 |  | 98 | 98 | 2.5 | 5 |" in text
    assert "SWarp" not in text


def test_steps_stand_beside_each_other_with_their_sum() -> None:
    found = run_figures()
    found["subarray"]["mvmdb_steps"] = one_thread(2.0, {"reading": 1.5, "kernel": 33.0})
    found["full"] = subarray() | {"mvmdb_steps": one_thread(1.25, {"reading": 2.0, "writing": 0.5})}
    lines = figures.tables(found, TITLES).splitlines()
    first = lines.index("| ns per input pixel | `subarray` | `full` |")
    assert lines[first + 1 : first + 7] == [
        "|---|---:|---:|",
        "| reading | 1.5 | 2 |",
        "| kernel | 33 | 0 |",
        "| writing | 0 | 0.5 |",
        "| all | 34.5 | 2.5 |",
        "| wall beyond that | 10 | 2.5 |",
    ]


def one_thread(wall_s: float, steps: dict[str, float]) -> dict[str, Any]:
    """Return a build whose steps were measured: 1 second of processor time for 100 million pixels."""
    return {"wall_s": wall_s, "cpu_s": 1.0, "n_input_pixels": 100_000_000, "ns_per_pixel": steps}


def test_the_page_keeps_what_is_around_the_marks() -> None:
    page = "before\n<a>\n\nold\n\n<b>\nafter\n"
    assert figures.put_between(page, "<a>", "<b>", "new\n") == "before\n<a>\n\nnew\n\n<b>\nafter\n"
    with pytest.raises(ValueError, match="lacks the marks"):
        figures.put_between("before <b> after <a>", "<a>", "<b>", "new")


def test_table_of_a_former_run_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "engine.json").write_text(json.dumps(run_figures()))
    benchmark.main(["--table", str(tmp_path / "engine.json")])
    assert "| `subarray_wall_ratio` |" in capsys.readouterr().out


def test_the_page_has_a_place_for_the_figures() -> None:
    page = (Path(__file__).parents[2] / benchmark.PAGE).read_text()
    assert "new" in figures.put_between(page, *benchmark.MARKS, "new")


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    draw(run_figures(), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_time_of_an_inner_step_does_not_count_for_the_outer_one() -> None:
    clock = steps._Clock()

    def work(seconds: float) -> None:
        end_s = time.thread_time() + seconds
        while time.thread_time() < end_s:
            pass

    inner = clock.timing("inner", work)

    def both() -> None:
        inner(0.05)
        work(0.02)
        inner(0.03)

    clock.timing("outer", both)()
    assert clock.seconds["inner"] == pytest.approx(0.08, abs=0.01)
    assert clock.seconds["outer"] == pytest.approx(0.02, abs=0.01)


def test_every_step_is_there_to_be_timed() -> None:
    """The library may rename its functions; the benchmark has to follow."""
    for functions in steps.STEPS.values():
        for module, name in functions:
            assert callable(getattr(module, name)), f"{module}: {name}"


def test_memory_of_a_program_is_its_own(tmp_path: Path) -> None:
    """Whatever this process holds; the program touches 64 MiB, and an interpreter takes some 10."""
    script = "import time; held = bytearray(b'x') * (64 << 20); time.sleep(0.2)"
    found = run_measured([sys.executable, "-S", "-c", script], tmp_path)
    assert 64 / 1024 < found["peak_gib"] < 100 / 1024
    assert found["peak_gib"] <= found["peak_resident_gib"] < 120 / 1024
    assert found["wall_s"] >= 0.2


def test_a_program_that_fails_tells_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="no such thing"):
        run_measured([sys.executable, "-S", "-c", "raise SystemExit('no such thing')"], tmp_path)
