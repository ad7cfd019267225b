"""Real ACS/HRC and WFPC2 exposures: crowded stars over four projection cells, four chips of two scales."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from tests.support.command_line import CommandLine
from tests.support.measure import centroid, decode_bits
from tests.support.shared_data import shared_data


def read(mvmdb: CommandLine, skycell: str, name: str) -> fits.HDUList:
    return fits.open(mvmdb.home / "products" / skycell / name)


def brightest(image: NDArray[np.floating], n: int, *, apart_pix: int) -> list[tuple[int, int]]:
    """Return x, y of the brightest pixels, no two within a distance, none near the border or at NaN."""
    left = np.nan_to_num(image.astype(float))
    found = []
    while len(found) < n:
        y, x = np.unravel_index(np.argmax(left), left.shape)
        stamp = image[max(y - apart_pix, 0) : y + apart_pix + 1, max(x - apart_pix, 0) : x + apart_pix + 1]
        if stamp.shape == (2 * apart_pix + 1,) * 2 and np.isfinite(stamp).all():
            found.append((int(x), int(y)))
        left[max(y - apart_pix, 0) : y + apart_pix + 1, max(x - apart_pix, 0) : x + apart_pix + 1] = 0
    return found


def test_hrc_reaches_four_projection_cells(mvmdb: CommandLine) -> None:
    mvmdb.run("ingest", shared_data("exposures/acs_hrc_47tuc"))
    cells = mvmdb.sql(
        "select distinct projection_cell from mvm.layer_member where detector = 'hrc' order by 1"
    )
    assert [cell for (cell,) in cells] == [46, 47, 73, 74]


def test_a_rule_takes_the_small_detectors_out_and_back(mvmdb: CommandLine) -> None:
    """What the reference leaves to an environment variable, without reading a file again."""
    mvmdb.run("ingest", shared_data("exposures/acs_hrc_47tuc"))
    skycell = "p0073x03y02"
    layers = mvmdb.json("layer", "list", skycell)
    n_exposures = len(mvmdb.json("exposure", "list"))
    would = mvmdb.json("exclusion", "set", "small_detector", "--exclude", "--dry-run")
    assert would["n_now_excluded"] >= 2
    assert mvmdb.json("layer", "list", skycell) == layers
    assert mvmdb.json("exclusion", "set", "small_detector", "--exclude") == would
    assert mvmdb.json("layer", "list", skycell) == []
    excluded = [row for row in mvmdb.json("exposure", "list", "--excluded") if row["detector"] == "hrc"]
    assert {row["exclusion_detail"] for row in excluded} == {"DETECTOR = 'HRC'"}
    (rule,) = [row for row in mvmdb.json("exclusion", "list") if row["code"] == "small_detector"]
    assert rule["n_excluded"] == len(excluded) == would["n_now_excluded"]
    back = mvmdb.run("exclusion", "set", "small_detector", "--include")
    assert f"{len(excluded)} enter layers" in back.stdout
    assert mvmdb.json("layer", "list", skycell) == layers
    assert len(mvmdb.json("exposure", "list")) == n_exposures
    unknown = mvmdb.run("exclusion", "set", "nonesuch", "--include", expect=2)
    assert "small_detector" in unknown.stderr


def test_hrc_stars_agree_between_filters(mvmdb: CommandLine) -> None:
    """Two visits differ by their pointing alone, a shift, once the distortion is applied."""
    mvmdb.run("ingest", shared_data("exposures/acs_hrc_47tuc"))
    skycell = "p0073x03y02"
    mvmdb.run("layer", "build", skycell)
    images = []
    for name in ("f555w", "f606w"):
        with read(mvmdb, skycell, f"hst_skycell-{skycell}_acs_hrc_{name}_all_drz.fits") as hdus:
            images.append(hdus["SCI"].data.astype(float))
    both = np.where(np.isfinite(images[1]), images[0], np.nan)
    offsets = []
    for x, y in brightest(both, 60, apart_pix=6):
        first, second = (centroid(image, x, y, radius_pix=2.5) for image in images)
        offsets.append(np.subtract(second[:2], first[:2]))
    median = np.median(offsets, axis=0)
    scatter = 1.4826 * np.median(np.abs(offsets - median), axis=0)
    assert np.hypot(*median) < 1.0  # 40 mas: guide stars
    assert np.hypot(*scatter) < 0.10, scatter  # 4 mas; up to 1.8 pixel without the distortion


def test_wfpc2_has_four_chips_in_both_scales(mvmdb: CommandLine) -> None:
    mvmdb.run("ingest", shared_data("exposures/wfpc2_omegacen"))
    ((skycell,),) = mvmdb.sql(
        "select distinct skycell from mvm.layer_member where instrument = 'WFPC2' limit 1"
    )
    results = mvmdb.json("layer", "build", skycell)
    assert {row["layer"] for row in results} == {"wfpc2_pc_f555w", "wfpc2_pc_f555w_coarse"}
    assert {row["outcome"] for row in results} == {"published"}
    inputs = mvmdb.json("provenance", f"hst_skycell-{skycell}_wfpc2_pc_f555w_all_drz.fits")
    with read(mvmdb, skycell, f"hst_skycell-{skycell}_wfpc2_pc_f555w_all_drz.fits") as hdus:
        context, table = hdus["CTX"].data, hdus["HDRTAB"].data
        assert [row["context_bit"] for row in inputs] == list(range(len(inputs)))
        assert [row["chip"] for row in inputs] == list(table["EXTVER"])
        assert len(inputs) >= 2
        for row in inputs:
            assert row["n_pixels_contributed"] == ((context >> row["context_bit"]) & 1).sum()


def test_wfpc2_chips_do_not_overlap_where_their_pyramid_is_masked(mvmdb: CommandLine) -> None:
    """Expected: a pixel in the middle of each chip has that chip's bit alone."""
    path = shared_data("exposures/wfpc2_omegacen/u40x010hm_c0m.fits.gz")
    mvmdb.run("ingest", path)
    ((skycell,),) = mvmdb.sql(
        "select distinct skycell from mvm.layer_member where instrument = 'wfpc2' limit 1"
    )
    mvmdb.run("layer", "build", skycell, "wfpc2_pc_f555w_coarse")
    name = f"hst_skycell-{skycell}_wfpc2_pc_f555w_coarse-all_drz.fits"
    bit_of_chip = {row["chip"]: row["context_bit"] for row in mvmdb.json("provenance", name)}
    with read(mvmdb, skycell, name) as hdus, fits.open(path) as exposure:
        context, wcs = hdus["CTX"].data, WCS(hdus["SCI"].header)
        for chip, bit in bit_of_chip.items():
            header = exposure["SCI", chip].header
            ra_deg, dec_deg = WCS(header).all_pix2world(430, 430, 0)
            x, y = (round(float(axis)) for axis in wcs.all_world2pix(ra_deg, dec_deg, 0))
            if 0 <= x < context.shape[1] and 0 <= y < context.shape[0]:
                assert decode_bits(context, x, y) == {bit}


@pytest.mark.parametrize("missing", ["SCI", "DQ"])
def test_real_files_are_what_the_tests_think(missing: str) -> None:
    """The WFPC2 exposure has pixels and no DQ; a change of the data would make the tests above moot."""
    with fits.open(shared_data("exposures/wfpc2_omegacen/u40x010hm_c0m.fits.gz")) as hdus:
        assert (missing in [hdu.name for hdu in hdus]) == (missing == "SCI")
