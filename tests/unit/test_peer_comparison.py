"""The numbers of the peer check on small arrays, where each can be written down by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mvmdb.records import LayerInput
from tests.peer.check import Outcome, SkyLevel, surface_brightness
from tests.peer.comparison import Mosaic, compare, coverage, noise_sigma, percentile_9999
from tests.peer.report import interpolated_table, level_lines, table

SHAPE = (64, 80)


def mosaic(seed: int = 4, *, level: float = 3.0, n_planes: int = 1) -> Mosaic:
    """Return noise of sigma 1 with weight 100 and one input everywhere but in the first row."""
    science = np.random.default_rng(seed).normal(level, 1.0, SHAPE).astype(np.float32)
    weight = np.full(SHAPE, 100.0, np.float32)
    context = np.zeros((n_planes, *SHAPE), np.int32)
    context[0] = 1
    science[0], weight[0], context[:, 0] = np.nan, 0, 0
    return Mosaic(science, weight, context)


def changed(base: Mosaic, **pixels: tuple[tuple[int, ...], float]) -> Mosaic:
    """Return a copy with one pixel of some arrays set to a value."""
    arrays = {name: getattr(base, name).copy() for name in pixels}
    for name, (index, value) in pixels.items():
        arrays[name][index] = value
    return replace(base, **arrays)


def test_a_mosaic_agrees_with_itself() -> None:
    found = compare(mosaic(), mosaic())
    assert found.failures == ()
    assert found.n_covered == 63 * 80
    assert found.wht_median == 100
    counts = (found.covered_by_one_only, found.ctx_differs, found.peer_sci_without_weight)
    assert counts == (0, 0, 0)
    assert (found.sci_max, found.wht_max_relative, found.wht_max_over_median) == (0, 0, 0)


def test_one_changed_value_is_found_at_its_size() -> None:
    """One of 5,040 pixels is more than 0.01%: the percentile is the largest difference, as is the maximum."""
    ours = changed(mosaic(), science=((5, 5), 10.0), weight=((5, 5), 80.0))
    peer = changed(mosaic(), science=((5, 5), 10.25), weight=((5, 5), 100.0))
    found = compare(ours, peer)
    assert (found.sci_p9999, found.sci_max, found.sci_median) == (0.25, 0.25, 0)
    assert found.sci_max_over_sigma == pytest.approx(0.25 / found.sigma)
    assert found.wht_max_relative == pytest.approx(0.2)
    assert found.wht_p9999_relative == pytest.approx(0.2)
    assert found.wht_max_over_median == pytest.approx(0.2)
    assert [words.split()[0] for words in found.failures] == ["SCI", "WHT"]


@pytest.mark.parametrize(("weight", "heavy"), [(0.09, 0), (0.11, 1)])
def test_what_one_side_alone_covers_counts_and_fails_unless_it_is_a_sliver(weight: float, heavy: int) -> None:
    """The median weight is 100, so slivers are below 0.1."""
    peer = changed(mosaic(), weight=((0, 7), weight), context=((0, 0, 7), 1), science=((0, 7), 3.0))
    for pair in ((mosaic(), peer), (peer, mosaic())):
        found = compare(*pair)
        assert (found.covered_by_one_only, found.covered_by_one_only_heavy) == (1, heavy)
        assert (found.ctx_differs, found.ctx_differs_heavy) == (1, heavy)
        assert bool(found.failures) == bool(heavy)


def test_context_is_compared_in_every_plane_and_bit() -> None:
    base = mosaic(n_planes=2)
    other = changed(base, context=((1, 9, 9), -(2**31)))
    assert compare(base, other).ctx_differs == 1
    assert compare(base, other).failures == ("CTX differs on 1 pixels of good weight",)


def test_science_without_weight_is_counted_for_the_peer_and_compared_nowhere() -> None:
    peer = changed(mosaic(), science=((0, 3), 1e6))
    found = compare(mosaic(), peer)
    assert (found.peer_sci_without_weight, found.sci_max, found.failures) == (1, 0, ())
    assert compare(peer, mosaic()).peer_sci_without_weight == 0


def test_nothing_in_common_fails() -> None:
    empty = replace(mosaic(), weight=np.zeros(SHAPE, np.float32), context=np.zeros((1, *SHAPE), np.int32))
    found = compare(empty, mosaic())
    assert found.n_covered == 0
    assert "no pixel is covered by both" in found.failures


def test_mosaics_on_different_grids_are_refused() -> None:
    small = mosaic()
    cut = Mosaic(small.science[:-1], small.weight[:-1], small.context[:, :-1])
    with pytest.raises(ValueError, match="shapes differ"):
        compare(small, cut)
    with pytest.raises(ValueError, match="shapes differ"):
        compare(small, mosaic(n_planes=2))


def test_coverage_splits_into_both_and_one_only() -> None:
    both, one_only = coverage(np.array([0.0, 1.0, 0.0, 2.0]), np.array([0.0, 0.0, 3.0, 4.0]))
    assert both.tolist() == [False, False, False, True]
    assert one_only.tolist() == [False, True, True, False]


def test_percentile_leaves_out_one_in_ten_thousand() -> None:
    """Of 0 ... 20000, the values above 19998 are 0.01%."""
    assert percentile_9999(np.arange(20001.0)) == 19998
    assert np.isnan(percentile_9999(np.empty(0)))


def test_noise_is_measured_beside_sources_and_gaps() -> None:
    """A third of the image is a bright, steep source and a corner is unknown; sigma is 0.5."""
    image = np.random.default_rng(1).normal(7.0, 0.5, (320, 320))
    image[:, :100] += 50 * np.arange(100)
    image[300:, 300:] = np.nan
    assert noise_sigma(image) == pytest.approx(0.5, rel=0.1)
    assert np.isnan(noise_sigma(np.full((40, 40), np.nan)))


def layer_input(**changes: object) -> LayerInput:
    fields: dict[str, object] = {
        "context_index": 0,
        "exposure_id": 1,
        "rootname": "u40x010hm",
        "revision": 1,
        "chip": 2,
        "hdu_index": 2,
        "file_path": "u40x010hm_c0m.fits",
        "file_sha256": "",
        "exptime_s": 100.0,
        "start_mjd": 50000.0,
        "end_mjd": 50000.1,
        "wcsname": None,
        "pixel_scale_arcsec": 0.1,
        "bunit": "COUNTS",
        "gain_e_per_dn": 7.0,
        "photflam": None,
    }
    return LayerInput(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bunit", "expected"),
    [("COUNTS", 5 * 7 / 100 / 0.01), ("ELECTRONS", 5 / 100 / 0.01), ("ELECTRONS/S", 5 / 0.01)],
)
def test_sky_levels_become_surface_brightness(bunit: str, expected: float) -> None:
    assert surface_brightness(layer_input(bunit=bunit), 5.0) == pytest.approx(expected)


def test_report_has_a_row_for_each_case() -> None:
    outcome = Outcome("any_case", compare(mosaic(), mosaic()), compare(mosaic(), mosaic()))
    assert "| any_case | 5,040 | 0 |" in table([outcome])
    assert table([outcome]).count("\n") == 2
    assert "| any_case | 0.0e+00 |" in interpolated_table([outcome])
    assert list(level_lines(outcome)) == []


def test_both_mappings_are_judged() -> None:
    alike, shifted = compare(mosaic(), mosaic()), compare(mosaic(level=4.0), mosaic())
    assert Outcome("any_case", alike, alike).failures == ()
    assert Outcome("any_case", shifted).failures == shifted.failures != ()
    assert Outcome("any_case", alike, shifted).failures == tuple(
        f"mapping interpolated: {words}" for words in shifted.failures
    )


def test_sky_levels_stand_side_by_side() -> None:
    levels = (SkyLevel("aaaa", 1, 1.5, 1.25), SkyLevel("bbbb", 2, 0.0, None))
    outcome = Outcome("any_case_sky", compare(mosaic(), mosaic()), levels=levels, sky_matched="none")
    assert list(level_lines(outcome)) == [
        "  aaaa chip 1: AstroDrizzle 1.5, mvmdb 1.25",
        "  bbbb chip 2: AstroDrizzle 0, mvmdb -",
        "  sky of mvmdb: none",
    ]


def test_outcome_as_json_has_the_keys_that_others_read() -> None:
    outcome = Outcome("any_case", compare(mosaic(), mosaic()), levels=(SkyLevel("aaaa", 1, 1.5, 1.25),))
    found = outcome.as_json()
    keys = ("sci_p9999_over_sigma", "wht_p9999_relative", "ctx_differs", "covered_by_one_only", "n_covered")
    assert [found[key] for key in keys] == [0, 0, 0, 0, 5040]
    assert found["sky_levels_e_per_s_arcsec2"][0]["ours"] == 1.25
