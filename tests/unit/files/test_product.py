import dataclasses
import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from mvmdb.errors import EmptyLayerError, ProductFileError
from mvmdb.files.product import (
    StagedProduct,
    discard,
    find_leftovers,
    publish,
    read_product,
    read_product_header,
    verify_product,
)
from mvmdb.records import LayerImage, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.layers import stage_product
from tests.support.product_makers import (
    BUILD_ID,
    make_chip_headers,
    make_image,
    make_plan,
    make_stamp,
)

OTHER_BUILD = "11111111-2222-4333-8444-555555555555"


def stage(
    directory: Path, plan: LayerPlan, image: LayerImage | None = None, **stamp: object
) -> StagedProduct:
    headers = make_chip_headers(plan)
    return stage_product(directory, plan, image or make_image(plan), headers, make_stamp(**stamp))


def write(directory: Path, plan: LayerPlan, image: LayerImage | None = None) -> Path:
    return Path(publish(stage(directory, plan, image)).path)


def test_file_has_the_extensions_and_types_of_the_document(tmp_path: Path) -> None:
    path = write(tmp_path, make_plan(4))
    assert path.name == "hst_skycell-p1889x07y19_acs_wfc_f606w_all_drc.fits"
    with fits.open(path, checksum=True) as hdus:  # a wrong checksum is a warning, hence an error here
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "WHT", "CTX", "HDRTAB"]
        assert [hdus[n].header["BITPIX"] for n in ("SCI", "WHT", "CTX")] == [-32, -32, 32]
        assert [hdu.ver for hdu in hdus] == [1] * 5
        assert isinstance(hdus["HDRTAB"], fits.BinTableHDU)
        for hdu in hdus:
            assert hdu.verify_checksum() == hdu.verify_datasum() == 1
            # the time of the build and not of the writing, so that equal builds give equal files
            assert hdu.header.comments["CHECKSUM"] == hdus["PRIMARY"].header["DATE"]


@pytest.mark.parametrize(("n_inputs", "context_shape"), [(32, (47, 61)), (33, (2, 47, 61))])
def test_arrays_come_back_bit_for_bit(tmp_path: Path, n_inputs: int, context_shape: tuple[int, ...]) -> None:
    plan = make_plan(n_inputs)
    image = make_image(plan)
    path = write(tmp_path, plan, image)
    product = read_product(path)
    assert product.science.tobytes() == image.science.tobytes()
    assert product.weight.tobytes() == image.weight.tobytes()
    assert product.context.tobytes() == image.context.tobytes()
    assert product.context.shape == image.context.shape
    assert (product.context < 0).any(), "bit 31 is the sign"
    assert product.header.shapes["CTX"] == context_shape
    assert product.header.shapes["HDRTAB"][0] == n_inputs == len(product.inputs)


def test_statistics_follow_from_the_written_arrays_and_table(tmp_path: Path) -> None:
    with fits.open(write(tmp_path, make_plan(35))) as hdus:
        primary, table = hdus["PRIMARY"].header, hdus["HDRTAB"].data
        weight, context = hdus["WHT"].data.astype(float), hdus["CTX"].data.astype(np.int64)
    hit = np.array([(context[row["CTXPLANE"]] >> int(row["CTXBIT"])) & 1 for row in table])
    seen = weight > 0
    exptime = np.tensordot(table["EXPTIME"], hit, axes=1)
    assert (hit.any(axis=0) == seen).all()
    assert weight == pytest.approx(0.9 * exptime, rel=1e-6)
    assert primary["NPIXFRAC"] == pytest.approx(seen.sum() / 21954**2, rel=1e-12, abs=0)
    assert primary["MEANEXPT"] == pytest.approx(exptime[seen].mean(), rel=1e-9)
    assert primary["MEDEXPT"] == pytest.approx(np.median(exptime[seen]), rel=1e-9)
    assert primary["MEANNEXP"] == pytest.approx(hit.sum(axis=0)[seen].mean(), rel=1e-12)
    assert primary["MEDNEXP"] == np.median(hit.sum(axis=0)[seen])
    assert primary["MEANWHT"] == pytest.approx(weight[seen].mean(), rel=1e-6)
    assert primary["MEDWHT"] == pytest.approx(np.median(weight[seen]), rel=1e-6)
    assert primary["NDRIZIM"] == len(table) == 35


@pytest.mark.parametrize("layer", ["acs_wfc_f606w", "wfc3_ir_f160w_coarse"])
@pytest.mark.parametrize("n_inputs", [2, 40])
def test_wcs_of_every_image_is_the_grid(tmp_path: Path, layer: str, n_inputs: int) -> None:
    plan = make_plan(n_inputs, layer=layer)
    ny, nx = plan.grid.shape
    x, y = np.array([0, nx - 1, 0, 7.25]), np.array([0, 0, ny - 1, 3.75])
    expected = SkyCoord(*plan.grid.pixel_to_sky(x, y), unit="deg")
    with fits.open(write(tmp_path, plan)) as hdus:
        for name in ("SCI", "WHT", "CTX"):
            wcs = WCS(hdus[name].header, naxis=2)
            found = wcs.pixel_to_world(x, y)
            assert found.separation(expected).arcsec.max() < 1e-8
            assert not wcs.has_distortion


@pytest.mark.parametrize("n_inputs", [3, 40])
def test_file_hash_and_size_are_those_of_the_bytes(tmp_path: Path, n_inputs: int) -> None:
    """The first rows of WHT and of both planes of CTX were never written."""
    staged = stage(tmp_path, make_plan(n_inputs))
    published = publish(staged)
    content = Path(published.path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == published.sha256 == staged.sha256
    assert len(content) == published.size_bytes
    assert len(content) % 2880 == 0


def test_equal_builds_give_equal_files(tmp_path: Path) -> None:
    first, second = (stage(tmp_path / name, make_plan(3)) for name in "ab")
    third = stage(tmp_path / "c", make_plan(3), build_id=OTHER_BUILD)
    assert first.sha256 == second.sha256 != third.sha256


def test_staged_file_is_complete_and_has_no_product_name(tmp_path: Path) -> None:
    staged = stage(tmp_path, make_plan(2))
    assert not staged.final_path.exists()
    assert staged.temporary_path.parent == staged.final_path.parent
    assert staged.temporary_path.name == f".{staged.final_path.name}.{BUILD_ID}.part"
    assert verify_product(staged.temporary_path) == []
    assert list(tmp_path.glob("*.fits")) == []
    assert find_leftovers(tmp_path) == [staged.temporary_path]


def test_publishing_replaces_the_former_product(tmp_path: Path) -> None:
    former = publish(stage(tmp_path, make_plan(2)))
    staged = stage(tmp_path, make_plan(3), build_id=OTHER_BUILD, revision=4)
    assert hashlib.sha256(Path(former.path).read_bytes()).hexdigest() == former.sha256
    published = publish(staged)
    assert published.path == former.path
    assert read_product_header(Path(published.path)).keywords["MVMREV"] == 4
    assert os.listdir(tmp_path) == [Path(published.path).name]


def test_file_and_directory_are_synced_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, list[str]]] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: synced.append((S_ISDIR(os.fstat(descriptor).st_mode), os.listdir(tmp_path))),
    )
    staged = stage(tmp_path, make_plan(2))
    publish(staged)
    assert synced == [(False, [staged.temporary_path.name]), (True, [staged.final_path.name])]


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    staged = stage(tmp_path, make_plan(2))
    discard(staged)
    discard(staged)
    assert os.listdir(tmp_path) == []
    with pytest.raises(ProductFileError, match="cannot be published"):
        publish(staged)


def test_only_staged_products_are_leftovers(tmp_path: Path) -> None:
    staged = stage(tmp_path, make_plan(2))
    for name in (".notes.part", "hst.fits.part", f".{staged.final_path.name}.part", staged.final_path.name):
        (tmp_path / name).write_bytes(b"")
    assert find_leftovers(tmp_path) == [staged.temporary_path]
    assert find_leftovers(tmp_path / "absent") == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mvmdb.files import product
from tests.unit.files.test_product import stage
from tests.support.product_makers import make_plan
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
stage(Path(sys.argv[1]), make_plan(2))
"""


def test_a_killed_build_leaves_no_product(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert find_leftovers(tmp_path) == [leftover]
    assert leftover.suffix == ".part"


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Make the kernel refuse to write beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [0, 30_000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, n_bytes: int) -> None:
    plan = make_plan(4)
    image = make_image(plan)
    with largest_file(n_bytes), pytest.raises(ProductFileError, match="cannot be written") as caught:
        stage(tmp_path, plan, image)
    assert isinstance(caught.value, OSError)
    assert os.listdir(tmp_path) == []


def test_an_unusable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ProductFileError, match="hst_skycell"):
        stage(tmp_path / "file" / "below", make_plan(2))


def test_a_layer_needs_inputs(tmp_path: Path) -> None:
    empty = dataclasses.replace(make_plan(1), inputs=())
    with pytest.raises(EmptyLayerError):
        stage_product(tmp_path, empty, make_image(make_plan(1)), [], make_stamp())


def test_headers_must_match_the_inputs(tmp_path: Path) -> None:
    plan = make_plan(3)
    with pytest.raises(ValueError, match="one chip header for each input"):
        stage_product(tmp_path, plan, make_image(plan), make_chip_headers(plan)[1:], make_stamp())
    turned = dataclasses.replace(plan, inputs=plan.inputs[::-1])
    with pytest.raises(ValueError, match="order of the context bits"):
        stage_product(tmp_path, turned, make_image(plan), make_chip_headers(plan), make_stamp())


def test_header_is_read_without_pixels(tmp_path: Path) -> None:
    header = read_product_header(write(tmp_path, make_plan(3)))
    assert header.keywords["SCELLID"] == "p1889x07y19"
    assert header.keywords["MVMBUILD"] == BUILD_ID
    assert "HISTORY" not in header.keywords
    assert any("sum over distinct exposures" in line for line in header.history)
    assert header.shapes["SCI"] == header.shapes["WHT"] == (47, 61)


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    plan = make_plan(33, extent=PixelBox(2000, 3000, 2009, 3008))
    path = write(tmp_path, plan)
    sound = path.read_bytes()
    assert verify_product(path) == []
    random = np.random.default_rng(5)
    for position in [0, len(sound) - 1, *random.integers(0, len(sound), 60)]:
        damaged = bytearray(sound)
        damaged[position] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(damaged)
        problems = verify_product(path)
        assert problems, f"byte {position}"
        assert all(str(path) in problem for problem in problems)


@pytest.mark.parametrize("n_bytes", [0, 100, 2880, -2880, -1])
def test_a_truncated_file_is_found(tmp_path: Path, n_bytes: int) -> None:
    path = write(tmp_path, make_plan(2))
    path.write_bytes(path.read_bytes()[:n_bytes])
    assert verify_product(path)


@pytest.mark.parametrize("tail", [b"x", bytes(2880)])
def test_bytes_after_the_end_are_found(tmp_path: Path, tail: bytes) -> None:
    path = write(tmp_path, make_plan(2))
    path.write_bytes(path.read_bytes() + tail)
    assert verify_product(path)


def test_a_product_must_agree_with_itself(tmp_path: Path) -> None:
    path = write(tmp_path, make_plan(4))
    with fits.open(path) as hdus:
        rows = fits.BinTableHDU(hdus["HDRTAB"].data[:3], name="HDRTAB")
        smaller = fits.ImageHDU(hdus["WHT"].data[1:], hdus["WHT"].header)
        changed = fits.HDUList([hdus["PRIMARY"], hdus["SCI"], smaller, hdus["CTX"], rows])
        for hdu in changed:
            hdu.add_checksum()
        del changed["SCI"].header["CHECKSUM"]
        changed.writeto(tmp_path / "changed.fits")
    problems = " ".join(verify_product(tmp_path / "changed.fits"))
    assert "SCI has no CHECKSUM" in problems
    assert "differ in shape" in problems
    assert "3 rows, NDRIZIM is 4" in problems
    assert "does not agree" not in problems


def test_what_is_no_product_is_refused(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    (tmp_path / "text.fits").write_text("SIMPLE is not enough")
    for name in ("image.fits", "text.fits", "absent.fits"):
        path = tmp_path / name
        assert len(verify_product(path)) == 1
        with pytest.raises(ProductFileError, match=name):
            read_product_header(path)
        with pytest.raises(ProductFileError, match=name):
            read_product(path)
