"""Simulated exposures of different background and sensitivity, down the road to the rows of a product."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from mvmdb.catalog import builds
from mvmdb.catalog.engine import connect, transaction
from mvmdb.files.header import BuildStamp
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.plan import plan_layer
from mvmdb.records import LayerImage, LayerPlan, PublishedFile
from mvmdb.simulate.exposure import simulate_exposure
from tests.support.database import cloned_database
from tests.support.layers import chip_headers, layer_of, stage_product
from tests.support.scenes import planned_exposure, star_scene

LAYER = LayerName.parse("acs_wfc_f775w")
BAND = "acs/wfc/f775w"
PIXEL_ARCSEC2 = 0.05**2
EXPTIME_S = 500.0
SKIES = (40.0, 70.0, 55.0)
"""e-/s per square arcsecond, of an instrument as sensitive as the first exposure's."""
SENSITIVITIES = (1.0, 1.0, 0.8)
"""The third exposure collects fewer electrons from the same light, and its PHOTFLAM says so."""
OFFSETS_ARCSEC = ((0.0, 0.0), (3.0, -2.0), (-2.5, 3.5))
READ_NOISE_E = 4.0


@dataclass(frozen=True)
class Field:
    """A database with three exposures, and the skycell that all of them reach."""

    engine: Engine
    directory: Path
    skycell: SkycellName

    def plan(self, **parameters: object) -> LayerPlan:
        """Return the plan of the layer, with other parameters than the usual ones."""
        with transaction(self.engine) as connection:
            plan = plan_layer(connection, self.skycell, LAYER).plan
        return replace(plan, parameters=replace(plan.parameters, **parameters))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture(scope="module")
def field(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    directory = tmp_path_factory.mktemp("prepared")
    files = [write_exposure(k, directory) for k in range(len(SKIES))]
    with cloned_database(template_url) as url:
        engine = connect(url)
        assert [item.error for item in ingest_files(engine, files)] == [None] * len(files)
        bare = Field(engine, directory, SkycellName(0, 1, 1))
        ((skycell,),) = bare.rows(
            "select skycell from mvm.layer_depth order by n_exposures desc, area_arcmin2 desc limit 1"
        )
        yield replace(bare, skycell=SkycellName.parse(str(skycell)))
        engine.dispose()


def write_exposure(number: int, directory: Path) -> Path:
    """Simulate stars on a flat sky, with cosmic rays and bad pixels."""
    east, north = OFFSETS_ARCSEC[number]
    planned = planned_exposure(
        "acs/wfc",
        "F775W",
        rootname=f"jzst01a{number + 1}q",
        exptime_s=EXPTIME_S,
        ra_deg=359.999 + east / 3600 / np.cos(np.radians(62.0)),
        dec_deg=62.0 + north / 3600,
        orient_deg=33.0 + 20 * number,
        start_mjd=55000.25 + number,
        crop_pix=300,
    )
    rng = np.random.default_rng(1)
    ra_deg = 359.999 + rng.uniform(-20, 20, 60) / 3600 / np.cos(np.radians(62.0))
    dec_deg = 62.0 + rng.uniform(-20, 20, 60) / 3600
    fainter = SENSITIVITIES[number]
    flux_e_s = fainter * rng.uniform(1, 100, 60)
    scene = star_scene(ra_deg, dec_deg, flux_e_s, [BAND], sky_e_s_arcsec2=fainter * SKIES[number])
    path = simulate_exposure(planned, scene, directory, seed=number)
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            if hdu.name == "SCI":
                hdu.header["PHOTFLAM"] /= fainter
    return path


def scales() -> NDArray[np.float64]:
    """Return PHOTFLAM of the exposures over its mean; all have one exposure time."""
    photflam = 1 / np.array(SENSITIVITIES)
    return photflam / photflam.mean()


def levels(image: LayerImage, exposures: Sequence[int]) -> tuple[float, float]:
    """Return the median of the sky where just these exposures contribute, and its standard error."""
    bits = [1 << (2 * exposure + chip) for exposure in exposures for chip in (0, 1)]
    from_others = image.context[0] & ~sum(bits) != 0
    from_all = np.logical_and.reduce(
        [(image.context[0] & (bits[k] | bits[k + 1])) != 0 for k in range(0, len(bits), 2)]
    )
    pixels = image.science[from_all & ~from_others]
    assert pixels.size > 500
    low, middle, high = np.percentile(pixels, [16, 50, 84])
    # an input pixel covers 1.56 output pixels, which are not independent
    return float(middle), float(1.2533 * (high - low) / 2 * np.sqrt(1.6 / pixels.size))


def test_the_background_is_flat_where_sets_of_exposures_meet(field: Field) -> None:
    plan = field.plan(sky="match", equalise="photflam")
    assert {item.rootname for item in plan.inputs} == {"jzst01a1q", "jzst01a2q", "jzst01a3q"}
    image = layer_of(plan)
    expected = np.mean(np.array(SKIES) * np.array(SENSITIVITIES) * scales()) * plan.grid.scale_arcsec**2
    noise = np.sqrt(SKIES[0] * PIXEL_ARCSEC2 * EXPTIME_S) / EXPTIME_S * (0.04 / 0.05) ** 2
    for exposures in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        found, error = levels(image, exposures)
        assert found == pytest.approx(expected, abs=max(4 * error, 0.1 * noise)), exposures
    unmatched = layer_of(field.plan(sky="none", equalise="none"))
    assert abs(levels(unmatched, (0,))[0] - levels(unmatched, (1,))[0]) > 1.5 * noise


@pytest.mark.parametrize("zero", ["mean", "faintest"])
def test_the_levels_are_those_that_were_put_in(field: Field, zero: str) -> None:
    plan = field.plan(sky="match", sky_zero=zero, equalise="photflam")
    image = layer_of(plan)
    truth = np.array(SKIES) * np.array(SENSITIVITIES) * scales()
    truth -= truth.mean() if zero == "mean" else truth.min()
    found = [item.sky_e_per_s_arcsec2 for item in image.inputs]
    noise = np.sqrt(max(SKIES) * PIXEL_ARCSEC2 * EXPTIME_S + READ_NOISE_E**2) / EXPTIME_S / PIXEL_ARCSEC2
    assert found == pytest.approx(np.repeat(truth, 2), abs=0.1 * noise)
    assert found[0::2] == found[1::2]
    assert image.preparation.sky == f"match to {zero}"
    assert image.preparation.n_sky_groups == 1


def test_rows_of_the_product_say_what_was_done(field: Field) -> None:
    plan = field.plan(sky="match", equalise="photflam", error=True)
    build_id = str(uuid.uuid4())
    image, headers = layer_of(plan), chip_headers(plan)
    versions = {"mvmdb": "0.1.0"}
    with transaction(field.engine) as connection:
        revision = builds.begin_build(
            connection, plan, build_id, host="here", versions=versions, directory=str(field.directory)
        )
    stamp = BuildStamp(build_id, revision, "2026-11-22T18:30:05", versions)
    staged = stage_product(field.directory, plan, image, headers, stamp)
    file = PublishedFile(str(staged.final_path), staged.sha256, staged.size_bytes)
    with transaction(field.engine) as connection:
        builds.stage_product(connection, build_id, plan=plan, image=image, file=file, revision=revision)
        builds.publish_product(connection, build_id)
    rows = field.rows(
        "select sky_e_per_s_arcsec2, sky_group, flux_scale from mvm.product_input order by context_index"
    )
    given = [(item.sky_e_per_s_arcsec2, item.sky_group, item.flux_scale) for item in image.inputs]
    assert rows == given
    assert [row[2] for row in rows] == pytest.approx(np.repeat(scales(), 2), rel=1e-9)
    ((sky, n_groups, equalisation, photflam),) = field.rows(
        "select sky, n_sky_groups, equalisation, photflam from mvm.product"
    )
    assert (sky, n_groups, equalisation) == ("match to mean", 1, "photflam")
    assert photflam == image.preparation.photflam
    ((recipe,),) = field.rows("select recipe from mvm.build")
    assert recipe["parameters"]["sky"] == "match"  # type: ignore[index]


def test_one_exposure_after_all_is_the_same_as_nothing_done(field: Field) -> None:
    plan = field.plan(sky="match", equalise="photflam")
    first = replace(plan, inputs=plan.inputs[:2])
    image = layer_of(first)
    plain = layer_of(replace(first, parameters=field.plan(sky="none", equalise="none").parameters))
    np.testing.assert_array_equal(image.science, plain.science)
    assert image.preparation.sky == "none: there is one exposure"
    assert {item.sky_group for item in image.inputs} == {0}


def test_the_error_is_that_of_the_pixels_behind_it(field: Field) -> None:
    """Sky and read noise alone, for the exposure alone; resampling makes the scatter smaller than that."""
    plan = field.plan(error=True)
    image = layer_of(replace(plan, inputs=plan.inputs[:2]))
    assert image.error is not None
    np.testing.assert_array_equal(np.isnan(image.error), image.weight == 0)
    with fits.open(field.directory / "jzst01a1q_flt.fits") as hdus:
        error_e = np.median(hdus["ERR", 1].data)
    solid = image.weight > 0.99 * np.median(image.weight[image.weight > 0])
    shares = image.error[solid] / (error_e / EXPTIME_S * (0.04 / 0.05) ** 2)
    # at best one input pixel covers the output pixel, at worst four share it
    assert 0.5 < np.percentile(shares, 1) < np.median(shares) < 1.001
