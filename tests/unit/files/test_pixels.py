"""A few pixels of a product: the right ones, of the right file, and nothing else of it."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import ProductFileError, ProvenanceError
from mvmdb.files.pixels import ProductPixels, read_pixels
from mvmdb.files.product import publish
from mvmdb.records import LayerImage, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.layers import stage_product
from tests.support.product_makers import BUILD_ID, make_chip_headers, make_image, make_plan, make_stamp

BOX = PixelBox(30, 20, 37, 23)


def write(directory: Path, plan: LayerPlan, image: LayerImage, *, compress: bool = False) -> Path:
    headers = make_chip_headers(plan)
    staged = stage_product(directory, plan, image, headers, make_stamp(), compress=compress)
    return Path(publish(staged).path)


def read(path: Path, box: PixelBox = BOX) -> ProductPixels:
    return read_pixels(path, box, build_id=BUILD_ID, size_bytes=path.stat().st_size)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("n_inputs", [4, 32, 33, 40])
def test_pixels_are_those_that_were_written(tmp_path: Path, n_inputs: int, compress: bool) -> None:
    plan = make_plan(n_inputs)
    image = make_image(plan)
    assert n_inputs < 32 or (image.context[0] < 0).any(), "bit 31 is the sign"
    path = write(tmp_path, plan, image, compress=compress)
    rows, columns = slice(20, 23), slice(30, 37)
    found = read(path)
    assert found.science.tobytes() == image.science[rows, columns].tobytes()
    assert found.weight.tobytes() == image.weight[rows, columns].tobytes()
    assert found.context.tobytes() == image.context[:, rows, columns].tobytes()
    assert found.context.shape == (1 + (n_inputs > 32), 3, 7)
    assert found.error is None
    corner = read(path, PixelBox(60, 46, 61, 47))
    assert corner.science.tobytes() == image.science[46:, 60:].tobytes()


def test_error_is_read_where_there_is_one(tmp_path: Path) -> None:
    plan = make_plan(4)
    image = make_image(plan)
    with_error = dataclasses.replace(
        image, arrays=dataclasses.replace(image.arrays, error=np.abs(image.science) / 3)
    )
    found = read(write(tmp_path, plan, with_error))
    assert found.error is not None
    assert found.error.tobytes() == with_error.error[20:23, 30:37].tobytes()


def test_file_of_another_build_is_refused(tmp_path: Path) -> None:
    plan = make_plan(4)
    path = write(tmp_path, plan, make_image(plan))
    other = "11111111-2222-4333-8444-555555555555"
    with pytest.raises(ProvenanceError, match=f"MVMBUILD is {BUILD_ID}, the catalogue has build {other}"):
        read_pixels(path, BOX, build_id=other, size_bytes=path.stat().st_size)


def test_file_of_another_size_is_refused(tmp_path: Path) -> None:
    plan = make_plan(4)
    path = write(tmp_path, plan, make_image(plan))
    size_bytes = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(
        ProvenanceError, match=f"has {size_bytes - 2880} bytes, the catalogue says {size_bytes}"
    ):
        read_pixels(path, BOX, build_id=BUILD_ID, size_bytes=size_bytes)


def test_file_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match=r"gone\.fits: is not there") as caught:
        read_pixels(tmp_path / "gone.fits", BOX, build_id=BUILD_ID, size_bytes=1)
    assert caught.value.hint


def test_file_that_is_no_product_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.fits"
    fits.PrimaryHDU(np.zeros((60, 60))).writeto(path)
    with pytest.raises(ProductFileError, match="holds PRIMARY"):
        read(path)


def test_a_product_of_gigabytes_is_not_loaded(tmp_path: Path) -> None:
    """A file with holes: 21954 x 21954 pixels in every plane, one of them written."""
    side, path = 21954, tmp_path / "large.fits"
    x, y, written = 20_000, 15_000, {"SCI": 1.25, "WHT": 350.5, "CTX": -(2**31)}
    fits.PrimaryHDU(header=fits.Header([("MVMBUILD", BUILD_ID)])).writeto(path)
    for name, value in written.items():
        header = fits.Header([("XTENSION", "IMAGE"), ("BITPIX", 32 if name == "CTX" else -32), ("NAXIS", 2)])
        header.extend([("NAXIS1", side), ("NAXIS2", side), ("PCOUNT", 0), ("GCOUNT", 1), ("EXTNAME", name)])
        text = header.tostring().encode()
        with path.open("r+b") as file:
            start = file.seek(0, 2) + len(text)
            file.write(text)
            file.seek(start + 4 * (side * y + x))
            file.write(np.array(value, dtype=">i4" if name == "CTX" else ">f4").tobytes())
            file.truncate(start + -(-4 * side * side // 2880) * 2880)
    table = fits.BinTableHDU.from_columns([fits.Column("ROOTNAME", "9A", array=["jtst00aaq"])], name="HDRTAB")
    fits.append(path, table.data, table.header, verify=False)
    assert path.stat().st_size > 5e9
    tracemalloc.start()
    found = read(path, PixelBox(x - 1, y - 1, x + 2, y + 2))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5e6
    assert (found.science[1, 1], found.weight[1, 1], found.context[0, 1, 1]) == tuple(written.values())
    assert np.count_nonzero(found.science) == np.count_nonzero(found.context) == 1
