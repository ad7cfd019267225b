"""Compressed products: the same bits and keywords for every reader, in fewer bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.errors import ProductFileError
from mvmdb.files.compressed import compress_product, image_array
from mvmdb.files.product import (
    ProductHeader,
    find_leftovers,
    image_arrays,
    publish,
    read_product,
    read_product_header,
    science_array,
    verify_product,
)
from mvmdb.files.product_record import read_record
from mvmdb.files.stored_layer import stored_layer
from mvmdb.records import LayerImage, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.layers import stage_product
from tests.support.product_makers import make_chip_headers, make_image, make_plan, make_stamp

WIDE = PixelBox(2132, 10281, 2132 + 523, 10281 + 290)
"""Three tiles by two, those at the edges narrower."""
IMAGES = ("SCI", "WHT", "ERR", "CTX")
ODD_BITS = (0x7FC00000, 0x7FA00001, 0xFFC12345, 0x80000000, 0x7F800000, 0xFF800000, 0x00000001)
"""NaN, signalling NaN, NaN with a payload, -0, both infinities, the smallest number."""


def make_wide(n_inputs: int = 33) -> tuple[LayerPlan, LayerImage]:
    """Return a layer of six tiles, the first unobserved, with odd numbers, and with errors."""
    plan = make_plan(n_inputs, extent=WIDE)
    image = make_image(plan)
    image.science[:256, :256] = np.nan
    image.weight[:256, :256] = 0
    image.context[:, :256, :256] = 0
    error = np.abs(image.science) / 3
    image.science.view("u4")[280, : len(ODD_BITS)] = ODD_BITS
    return plan, replace(image, arrays=replace(image.arrays, error=error))


def write(
    directory: Path, plan: LayerPlan, image: LayerImage, *, compress: bool = True, n_threads: int = 2
) -> Path:
    staged = stage_product(
        directory, plan, image, make_chip_headers(plan), make_stamp(), compress=compress, n_threads=n_threads
    )
    return Path(publish(staged).path)


def expected(image: LayerImage) -> dict[str, NDArray[np.generic]]:
    """Return the images by name, as they were before anything was written."""
    assert image.error is not None
    return dict(zip(IMAGES, (image.science, image.weight, image.error, image.context), strict=True))


def bits(array: NDArray[np.generic]) -> bytes:
    """Return the bits of 32-bit pixels, of whatever byte order, as they are in FITS."""
    return array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("n_inputs", [4, 33])
def test_every_reader_finds_the_same_bits(tmp_path: Path, n_inputs: int) -> None:
    plan, image = make_wide(n_inputs)
    path = write(tmp_path, plan, image)
    with fits.open(path) as by_astropy, fitsio.FITS(str(path)) as by_cfitsio, image_arrays(path) as by_name:
        for name, array in expected(image).items():
            assert isinstance(by_astropy[name], fits.CompImageHDU)
            assert bits(by_astropy[name].data) == bits(array)
            assert bits(by_cfitsio[name].read()) == bits(array)
            assert name == "CTX" or bits(by_name[name]) == bits(array)
    product = read_product(path)
    found = (product.science, product.weight, product.error, product.context)
    for array, other in zip(found, expected(image).values(), strict=True):
        assert array is not None
        assert bits(array) == bits(other)
    with stored_layer(path) as layer, science_array(path) as science:
        arrays = layer.read(PixelBox(0, 0, *image.weight.shape[::-1]))
        assert arrays.context.shape == image.context.shape
        assert bits(arrays.context) == bits(image.context)
        assert bits(arrays.science) == bits(science) == bits(image.science)


def comparable(header: ProductHeader) -> ProductHeader:
    """Return a header without its blank cards, which are room that only a plain product needs."""
    return replace(header, science={name: value for name, value in header.science.items() if name})


def test_headers_are_those_of_the_plain_product(tmp_path: Path) -> None:
    plan, image = make_wide()
    paths = {
        name: write(tmp_path / name, plan, image, compress=name == "small") for name in ("plain", "small")
    }
    with fits.open(paths["plain"]) as plain, fits.open(paths["small"]) as small:
        assert [hdu.name for hdu in plain] == [hdu.name for hdu in small]
        for one, other in zip(plain, small, strict=True):
            assert fits.HeaderDiff(one.header, other.header).identical
        assert bytes(plain["HDRTAB"].data) == bytes(small["HDRTAB"].data)
    assert comparable(read_product_header(paths["plain"])) == comparable(read_product_header(paths["small"]))
    assert read_record(paths["plain"]) == read_record(paths["small"])


def test_checksums_hold_for_the_table_and_for_the_image_in_it(tmp_path: Path) -> None:
    plan, image = make_wide()
    path = write(tmp_path, plan, image)
    # a wrong checksum is a warning, hence an error here
    with fits.open(path, checksum=True, disable_image_compression=True) as tables:
        for hdu in tables:
            assert hdu.verify_checksum() == hdu.verify_datasum() == 1
            assert hdu.header.comments["CHECKSUM"] == tables["PRIMARY"].header["DATE"]
        for name, array in expected(image).items():
            bare = fits.ImageHDU(array.squeeze())
            bare.add_datasum()
            assert tables[name].header["ZDATASUM"] == bare.header["DATASUM"]
    assert verify_product(path) == []


def test_fitsverify_finds_what_it_finds_in_a_plain_product(tmp_path: Path) -> None:
    program = shutil.which("fitsverify")
    if program is None:
        pytest.skip("fitsverify is not installed")
    plan, image = make_wide()
    verdicts = []
    for name in ("plain", "small"):
        path = write(tmp_path / name, plan, image, compress=name == "small")
        report = subprocess.run([program, path], capture_output=True, text=True, check=False).stdout
        verdicts.append(re.findall(r"Verification found .* error", report) + re.findall(r"\*\*\* .*", report))
    assert verdicts[0] == verdicts[1] != []
    assert " 0 error" in verdicts[0][0]


def test_threads_do_not_change_the_file(tmp_path: Path) -> None:
    plan, image = make_wide()
    alone, together = (write(tmp_path / str(n), plan, image, n_threads=n) for n in (1, 4))
    assert alone.read_bytes() == together.read_bytes()
    assert sorted(tmp_path.rglob("*.fits")) == [alone, together]
    assert find_leftovers(alone.parent) == []


def test_sky_without_exposures_takes_almost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.fits"
    images = [
        fits.ImageHDU(np.full((2560, 2560), np.nan, dtype=np.float32), name="SCI"),
        fits.ImageHDU(np.zeros((2, 2560, 2560), dtype=np.int32), name="CTX"),
    ]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    plain_bytes = path.stat().st_size
    compress_product(path, "2026-11-23", n_threads=1)
    assert path.stat().st_size < plain_bytes / 600
    with fits.open(path) as hdus:
        assert np.isnan(hdus["SCI"].data).all()
        assert not hdus["CTX"].data.any()


def test_memory_is_that_of_some_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvmdb.files.checksum._SUM_WORDS", 1 << 16)  # else 34 MB, whatever the size
    path = tmp_path / "large.fits"
    random = np.random.default_rng(1).normal(size=(2560, 1500)).astype(np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(random, name="SCI")]).writeto(path)
    tracemalloc.start()
    compress_product(path, "2026-11-23", n_threads=1)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < random.nbytes / 4
    with fits.open(path) as hdus:
        assert bits(hdus["SCI"].data) == bits(random)


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_images_that_others_compressed_are_read(tmp_path: Path, compression: str) -> None:
    """astropy has tiles of one row, 32-bit descriptors, and quantises floats where it is let."""
    counts = np.arange(30 * 500, dtype=np.int32).reshape(30, 500) % 97
    floats = np.random.default_rng(2).normal(100, 1, (40, 300)).astype(np.float32)
    hdus = [
        fits.CompImageHDU(counts, name="CTX", compression_type=compression),
        fits.CompImageHDU(floats, name="SCI", compression_type=compression, quantize_level=16),
    ]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "other.fits")
    with fits.open(tmp_path / "other.fits") as hdus:
        assert bits(image_array(hdus["CTX"])) == bits(counts)
        assert image_array(hdus["SCI"]) == pytest.approx(floats, abs=0.2)


def test_any_damage_is_found(tmp_path: Path) -> None:
    plan, image = make_wide(4)
    path = write(tmp_path, plan, image)
    sound = path.read_bytes()
    random = np.random.default_rng(3)
    for position in random.integers(0, len(sound), 20).tolist():
        damaged = bytearray(sound)
        damaged[position] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(damaged)
        assert verify_product(path), f"byte {position}"
        with suppress(ProductFileError):  # and no other error
            read_product(path)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ZNAXIS1", "300"),
        ("ZNAXIS2", "900"),
        ("ZTILE1", "100"),
        ("TFORM1", "'1PB(9)'"),
    ],
)
def test_a_wrong_description_of_tiles_is_said(tmp_path: Path, keyword: str, value: str) -> None:
    plan, image = make_wide(4)
    path = write(tmp_path, plan, image)
    content = path.read_bytes()
    start = content.index(f"{keyword:8}=".encode()) + 10
    path.write_bytes(content[:start] + value.ljust(20).encode() + content[start + 20 :])
    assert verify_product(path)
    with pytest.raises(ProductFileError, match=path.name):
        read_product(path)
