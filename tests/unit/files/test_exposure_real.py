"""Every real exposure of the shared data: facts typed from its header, outlines against each edge pixel."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from mvmdb.files.exclusion import is_serious
from mvmdb.files.exposure import read_exposure
from mvmdb.records import ChipFacts, ExposureFacts
from mvmdb.sky.footprint import ring_area_sr
from mvmdb.sky.sphere import tangent_plane
from tests.support.shared_data import shared_data

Floats = NDArray[np.float64]

GOODS = "wfc3_ir_goodss"
FULL_SIZE = "headers_fullsize_zero_pixels"

# folder, file: detector, filter, EXPTIME, EXPSTART, PROPOSID, WCSNAME
EXPOSURES: dict[tuple[str, str], tuple[str, str, float, float, int, str | None]] = {
    ("acs_hrc_47tuc", "j8bt05njq_flt"): (
        "acs_hrc", "f555w", 60.0, 52377.76152356, 9019, "IDC_n721640fj"),
    ("acs_hrc_47tuc", "j8bt06o6q_flt"): (
        "acs_hrc", "f606w", 60.0, 52377.89356059, 9019, "IDC_n721640fj"),
    ("acs_wfc_47tuc_zero_pixels", "j94f05bgq_flt"): (
        "acs_wfc", "f606w", 400.0, 53436.28571938, 10368, "IDC_0461802ej"),
    ("acs_wfc_47tuc_zero_pixels", "j9irw1rqq_flt"): (
        "acs_wfc", "f606w", 339.0, 53699.00667278, 10737, "IDC_0461802ej"),
    (FULL_SIZE, "sample_flc_header.full"): (
        "acs_wfc", "f814w", 450.0, 56112.82084112, 12546, "IDC_4bb1536cj-FIT_IMG_GAIAeDR3"),
    (FULL_SIZE, "sample_ipppssoot_flc.full"): (
        "wfc3_uvis", "f555w", 1.0, 55611.02640872, 11665, "IDC_2731450pi-FIT_REL_GAIAeDR3"),
    (FULL_SIZE, "sample_ipppssoot_flt.full"): (
        "wfc3_ir", "f110w", 699.232483, 55611.11275703, 11665, "IDC_w3m18525i-FIT_REL_GAIAeDR3"),
    (FULL_SIZE, "sample_svm_flc.full"): (
        "wfc3_uvis", "f555w", 170.0, 55611.02794798, 11665, "IDC_2731450pi-FIT_SVM_GAIAeDR3"),
    (FULL_SIZE, "sample_svm_flt.full"): (
        "wfc3_ir", "f110w", 699.232483, 55611.11275703, 11665, "IDC_w3m18525i-FIT_SVM_GAIAeDR3"),
    ("rejects", "ib6o23rsq_flt"): (
        "wfc3_ir", "g141", 1102.935669, 55107.613857480865, 11359, "IDC_w3m18525i"),
    ("rejects", "j6gp01lzq_raw"): (
        "acs_hrc", "f550m", 5.0, 53389.62425991, 9059, None),
    (GOODS, "ib6o03n9q_flt"): ("wfc3_ir", "f125w", 802.934753, 55093.63386896369, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o03nbq_flt"): ("wfc3_ir", "f125w", 902.935059, 55093.64400785274, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o03nmq_flt"): ("wfc3_ir", "f125w", 902.935059, 55093.70853341274, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o04tuq_flt"): ("wfc3_ir", "f125w", 802.934753, 55101.4914382237, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o04twq_flt"): ("wfc3_ir", "f125w", 902.935059, 55101.501577112744, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o04u7q_flt"): ("wfc3_ir", "f125w", 802.934753, 55101.553371193695, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o04ueq_flt"): ("wfc3_ir", "f125w", 902.935059, 55101.57364896274, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o23rtq_flt"): ("wfc3_ir", "f140w", 202.932922, 55107.627017139326, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o23rwq_flt"): ("wfc3_ir", "f140w", 202.932922, 55107.64227157932, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o23rzq_flt"): ("wfc3_ir", "f140w", 202.932922, 55107.69039676933, 11359, "IDC_w3m18525i"),
    (GOODS, "ib6o23s2q_flt"): ("wfc3_ir", "f140w", 202.932922, 55107.705651209326, 11359, "IDC_w3m18525i"),
    ("wfpc2_omegacen", "u40x010hm_c0m"): (
        "wfpc2_pc", "f555w", 100.0, 50612.47933522, 6941, "IDC_sad1946fu"),
}  # fmt: skip
ROOTNAMES = {
    "sample_flc_header.full": "jbt122x8q",
    "sample_ipppssoot_flc.full": "ib4606c5q",
    "sample_ipppssoot_flt.full": "ib4606cpq",
    "sample_svm_flc.full": "ib4606c6q",
    "sample_svm_flt.full": "ib4606cpq",
}
# unit, gains of the chips, IDCSCALE of the chips, pixels of a chip
CHIPS: dict[str, tuple[str, list[float], list[float], tuple[int, int]]] = {
    "acs_hrc": ("ELECTRONS", [1.0], [0.025], (1024, 1024)),
    "acs_wfc": ("ELECTRONS", [1.0, 1.0], [0.05, 0.05], (4096, 2048)),
    "wfc3_uvis": ("ELECTRONS", [1.0, 1.0], [0.03962000086903572] * 2, (4096, 2051)),
    "wfc3_ir": ("ELECTRONS/S", [1.0], [0.1282500028610229], (1014, 1014)),
    "wfpc2_pc": ("COUNTS", [7.12, 7.12, 6.90, 7.10], [0.045532, 0.09959, 0.09957, 0.099618], (800, 800)),
}

# files of 160 MB, a second each: one of ACS/WFC and one of WFC3/UVIS will do
TWINS = {"j94f05bgq_flt", "j9irw1rqq_flt", "sample_ipppssoot_flc.full"}

exposures = pytest.mark.parametrize(("folder", "name"), EXPOSURES)


@functools.cache
def read(path: Path) -> ExposureFacts:
    return read_exposure(path)


@exposures
def test_the_facts_are_those_of_the_header(folder: str, name: str) -> None:
    facts = read(shared_data(f"exposures/{folder}/{name}.fits.gz"))
    layer, filter_name, exptime_s, start_mjd, proposal_id, wcsname = EXPOSURES[folder, name]

    assert facts.rootname == ROOTNAMES.get(name, name[:9])
    assert f"{facts.instrument}_{facts.detector}" == layer
    assert (facts.filter, facts.exptime_s, facts.start_mjd) == (filter_name, exptime_s, start_mjd)
    assert (facts.proposal_id, facts.wcsname) == (proposal_id, wcsname)
    assert facts.file_type in name
    # up to a minute of overheads; the shortest exposure ends 0.03 s early
    assert -0.1 < (facts.end_mjd - facts.start_mjd) * 86400 - exptime_s < 70


@exposures
def test_the_chips_are_those_of_the_detector(folder: str, name: str) -> None:
    facts = read(shared_data(f"exposures/{folder}/{name}.fits.gz"))
    if name.endswith("_raw"):
        assert [(c.bunit, c.gain_e_per_dn, c.n_x_pix, c.n_y_pix) for c in facts.chips] == [
            ("COUNTS", 4.0, 1062, 1044)
        ]
        return
    bunit, gains, scales_arcsec, size = CHIPS[f"{facts.instrument}_{facts.detector}"]

    assert {c.bunit for c in facts.chips} == {bunit}
    assert [c.chip for c in facts.chips] == list(range(1, len(gains) + 1))
    assert [c.gain_e_per_dn for c in facts.chips] == gains
    assert [c.pixel_scale_arcsec for c in facts.chips] == scales_arcsec
    assert {(c.n_x_pix, c.n_y_pix) for c in facts.chips} == {size}


@exposures
def test_serious_findings_are_those_of_the_rejects(folder: str, name: str) -> None:
    findings = read(shared_data(f"exposures/{folder}/{name}.fits.gz")).findings
    serious = next((finding for finding in findings if is_serious(finding)), None)
    expected = {
        "ib6o23rsq_flt": ("spectroscopic", "OBSTYPE = 'SPECTROSCOPIC'"),
        "j6gp01lzq_raw": ("moving_target", "MTFLAG = 'T'"),
    }

    assert (serious and (serious.code, serious.detail)) == expected.get(name)


@pytest.mark.parametrize(("folder", "name"), [key for key in EXPOSURES if key[1] not in TWINS])
def test_outlines_lie_within_a_tenth_of_a_pixel_of_every_edge_pixel(folder: str, name: str) -> None:
    path = shared_data(f"exposures/{folder}/{name}.fits.gz")
    facts = read(path)
    encoded = gzip.decompress(path.read_bytes())
    assert facts.file_sha256 == hashlib.sha256(encoded).hexdigest()
    with warnings.catch_warnings(), fits.open(io.BytesIO(encoded)) as hdus:
        warnings.simplefilter("ignore")
        for chip in facts.chips:
            wcs = WCS(hdus["SCI", chip.chip].header, hdus)
            assert chip.hdu_index == hdus.index_of(("SCI", chip.chip))
            assert 4 <= len(chip.footprint) <= 40
            from_polygon_pix, from_edge_pix = deviations_pix(chip, wcs)
            assert from_polygon_pix < 0.1
            assert from_edge_pix < 0.005
            # what a strip as wide as the tolerance along the edge would make
            strip = 0.08 * 2 * (1 / chip.n_x_pix + 1 / chip.n_y_pix)
            assert ring_area_sr(chip.footprint) == pytest.approx(sum_of_block_areas_sr(chip, wcs), rel=strip)


def deviations_pix(chip: ChipFacts, wcs: Any) -> tuple[float, float]:
    """Largest distance from an edge pixel to the polygon, and from a vertex to the edge, in local pixels."""
    x, y = edge_pixels(chip.n_x_pix, chip.n_y_pix)
    ring = np.array(chip.footprint)

    def in_plane(ra_deg: Floats, dec_deg: Floats) -> Floats:
        centre = {"centre_ra_deg": ring[0, 0], "centre_dec_deg": ring[0, 1]}
        return np.stack(tangent_plane(ra_deg, dec_deg, **centre), axis=-1)

    edge = in_plane(*wcs.all_pix2world(x, y, 0))
    pixel = np.hypot(*np.diff(edge, axis=0).T)
    polygon, vertices = shapely.LinearRing(in_plane(*ring.T)), shapely.points(in_plane(*ring.T))
    from_polygon = shapely.distance(polygon, shapely.points(edge[:-1])) / pixel
    from_edge = shapely.distance(shapely.LinearRing(edge[:-1]), vertices) / pixel.min()
    return float(from_polygon.max()), float(from_edge.max())


def edge_pixels(n_x: int, n_y: int) -> tuple[Floats, Floats]:
    """Every pixel boundary along the edge, around once, closed."""
    right, up = np.arange(n_x) - 0.5, np.arange(n_y) - 0.5
    x = np.concatenate([right, np.full(n_y, n_x - 0.5), right[::-1] + 1, np.full(n_y, -0.5), [-0.5]])
    y = np.concatenate([np.full(n_x, -0.5), up, np.full(n_x, n_y - 0.5), up[::-1] + 1, [-0.5]])
    return x, y


def sum_of_block_areas_sr(chip: ChipFacts, wcs: Any) -> float:
    """Sum of the areas of flat quadrilaterals of about 16 x 16 pixels."""
    x, y = (np.linspace(-0.5, n - 0.5, math.ceil(n / 16) + 1) for n in (chip.n_x_pix, chip.n_y_pix))
    ra, dec = np.radians(wcs.all_pix2world(*np.meshgrid(x, y), 0))
    corner = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    across = np.cross(corner[1:, 1:] - corner[:-1, :-1], corner[1:, :-1] - corner[:-1, 1:])
    return float(np.linalg.norm(across, axis=-1).sum() / 2)
