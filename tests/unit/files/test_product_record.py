"""What a product says of its making, read back: equal to what it was made of."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from astropy.io import fits

from mvmdb.errors import ProductFileError
from mvmdb.files.product import publish, verify_product
from mvmdb.files.product_record import read_record
from mvmdb.records import (
    ExcludedExposure,
    FootprintStatistics,
    InputStatistics,
    LayerImage,
    LayerPlan,
    Preparation,
)
from tests.support.layers import stage_product
from tests.support.product_makers import make_chip_headers, make_image, make_plan, make_stamp


def odd_plan() -> LayerPlan:
    """A plan whose texts have what FITS strings make hard: quotes, ampersands, runs of blanks."""
    odd = "it's  '' &  " * 9
    return dataclasses.replace(
        make_plan(35),
        parameter_set=f"a {odd} z",
        parameter_overrides={"pixfrac": 0.1 + 0.2, "sky": "none", "error": True},
        excluded=(
            ExcludedExposure("jtst09xaq", "withdrawn", f"trailed {odd}é"),
            ExcludedExposure("jtst10xaq", "spectroscopic", "OBSTYPE"),
        ),
    )


def odd_image(plan: LayerPlan) -> LayerImage:
    image = make_image(plan)
    inputs = tuple(
        InputStatistics(item.context_index, item.n_pixels_contributed, 1e-7 / 3, 2, 1 + 1e-15)
        for item in image.inputs
    )
    statistics = dataclasses.replace(image.statistics, coverage_fraction=1.2345678901234567e-05)
    footprints = FootprintStatistics(77, 1 / 3, 1e-300, 2 / 7, 1.5, 2.0)
    preparation = Preparation("match to mean", 2, "photflam", 7.1e-20 / 3)
    return dataclasses.replace(
        image, inputs=inputs, statistics=statistics, footprints=footprints, preparation=preparation
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = odd_plan()
    stamp = make_stamp(host="builder.example.org", process_id=4711)
    staged = stage_product(
        tmp_path_factory.mktemp("products"), plan, odd_image(plan), make_chip_headers(plan), stamp
    )
    return Path(publish(staged).path)


def test_record_is_what_was_built(written: Path) -> None:
    plan = odd_plan()
    image, record = odd_image(plan), read_record(written)
    assert record.product_name == plan.product_name
    assert record.recipe == plan.recipe()
    assert record.recipe_sha256 == plan.recipe_sha256()
    assert record.extent == plan.extent
    assert (record.n_y_pix, record.n_x_pix) == plan.grid.shape
    assert (record.parameter_set, record.parameter_overrides) == (
        plan.parameter_set,
        plan.parameter_overrides,
    )
    assert (record.statistics, record.footprints) == (image.statistics, image.footprints)
    assert record.preparation == image.preparation
    assert tuple(item.statistics for item in record.inputs) == image.inputs
    assert [(item.rootname, item.chip, item.file_sha256) for item in record.inputs] == [
        (item.rootname, item.chip, item.file_sha256) for item in plan.inputs
    ]
    assert record.withdrawn == plan.excluded[:1]
    stamp = make_stamp()
    assert (record.build_id, record.revision, record.versions) == (
        stamp.build_id,
        stamp.revision,
        stamp.versions,
    )
    assert (record.host, record.process_id) == ("builder.example.org", 4711)
    assert record.created_at.isoformat() == "2026-11-22T18:30:05.500000+00:00"


def test_long_keyword_is_standard_fits(written: Path) -> None:
    assert verify_product(written) == []
    header = fits.getheader(written)
    assert json.loads(header["MVMROWS"])["host"] == "builder.example.org"


def test_without_the_keyword_there_is_no_record(written: Path, tmp_path: Path) -> None:
    copy = tmp_path / written.name
    with fits.open(written) as hdus:
        del hdus[0].header["MVMROWS"]
        hdus.writeto(copy)
    with pytest.raises(ProductFileError, match="no usable provenance: KeyError") as caught:
        read_record(copy)
    assert "MVMROWS" in str(caught.value.hint)


def test_tampered_inputs_are_noticed(written: Path, tmp_path: Path) -> None:
    copy = tmp_path / written.name
    with fits.open(written) as hdus:
        hdus["HDRTAB"].data["SHA256"][3] = "f" * 64
        hdus.writeto(copy)
    with pytest.raises(ProductFileError, match="do not agree with MVMRECIP"):
        read_record(copy)
