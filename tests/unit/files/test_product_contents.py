"""What a product says of its chips, its errors and its sky; other programs open it."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.files.drafts import product_draft
from mvmdb.files.product import publish, read_product, verify_product
from mvmdb.records import (
    DrizzleParameters,
    FootprintStatistics,
    InputStatistics,
    LayerArrays,
    LayerImage,
    LayerPlan,
    Preparation,
)
from mvmdb.sky.footprint import ring_area_sr
from mvmdb.sky.grid import PixelBox
from mvmdb.sky.region import parse_region
from tests.support.layers import stage_product
from tests.support.product_makers import make_chip_headers, make_image, make_plan, make_stamp, with_input

TINY = PixelBox(2000, 3000, 2012, 3011)


def write(
    directory: Path, plan: LayerPlan, image: LayerImage, headers: list[dict[str, object]] | None = None
) -> Path:
    staged = stage_product(directory, plan, image, headers or make_chip_headers(plan), make_stamp())
    return Path(publish(staged).path)


def with_error(plan: LayerPlan) -> LayerImage:
    image = make_image(plan)
    return dataclasses.replace(
        image, arrays=dataclasses.replace(image.arrays, error=np.abs(image.science) / 3)
    )


def test_error_extension_stands_after_the_weights(tmp_path: Path) -> None:
    plan = make_plan(2)
    image = with_error(plan)
    path = write(tmp_path, plan, image)
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "WHT", "ERR", "CTX", "HDRTAB"]
        assert hdus[0].header["NEXTEND"] == 5 == len(hdus) - 1
        assert hdus["ERR"].header["BUNIT"] == hdus["SCI"].header["BUNIT"]
        assert hdus["ERR"].header["CRPIX1"] == hdus["SCI"].header["CRPIX1"]
    assert read_product(path).error.tobytes() == image.error.tobytes()
    assert verify_product(path) == []


def test_without_error_there_is_no_extension(tmp_path: Path) -> None:
    plan = make_plan(2)
    path = write(tmp_path, plan, make_image(plan))
    assert read_product(path).error is None
    assert fits.getval(path, "NEXTEND") == 4


def test_a_wrong_nextend_is_found(tmp_path: Path) -> None:
    plan = make_plan(2)
    path = write(tmp_path, plan, with_error(plan))
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["NEXTEND"] = 4
        hdus[0].add_checksum()
    assert any("NEXTEND is 4" in problem for problem in verify_product(path))


@pytest.mark.parametrize("n_inputs", [4, 70])
@pytest.mark.parametrize("make", [make_image, with_error])
def test_fitsverify_finds_no_error(tmp_path: Path, make: object, n_inputs: int) -> None:
    program = shutil.which("fitsverify")
    if program is None:
        pytest.skip("fitsverify is not installed")
    plan = make_plan(n_inputs)
    path = write(tmp_path, plan, make(plan))
    result = subprocess.run([program, "-e", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert " 0 error(s)" in result.stdout


def test_cfitsio_reads_the_same(tmp_path: Path) -> None:
    fitsio = pytest.importorskip("fitsio", reason="fitsio is not installed")
    plan = make_plan(40)
    path = write(tmp_path, plan, with_error(plan))
    product = read_product(path)
    with fitsio.FITS(str(path)) as hdus:
        assert hdus["SCI"].read().tobytes() == product.science.tobytes()
        assert hdus["ERR"].read().tobytes() == product.error.tobytes()
        assert (hdus["CTX"].read() == product.context).all()
        table = hdus["HDRTAB"].read()
        assert [name.strip() for name in table["ROOTNAME"]] == [chip.rootname for chip in plan.inputs]
        assert hdus["SCI"].read_header()["S_REGION"].startswith("POLYGON ICRS ")


def test_drizzle_keywords_of_every_chip(tmp_path: Path) -> None:
    plan = with_input(make_plan(3), 1, pixel_scale_arcsec=0.1)
    headers = [dict(header) for header in make_chip_headers(plan)]
    headers[2] = {k: v for k, v in headers[2].items() if k != "A_ORDER"} | {
        "CPDIS1": "LOOKUP",
        "D2IMDIS1": "LOOKUP",
    }
    header = fits.getheader(write(tmp_path, plan, make_image(plan), headers))
    names = [
        "VER",
        "GEOM",
        "DATA",
        "DEXP",
        "OUDA",
        "OUWE",
        "OUCO",
        "MASK",
        "WTSC",
        "KERN",
        "PIXF",
        "COEF",
        "OUUN",
        "FVAL",
        "WKEY",
        "SCAL",
        "ISCL",
    ]
    found = [keyword for keyword in header if keyword[0] == "D" and keyword[1:4].isdigit()]
    assert found == [f"D{k:03d}{name}" for k in (1, 2, 3) for name in names]
    assert header["D002DATA"] == f"{plan.inputs[1].rootname}_flc.fits[sci,2]"
    assert [header[f"D{k:03d}DEXP"] for k in (1, 2, 3)] == [100.0, 100.0, 110.0]
    assert [header[f"D{k:03d}ISCL"] for k in (1, 2, 3)] == [0.05, 0.1, 0.05]
    assert [header[f"D{k:03d}COEF"] for k in (1, 2, 3)] == ["SIP", "SIP", "NPOL+D2IM"]
    assert header["D003MASK"] == "DQ, bits 80 ignored"
    assert header["D001VER"] == plan.engine


def test_beyond_999_chips_hdrtab_has_them(tmp_path: Path) -> None:
    plan = make_plan(1002, extent=TINY)
    path = write(tmp_path, plan, make_image(plan))
    header = fits.getheader(path)
    assert "D999ISCL" in header
    assert not [keyword for keyword in header if keyword.startswith("D1000")]
    assert "The last 3 chips have no D keywords" in " ".join(header["HISTORY"])
    assert fits.getval(path, "NAXIS2", "HDRTAB") == 1002 == header["NDRIZIM"]
    assert verify_product(path) == []


@pytest.mark.parametrize(
    ("bunit", "gain", "expected"),
    [
        ("ELECTRONS", 1.0, 0.4 * 0.05**2 / 2 * 100),
        ("ELECTRONS/S", 1.0, 0.4 * 0.05**2 / 2),
        ("COUNTS", 7.0, 0.4 * 0.05**2 / 2 * 100 / 7),
        ("COUNTS/S", 7.0, 0.4 * 0.05**2 / 2 / 7),
    ],
)
def test_sky_is_stated_in_the_unit_of_the_exposure(
    tmp_path: Path, bunit: str, gain: float, expected: float
) -> None:
    """0.4 e-/s per square arcsec were subtracted after the rates were doubled; a pixel is 0.05 arcsec."""
    plan = with_input(make_plan(2), 0, bunit=bunit, gain_e_per_dn=gain)
    done = (InputStatistics(0, 9, 0.4, 2, 2.0), InputStatistics(1, 8))
    path = write(tmp_path, plan, dataclasses.replace(make_image(plan), inputs=done))
    rows = read_product(path).inputs
    assert [row["MDRIZSKY"] for row in rows] == pytest.approx([expected, 0])
    assert fits.getval(path, "MDRIZSKY", "SCI") == pytest.approx(expected / 2)
    assert [row["FLUXSCAL"] for row in rows] == [2, 1]
    assert [row["SKYGROUP"] for row in rows] == [2, 0]
    assert [row["NPIXCONT"] for row in rows] == [9, 8]


def test_preparation_and_parameters_are_stated(tmp_path: Path) -> None:
    plan = dataclasses.replace(
        make_plan(2),
        parameter_set="hap pixfrac=0.8",
        parameters=DrizzleParameters(pixfrac=0.8, sky="match", sky_zero="faintest", equalise="photflam"),
    )
    image = dataclasses.replace(
        make_image(plan), preparation=Preparation("match to faintest", 3, "photflam", 5e-19)
    )
    headers = [{**header, "PHOTFNU": 1.0} for header in make_chip_headers(plan)]
    path = write(tmp_path, plan, image, headers)
    primary, science = fits.getheader(path), fits.getheader(path, "SCI")
    assert (primary["MVMSKY"], primary["MVMSKYGR"], primary["MVMEQUAL"]) == (
        "match to faintest",
        3,
        "photflam",
    )
    assert (primary["MVMPARAM"], primary["DRZPIXFR"]) == ("hap pixfrac=0.8", 0.8)
    assert (primary["DRZSKY"], primary["DRZSKYZ"], primary["DRZEQUAL"]) == ("match", "faintest", "photflam")
    assert science["PHOTFLAM"] == 5e-19
    # f_nu = f_lambda lambda^2 / c: 5e-19 erg/s/cm2/A at 5921 A
    assert science["PHOTFNU"] == pytest.approx(5e-19 * 5921.0**2 / 2.99792458e18 * 1e23, rel=1e-9)


def test_statistics_by_outlines_stand_beside_those_of_the_arrays(tmp_path: Path) -> None:
    plan = make_plan(2)
    image = make_image(plan)
    assert "FPTFRAC" not in fits.getheader(write(tmp_path / "a", plan, image))
    outlines = FootprintStatistics(7, 0.25, 101.0, 102.0, 1.5, 2.0)
    header = fits.getheader(write(tmp_path / "b", plan, dataclasses.replace(image, footprints=outlines)))
    names = ("FPTFRAC", "FPTMEXPT", "FPTMDEXP", "FPTMNEXP", "FPTMDNEX")
    assert [header[name] for name in names] == [0.25, 101.0, 102.0, 1.5, 2.0]
    assert header["NPIXFRAC"] == pytest.approx(image.statistics.coverage_fraction, rel=1e-14, abs=0)


def test_outline_is_that_of_the_weights(tmp_path: Path) -> None:
    plan = make_plan(2)  # a random two thirds of the pixels of the upper three quarters
    image = make_image(plan)
    weight = np.zeros_like(image.weight)
    weight[10:40, 5:50] = 1
    arrays = dataclasses.replace(image.arrays, weight=weight)
    path = write(tmp_path, plan, dataclasses.replace(image, arrays=arrays))
    (ring,) = parse_region(fits.getval(path, "S_REGION", "SCI"))
    header = fits.getheader(path, "SCI")
    true_pixel_sr = np.radians(0.04 / 3600) ** 2 * header["MVMPXARE"]
    assert ring_area_sr(ring) == pytest.approx(30 * 45 * true_pixel_sr, rel=1e-4)


def test_pixels_make_room_for_a_long_outline(tmp_path: Path) -> None:
    """Four hundred islands: more S_REGION than the file had room for when its pixels were drawn."""
    plan = make_plan(2, extent=PixelBox(2000, 3000, 2600, 3600))
    weight = np.zeros((600, 600), dtype=np.float32)
    for y, x in np.ndindex(20, 20):
        weight[30 * y : 30 * y + 20, 30 * x : 30 * x + 20] = 1 + x
    science = np.arange(600 * 600, dtype=np.float32).reshape(600, 600)
    context = weight.astype(np.int32)[np.newaxis]
    image = dataclasses.replace(make_image(make_plan(2)), arrays=LayerArrays(science, weight, context))
    path = write(tmp_path, plan, image)
    assert len(parse_region(fits.getval(path, "S_REGION", "SCI"))) == 400
    product = read_product(path)
    np.testing.assert_array_equal(product.science, science)
    np.testing.assert_array_equal(product.weight, weight)
    np.testing.assert_array_equal(product.context, context)
    assert verify_product(path) == []


def test_rows_can_be_read_before_the_file_is_finished(tmp_path: Path) -> None:
    """Rows of half a piece wait in memory for the rest of it, until they are wanted."""
    plan = make_plan(2, extent=PixelBox(2000, 3000, 2700, 3900))
    box = plan.grid.box
    values = np.random.default_rng(8).normal(size=box.shape).astype(np.float32)
    image = LayerArrays(values, values + 1, values.astype(np.int32)[np.newaxis])
    with product_draft(tmp_path, plan, make_chip_headers(plan), make_stamp()) as draft:
        for rows in (slice(431, 900), slice(0, 431)):
            part = LayerArrays(image.science[rows], image.weight[rows], image.context[:, rows])
            draft.pixels.write(rows.start, part)
            draft.pixels.flush()
            np.testing.assert_array_equal(draft.arrays.weight[rows], image.weight[rows])
        np.testing.assert_array_equal(draft.arrays.science, image.science)
        np.testing.assert_array_equal(draft.arrays.context, image.context)


@pytest.mark.parametrize("n_chips", [1, 70])
def test_headers_are_as_long_as_foreseen(tmp_path: Path, n_chips: int) -> None:
    """Three blocks of blank cards are left for S_REGION, which takes less than one here."""
    plan = make_plan(n_chips)
    cards = fits.getheader(write(tmp_path, plan, make_image(plan)), "SCI").cards
    assert 2 * 36 <= sum(not card.image.strip() for card in cards) <= 3 * 36
