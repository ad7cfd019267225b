"""Stars at known places and a constant sky, put through the full distortion of real ACS/WFC headers.

The exposures have SIP, NPOL and D2IM; the sky positions and fluxes are the truth, and the product is
measured by centroids on its own WCS.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from mvmdb.simulate.exposure import inject_stars
from tests.support.command_line import CommandLine
from tests.support.measure import centroid
from tests.support.shared_data import shared_data

ROOTNAMES = ("j94f05bgq", "j9irw1rqq")
FLUX_E_S = 500.0
SKY_E = 50.0


def uncompressed(name: str, directory: Path) -> Path:
    source = shared_data(f"exposures/acs_wfc_47tuc_zero_pixels/{name}_flt.fits.gz")
    path = directory / source.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(source.read_bytes()))
    return path


def star_positions(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions some 90 pixels apart on every chip, jittered so that all pixel phases occur."""
    rng = np.random.default_rng(seed)
    ra_deg, dec_deg = [], []
    with fits.open(path) as hdus:
        for chip in (1, 2):
            x, y = (
                axis.ravel() for axis in np.meshgrid(np.arange(60, 4040, 190.0), np.arange(60, 1990, 190.0))
            )
            jitter = rng.uniform(-20, 20, size=(2, x.size))
            ra, dec = WCS(hdus["SCI", chip].header, hdus).all_pix2world(x + jitter[0], y + jitter[1], 0)
            ra_deg.append(ra)
            dec_deg.append(dec)
    return np.concatenate(ra_deg), np.concatenate(dec_deg)


@pytest.fixture(scope="module")
def stars(mvmdb: CommandLine) -> tuple[np.ndarray, np.ndarray, Path, str]:
    """Inject stars over the first exposure into both, ingest them, build the skycell that holds most."""
    files = [uncompressed(name, mvmdb.home) for name in ROOTNAMES]
    ra_deg, dec_deg = star_positions(files[0], seed=47)
    exposures = mvmdb.home / "exposures"
    exposures.mkdir()
    for file in files:
        inject_stars(
            file, exposures / file.name, ra_deg=ra_deg, dec_deg=dec_deg, flux_e_s=FLUX_E_S, fwhm_arcsec=0.12
        )
    mvmdb.run("ingest", exposures)
    ((skycell,),) = mvmdb.sql("select skycell from mvm.layer_depth order by area_arcmin2 desc limit 1")
    mvmdb.run("layer", "build", skycell, "acs_wfc_f606w")
    name = f"hst_skycell-{skycell}_acs_wfc_f606w_all_drz.fits"
    return ra_deg, dec_deg, mvmdb.home / "products" / skycell / name, skycell


def measured(
    product: Path, ra_deg: np.ndarray, dec_deg: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return offsets in pixels, fluxes and number of inputs of the stars that lie well inside."""
    with fits.open(product) as hdus:
        science, context, wcs = hdus["SCI"].data, hdus["CTX"].data, WCS(hdus["SCI"].header)
    offsets, fluxes, n_inputs = [], [], []
    for x, y in np.transpose(wcs.all_world2pix(ra_deg, dec_deg, 0)):
        column, row = round(x), round(y)
        inside = 15 < column < science.shape[1] - 15 and 15 < row < science.shape[0] - 15
        stamp = context[row - 12 : row + 13, column - 12 : column + 13] if inside else np.zeros(1)
        # a star on the border of a chip is not whole
        if inside and stamp.min() == stamp.max() > 0:
            x_seen, y_seen, flux = centroid(science, x, y, radius_pix=10)
            offsets.append((x_seen - x, y_seen - y))
            fluxes.append(flux)
            n_inputs.append(int(stamp[0, 0]).bit_count())
    return np.array(offsets), np.array(fluxes), np.array(n_inputs)


def test_stars_are_where_they_were_put_with_their_flux(
    stars: tuple[np.ndarray, np.ndarray, Path, str],
) -> None:
    ra_deg, dec_deg, product, _ = stars
    offsets, fluxes, n_inputs = measured(product, ra_deg, dec_deg)
    assert len(offsets) > 100
    assert (n_inputs == 2).sum() > 20
    assert np.hypot(*offsets.T).max() < 0.05
    assert np.abs(fluxes / FLUX_E_S - 1).max() < 0.01


def test_two_chips_and_two_exposures_have_their_bits(
    mvmdb: CommandLine, stars: tuple[np.ndarray, np.ndarray, Path, str]
) -> None:
    inputs = mvmdb.json("provenance", stars[2].name)
    assert [(row["context_plane"], row["context_bit"]) for row in inputs] == [
        (0, k) for k in range(len(inputs))
    ]
    assert {row["exposure"] for row in inputs} == set(ROOTNAMES)
    dates = [row["start_mjd"] for row in inputs]
    assert dates == sorted(dates)


def test_a_constant_sky_stays_constant(
    mvmdb: CommandLine, stars: tuple[np.ndarray, np.ndarray, Path, str]
) -> None:
    """New content under the same names: a revision, a rebuild, and a flat product at the exact level."""
    exposures = mvmdb.home / "exposures"
    for name in ROOTNAMES:
        with fits.open(uncompressed(name, mvmdb.home)) as hdus:
            exptime_s = hdus[0].header["EXPTIME"]
            for hdu in hdus:
                if hdu.name == "SCI":
                    hdu.data = np.full(hdu.shape, SKY_E * exptime_s, dtype=np.float32)
            hdus.writeto(exposures / f"{name}_flt.fits", overwrite=True)
    outcomes = {row["exposure"]: row["outcome"] for row in mvmdb.json("ingest", exposures)}
    assert outcomes == dict.fromkeys(ROOTNAMES, "revised")
    (result,) = mvmdb.json("layer", "build", stars[3], "acs_wfc_f606w")
    assert result["outcome"] == "published"
    with fits.open(stars[2]) as hdus:
        science, weight = hdus["SCI"].data, hdus["WHT"].data
        assert hdus[0].header["MVMREV"] == 2
    level = SKY_E * (0.04 / 0.05) ** 2
    assert np.abs(science[weight > 0] / level - 1).max() < 1e-5
    revisions = mvmdb.sql(
        "select revision, state from mvm.product where product = %s order by 1", stars[2].name
    )
    assert revisions == [(1, "superseded"), (2, "current")]
    used = mvmdb.sql("select distinct exposure_revision from mvm.product_provenance")
    assert used == [(2,)]
