"""The mapping of a chip against two other routes: sums written out here, and stwcs on the whole file."""

from __future__ import annotations

import gzip
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.sky.sphere import tangent_sky
from tests.support.exposures import SyntheticExposure, read_chip
from tests.support.shared_data import shared_data

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package warns about its own optional parts
    from stwcs.wcsutil import HSTWCS

Floats = NDArray[np.float64]


def bilinear(table: fits.ImageHDU, x_pix: Floats, y_pix: Floats) -> Floats:
    """Distortion Paper: node i (1-based) lies at CRVAL + (i - CRPIX) CDELT from 1; ends clamped."""
    header, values = table.header, table.data.astype(float)

    def node(pixel: Floats, axis: int) -> tuple[NDArray[np.int64], Floats]:
        at = (pixel + 1 - header[f"CRVAL{axis}"]) / header[f"CDELT{axis}"] + header[f"CRPIX{axis}"] - 1
        at = np.clip(at, 0, header[f"NAXIS{axis}"] - 1)
        below = np.minimum(np.floor(at).astype(np.int64), header[f"NAXIS{axis}"] - 2)
        return below, at - below

    (i, u), (j, v) = node(x_pix, 1), node(y_pix, 2)
    lower = values[j, i] * (1 - u) + values[j, i + 1] * u
    upper = values[j + 1, i] * (1 - u) + values[j + 1, i + 1] * u
    return lower * (1 - v) + upper * v


def written_out(hdus: fits.HDUList, x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
    """D2IM, then NPOL and SIP side by side, then CD and TAN, straight from the cards."""
    header = hdus["SCI", 1].header

    def tables(kind: str, record: str, name: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        if f"{kind}1" not in header:
            return np.zeros_like(x), np.zeros_like(y)
        dx, dy = (bilinear(hdus[name, int(header[f"{record}{i}.EXTVER"])], x, y) for i in (1, 2))
        return dx, dy

    def sip(name: str, u: Floats, v: Floats) -> Floats:
        order = header.get(f"{name}_ORDER", -1)
        terms = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
        return sum((header.get(f"{name}_{i}_{j}", 0.0) * u**i * v**j for i, j in terms), np.zeros_like(u))

    dx, dy = tables("D2IMDIS", "D2IM", "D2IMARR", x_pix, y_pix)
    x, y = x_pix + dx, y_pix + dy
    u, v = x + 1 - header["CRPIX1"], y + 1 - header["CRPIX2"]
    dx, dy = tables("CPDIS", "DP", "WCSDVARR", x, y)
    u, v = u + sip("A", u, v) + dx, v + sip("B", u, v) + dy
    xi_deg, eta_deg = (header[f"CD{i}_1"] * u + header[f"CD{i}_2"] * v for i in (1, 2))
    return tangent_sky(
        np.radians(xi_deg),
        np.radians(eta_deg),
        centre_ra_deg=header["CRVAL1"],
        centre_dec_deg=header["CRVAL2"],
    )


def far_corners(n_x_pix: int, n_y_pix: int) -> tuple[Floats, Floats]:
    """Random positions with all corners of the outer edge."""
    rng = np.random.default_rng(7)
    x = np.concatenate([[-0.5, n_x_pix - 0.5, -0.5, n_x_pix - 0.5], rng.uniform(-0.5, n_x_pix - 0.5, 500)])
    y = np.concatenate([[-0.5, -0.5, n_y_pix - 0.5, n_y_pix - 0.5], rng.uniform(-0.5, n_y_pix - 0.5, 500)])
    return x, y


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("sip", [False, True])
def test_the_mapping_is_the_written_out_sum(tmp_path: Path, sip: bool, tables: bool) -> None:
    exposure = SyntheticExposure(kind="acs_wfc", sip=sip, tables=tables, dec_deg=89.999)
    x_pix, y_pix = far_corners(64, 48)
    ra_deg, dec_deg = read_chip(exposure.write(tmp_path), 1).pixel_to_sky(x_pix, y_pix)
    expected_ra_deg, expected_dec_deg = written_out(exposure.hdus(), x_pix, y_pix)

    np.testing.assert_allclose(dec_deg, expected_dec_deg, rtol=0, atol=1e-11)
    np.testing.assert_allclose(ra_deg, expected_ra_deg, rtol=0, atol=1e-6)  # a degree is 1.7e-5 wide there


def test_the_mapping_keeps_the_shape_of_the_pixel_arrays(tmp_path: Path) -> None:
    mapping = read_chip(SyntheticExposure().write(tmp_path), 1).pixel_to_sky
    y_pix, x_pix = np.mgrid[:3, :4].astype(float)

    assert [values.shape for values in mapping(x_pix, y_pix)] == [(3, 4), (3, 4)]


@pytest.mark.parametrize(
    "name",
    [
        "acs_hrc_47tuc/j8bt05njq_flt",
        "acs_wfc_47tuc_zero_pixels/j94f05bgq_flt",
        "rejects/j6gp01lzq_raw",
        "wfc3_ir_goodss/ib6o03n9q_flt",
        "wfpc2_omegacen/u40x010hm_c0m",
    ],
)
def test_real_files_map_as_hstwcs_and_the_written_out_sum_say(name: str) -> None:
    path = shared_data(f"exposures/{name}.fits.gz")
    mapping = read_chip(path, 1).pixel_to_sky
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdus = fits.open(io.BytesIO(gzip.decompress(path.read_bytes())))
        header = hdus["SCI", 1].header
        x_pix, y_pix = far_corners(header["NAXIS1"], header["NAXIS2"])
        by_library = HSTWCS(hdus, ("SCI", 1)).all_pix2world(x_pix, y_pix, 0)
        by_hand = written_out(hdus, x_pix, y_pix)

    np.testing.assert_array_equal(mapping(x_pix, y_pix), by_library)
    np.testing.assert_allclose(mapping(x_pix, y_pix), by_hand, rtol=0, atol=1e-10)
