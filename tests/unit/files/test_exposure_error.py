"""The ERR extension of a chip: read when it is asked for, refused with a remedy where it cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import ExposureFileError, HeaderError
from tests.support.exposures import SyntheticExposure, read_chip


def written(folder: Path, *, kind: str = "acs_wfc") -> Path:
    """Write an exposure whose second chip has errors that differ from pixel to pixel."""
    exposure = SyntheticExposure(kind=kind)
    path = exposure.write(folder)
    if kind == "acs_wfc":
        with fits.open(path, mode="update") as hdus:
            hdus["ERR", 2].data = errors(exposure)
            for chip in (1, 2):
                hdus["ERR", chip].header["BUNIT"] = "ELECTRONS"
    return path


def errors(exposure: SyntheticExposure) -> np.ndarray:
    shape = (exposure.n_y_pix, exposure.n_x_pix)
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_errors_are_those_of_the_chip_and_only_on_demand(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_chip(path, 4).error is None
    first, second = read_chip(path, 1, with_error=True), read_chip(path, 4, with_error=True)
    np.testing.assert_array_equal(first.error, np.ones_like(first.science))
    np.testing.assert_array_equal(second.error, errors(SyntheticExposure()))
    assert second.error is not None
    assert second.error.dtype == np.float32


def test_without_errors_file_extension_and_remedy_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, kind="wfpc2")
    assert read_chip(path, 3).error is None
    with pytest.raises(ExposureFileError, match="has no extension ERR,3") as caught:
        read_chip(path, 3, with_error=True)
    assert caught.value.path == str(path)
    assert "--set error=false" in str(caught.value.hint)


def test_a_constant_array_is_its_value(tmp_path: Path) -> None:
    hdus = SyntheticExposure().hdus()
    hdus["ERR", 1].data = None
    hdus["ERR", 1].header.update({"NPIX1": 64, "NPIX2": 48, "PIXVALUE": 2.5})
    path = tmp_path / "ib6o23rtq_flt.fits"
    hdus.writeto(path)
    error = read_chip(path, 1, with_error=True).error
    assert error is not None
    assert error.shape == (48, 64)
    assert (error == 2.5).all()


def test_errors_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with fits.open(path, mode="update") as hdus:
        hdus["ERR", 1].data = np.ones((7, 9), np.float32)
    with pytest.raises(HeaderError, match="ERR has shape"):
        read_chip(path, 1, with_error=True)


def test_errors_in_another_unit_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    fits.setval(path, "BUNIT", value="COUNTS", extname="ERR", extver=2)
    with pytest.raises(HeaderError, match="of ERR is 'COUNTS', of SCI 'ELECTRONS'"):
        read_chip(path, 4, with_error=True)
