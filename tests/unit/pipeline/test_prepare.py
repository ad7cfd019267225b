"""What is decided about the inputs of a layer before any pixel is read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import ExposureFileError
from mvmdb.mosaic.engine import build_layer_image
from mvmdb.mosaic.inputs import read_part
from mvmdb.mosaic.pixmap import find_reach
from mvmdb.pipeline.prepare import Adjustment, engine_inputs, open_inputs, prepare_layer
from mvmdb.records import DrizzleParameters, InputStatistics, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.exposures import SyntheticExposure
from tests.support.product_makers import make_input, make_plan

EVERYTHING = (slice(None), slice(None))
EQUALISED = {"equalise": "photflam"}


def plan_of(photflams: list[float | None], exptimes_s: list[float], **parameters: object) -> LayerPlan:
    """Return a plan of one-chip exposures of given sensitivity."""
    pairs = enumerate(zip(photflams, exptimes_s, strict=True))
    inputs = tuple(make_input(2 * k, photflam=one, exptime_s=time_s) for k, (one, time_s) in pairs)
    plan = make_plan(inputs=inputs)
    return replace(plan, parameters=replace(plan.parameters, **parameters))


def test_nothing_asked_nothing_done() -> None:
    prepared = prepare_layer(plan_of([1e-19, 2e-19], [100.0, 100.0]), ())
    assert prepared.adjustments == (Adjustment(), Adjustment())
    assert (prepared.preparation.sky, prepared.preparation.equalisation) == ("none", "none")
    assert prepared.preparation.photflam is None


def test_rates_are_scaled_to_the_mean_sensitivity() -> None:
    """Flux is PHOTFLAM times rate: it must be the same by the sensitivity of the layer."""
    prepared = prepare_layer(plan_of([1e-19, 2e-19], [100.0, 300.0], **EQUALISED), ())
    assert prepared.preparation.equalisation == "photflam"
    assert prepared.preparation.photflam == pytest.approx(1.75e-19, rel=1e-12)
    scales = [one.flux_scale for one in prepared.adjustments]
    assert scales == pytest.approx([1 / 1.75, 2 / 1.75], rel=1e-12)


def test_equal_sensitivities_change_nothing_to_the_last_bit() -> None:
    photflam = 7.9064521e-20
    times_s = [339.0, 400.1, 17.3]
    assert np.average([photflam] * 3, weights=times_s) != photflam  # the trap
    prepared = prepare_layer(plan_of([photflam] * 3, times_s, **EQUALISED), ())
    assert [one.flux_scale for one in prepared.adjustments] == [1.0, 1.0, 1.0]
    assert prepared.preparation.photflam == photflam


def test_one_unknown_sensitivity_and_nothing_is_scaled() -> None:
    prepared = prepare_layer(plan_of([1e-19, None, None], [100.0] * 3, **EQUALISED), ())
    assert prepared.preparation.equalisation == "none: 2 inputs lack PHOTFLAM"
    assert prepared.preparation.photflam is None
    assert {one.flux_scale for one in prepared.adjustments} == {1.0}


def test_one_exposure_has_nothing_to_be_matched_with() -> None:
    """Its files are not even read: the plan names none that exist."""
    inputs = (make_input(0), make_input(1))
    plan = replace(make_plan(inputs=inputs), parameters=replace(make_plan().parameters, sky="match"))
    prepared = prepare_layer(plan, ())
    assert prepared.preparation.sky == "none: there is one exposure"
    assert prepared.preparation.n_sky_groups == 0
    assert [one.sky_group for one in prepared.adjustments] == [0, 0]


def test_what_was_done_is_recorded_with_the_input() -> None:
    recorded = Adjustment(1.1, 0.2, 3).recorded_in(InputStatistics(7, 1000))
    assert recorded == InputStatistics(7, 1000, sky_e_per_s_arcsec2=0.2, sky_group=3, flux_scale=1.1)


def test_rate_and_error_are_scaled_before_the_sky_is_subtracted(tmp_path: Path) -> None:
    """700 electrons in 350 s with an error of 1 electron; the sky is per area, of pixels of 0.05 arcsec."""
    exposure = SyntheticExposure(kind="acs_wfc", level=700.0)
    path = exposure.write(tmp_path)
    item = make_input(0, file_path=str(path), exptime_s=350.0, pixel_scale_arcsec=0.05)
    item = replace(item, file_sha256=_sha256(path))
    plan = make_plan(inputs=(item,))
    chips = open_inputs(replace(plan, parameters=replace(plan.parameters, error=True)))
    assert chips[0].header["ROOTNAME"] == exposure.full_rootname
    (chip,) = engine_inputs(plan, chips, (Adjustment(1.5, 40.0, 1),))
    assert np.unique(chip.rate[EVERYTHING]).tolist() == pytest.approx([1.5 * 2.0 - 40.0 * 0.0025], rel=1e-6)
    assert chip.error is not None
    assert np.unique(chip.error[EVERYTHING]).tolist() == pytest.approx([1.5 / 350], rel=1e-6)
    (untouched,) = engine_inputs(plan, open_inputs(plan), (Adjustment(),))
    assert untouched.error is None
    assert np.unique(untouched.rate[EVERYTHING]).tolist() == [2.0]


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    path = SyntheticExposure(kind="acs_wfc").write(tmp_path)
    plan = make_plan(inputs=(make_input(0, file_path=str(path)),))
    with pytest.raises(ExposureFileError, match="has changed since jtst00aaq was ingested"):
        open_inputs(plan)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_fast_way_to_read_gives_the_same_bits(tmp_path: Path) -> None:
    path = SyntheticExposure(kind="acs_wfc").write(tmp_path)
    rng = np.random.default_rng(8)
    with fits.open(path, mode="update") as hdus:
        shape = hdus["SCI", 1].shape
        science = rng.normal(100, 30, shape).astype(np.float32)
        science[3, 4], science[5, 6], science[7, 8] = np.nan, np.inf, -np.inf
        hdus["SCI", 1].data = science
        hdus["DQ", 1].data = rng.choice([0, 64, 4096, -32768, 16], shape).astype(np.int16)
    item = make_input(0, file_path=str(path), file_sha256=_sha256(path))
    plan = make_plan(inputs=(item,))
    (chip,) = engine_inputs(plan, open_inputs(plan), (Adjustment(1.37, 40.0, 1),))
    assert chip.stored is not None
    plain = read_part(chip, PixelBox(0, 0, shape[1], shape[0]), with_variance=False)
    reach = find_reach(chip.mapping, chip.shape)
    assert reach is not None
    box = reach.box_of(PixelBox(0, 0, shape[1], shape[0]))
    fast, slow = (
        build_layer_image(box, [one], parameters=DrizzleParameters(), skycell_n_pixels=10**6, n_strip_rows=50)
        for one in (chip, replace(chip, stored=None))
    )
    assert fast.weight.any()
    for name in ("science", "weight", "context"):
        assert getattr(fast, name).tobytes() == getattr(slow, name).tobytes()
    assert 0.3 < np.mean(plain.weight > 0) < 0.9
