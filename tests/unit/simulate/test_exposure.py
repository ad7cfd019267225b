"""Simulated files: structure, keywords, reproducibility; stars added to real files."""

import gzip
import hashlib

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from stwcs.wcsutil import HSTWCS

from mvmdb.errors import HeaderError, NameFormatError
from mvmdb.files.exclusion import is_serious
from mvmdb.files.exposure import read_exposure
from mvmdb.simulate.exposure import inject_stars, simulate_exposure, simulate_programme
from mvmdb.simulate.field import demo_programme, demo_scene
from tests.support.scenes import pixel_areas_arcsec2, planned_exposure, star_scene
from tests.support.shared_data import shared_data

BANDS = [("acs/wfc", "F775W"), ("wfc3/uvis", "F475W"), ("wfc3/ir", "F160W")]


def scene_for(planned):
    return star_scene(planned.ra_deg, planned.dec_deg, 300.0, [planned.band], sky_e_s_arcsec2=30.0)


def simulate(planned, directory, **changes):
    return simulate_exposure(planned, scene_for(planned), directory, **changes)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_chip_file_is_built_like_one_of_the_archive(tmp_path):
    path = simulate(planned_exposure("acs/wfc", "F775W", file_type="flc"), tmp_path)
    assert path.name == "jzst01a1q_flc.fits"
    with fits.open(path) as hdus:
        assert [(hdu.name, hdu.ver) for hdu in hdus] == [
            ("PRIMARY", 1),
            *(("SCI", 1), ("ERR", 1), ("DQ", 1), ("SCI", 2), ("ERR", 2), ("DQ", 2)),
            *(("WCSDVARR", 1), ("WCSDVARR", 2), ("D2IMARR", 1), ("D2IMARR", 2)),
            *(("WCSDVARR", 3), ("WCSDVARR", 4), ("D2IMARR", 3), ("D2IMARR", 4)),
        ]
        assert hdus[0].header["NEXTEND"] == len(hdus) - 1
        assert [hdus[k].data.dtype for k in (1, 2, 3)] == [np.dtype(">f4"), np.dtype(">f4"), np.dtype(">i2")]
        assert [hdus["SCI", k].header["CCDCHIP"] for k in (1, 2)] == [2, 1]
        hdus.verify("exception")


@pytest.mark.parametrize(("detector", "filter_name"), BANDS)
def test_the_file_says_that_it_is_simulated(tmp_path, detector, filter_name):
    header = fits.getheader(simulate(planned_exposure(detector, filter_name), tmp_path))
    assert header["SIMULATE"] is True
    assert "not an observation" in str(header["HISTORY"])


@pytest.mark.parametrize(("detector", "filter_name"), BANDS)
def test_the_reader_of_exposures_understands_the_file(tmp_path, detector, filter_name):
    planned = planned_exposure(detector, filter_name)
    facts = read_exposure(simulate(planned, tmp_path))
    assert f"{facts.instrument}/{facts.detector}/{facts.filter}" == planned.band
    assert (facts.rootname, facts.exptime_s) == (planned.rootname, 500.0)
    assert not any(map(is_serious, facts.findings))
    assert facts.end_mjd - facts.start_mjd == pytest.approx(500.0 / 86400, abs=1e-8)
    assert facts.wcsname == planned.wcsname
    for chip in facts.chips:
        assert (chip.n_x_pix, chip.n_y_pix) == (256, 256)
        assert chip.bunit == ("ELECTRONS/S" if detector == "wfc3/ir" else "ELECTRONS")
        assert chip.photflam == pytest.approx(planned.passband.photflam)


def test_dates_and_filters_are_written_the_archives_way(tmp_path):
    header = fits.getheader(simulate(planned_exposure("acs/wfc", "F814W", start_mjd=55000.25), tmp_path))
    assert (header["FILTER1"], header["FILTER2"]) == ("CLEAR1L", "F814W")
    # MJD 55000 is 2009 June 18.
    assert (header["DATE-OBS"], header["TIME-OBS"]) == ("2009-06-18", "06:00:00")
    header = fits.getheader(simulate(planned_exposure("acs/wfc", "F775W"), tmp_path))
    assert (header["FILTER1"], header["FILTER2"]) == ("F775W", "CLEAR2L")


@pytest.mark.parametrize(("detector", "filter_name"), BANDS)
def test_stwcs_and_astropy_read_the_same_positions(tmp_path, detector, filter_name):
    path = simulate(planned_exposure(detector, filter_name, crop_pix=300), tmp_path)
    with fits.open(path) as hdus:
        last = len([hdu for hdu in hdus if hdu.name == "SCI"])
        x, y = np.array([0.0, 299.0, 128.0]), np.array([0.0, 299.0, 250.0])
        plain = WCS(hdus["SCI", last].header, fobj=hdus).all_pix2world(x, y, 0)
        hst = HSTWCS(hdus, ext=("SCI", last))
        np.testing.assert_allclose(hst.all_pix2world(x, y, 0), plain, atol=1e-12)
        assert hst.idcscale == hdus["SCI", last].header["IDCSCALE"]


def test_same_seed_gives_the_same_bytes_and_another_seed_other_noise(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W")
    first = simulate(planned, tmp_path / "a", seed=3)
    again = simulate(planned, tmp_path / "b", seed=3)
    other = simulate(planned, tmp_path / "c", seed=4)
    assert sha256(first) == sha256(again) != sha256(other)


def test_pixels_scatter_as_their_error_says(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W")
    noisy = simulate(planned, tmp_path / "a", with_artifacts=False)
    quiet = simulate(planned, tmp_path / "b", noiseless=True, with_artifacts=False)
    deviation = (fits.getdata(noisy, "SCI") - fits.getdata(quiet, "SCI")) / fits.getdata(noisy, "ERR")
    assert deviation.std() == pytest.approx(1.0, abs=0.01)
    assert not fits.getdata(noisy, "DQ").any()


def test_a_poor_solution_puts_the_stars_beside_their_place(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W", wcs_error_arcsec=(0.5, -0.25))
    with fits.open(simulate(planned, tmp_path, noiseless=True, with_artifacts=False)) as hdus:
        light = hdus["SCI"].data - np.median(hdus["SCI"].data)
        y, x = np.indices(light.shape)
        centre = (light * x).sum() / light.sum(), (light * y).sum() / light.sum()
        ra_deg, dec_deg = WCS(hdus["SCI"].header, fobj=hdus).all_pix2world(*centre, 0)
    east_arcsec = ((ra_deg - planned.ra_deg + 180) % 360 - 180) * np.cos(np.radians(62.0)) * 3600
    north_arcsec = (dec_deg - planned.dec_deg) * 3600
    assert (east_arcsec, north_arcsec) == pytest.approx((0.5, -0.25), abs=0.005)


def test_nothing_is_left_of_a_file_that_failed(tmp_path):
    planned = planned_exposure("wfc3/ir", "F160W")
    (tmp_path / planned.file_name).mkdir()
    with pytest.raises(OSError, match=planned.file_name):
        simulate(planned, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [planned.file_name]


def test_a_root_name_must_be_one():
    with pytest.raises(NameFormatError, match="simulated"):
        planned_exposure("wfc3/ir", "F160W", rootname="simulated_1")


def test_a_programme_is_the_same_in_one_process_and_in_two(tmp_path):
    programme = [planned for planned in demo_programme(small=True) if planned.detector_name == "wfc3/ir"][:2]
    scene = demo_scene(programme)
    done = []
    alone = simulate_programme(programme, scene, tmp_path / "a", n_workers=1, on_done=done.append)
    assert done == list(alone) == [tmp_path / "a" / planned.file_name for planned in programme]
    together = simulate_programme(programme, scene, tmp_path / "b", n_workers=2)
    assert [sha256(path) for path in together] == [sha256(path) for path in alone]


def corner_of_real_exposure(name, directory):
    """Copy the lower left corner of the first chip of a real file, with all the lookup tables."""
    content = gzip.decompress(shared_data(f"exposures/{name}").read_bytes())
    with fits.HDUList.fromstring(content) as hdus:
        science = fits.ImageHDU(hdus["SCI", 1].data[:300, :1014], hdus["SCI", 1].header)
        tables = [hdu for hdu in hdus if hdu.name in ("WCSDVARR", "D2IMARR")]
        path = directory / "corner_flt.fits"
        fits.HDUList([hdus[0], science, *tables]).writeto(path)
    return path


@pytest.mark.parametrize(
    ("name", "n_tables"),
    [
        ("acs_wfc_47tuc_zero_pixels/j94f05bgq_flt.fits.gz", 8),
        ("headers_fullsize_zero_pixels/sample_svm_flt.full.fits.gz", 0),
    ],
)
def test_stars_added_to_a_real_file_keep_flux_and_place(tmp_path, name, n_tables):
    source = corner_of_real_exposure(name, tmp_path)
    x_star, y_star = np.arange(60.3, 960, 68.57), np.linspace(40, 260, 14)
    with fits.open(source) as hdus:
        assert len(hdus) == 2 + n_tables
        ra_deg, dec_deg = HSTWCS(hdus, ext=("SCI", 1)).all_pix2world(x_star, y_star, 0)
    stars = {"ra_deg": ra_deg, "dec_deg": dec_deg, "flux_e_s": 500.0, "fwhm_arcsec": 0.2}
    with fits.open(inject_stars(source, tmp_path / "out_flt.fits", **stars)) as hdus:
        header, science = hdus["SCI", 1].header, hdus["SCI", 1].data.astype(float)
        seconds = hdus[0].header["EXPTIME"] if header["BUNIT"].strip() == "ELECTRONS" else 1.0
        y, x = np.indices(science.shape)
        areas = pixel_areas_arcsec2(WCS(header, fobj=hdus), x, y) / header["IDCSCALE"] ** 2
    light = science * areas / seconds
    for x_true, y_true in zip(x_star, y_star, strict=True):
        near = np.hypot(x - x_true, y - y_true) < 25
        assert light[near].sum() == pytest.approx(500.0, rel=2e-3)
        assert np.average(x[near], weights=light[near]) == pytest.approx(x_true, abs=0.02)
        assert np.average(y[near], weights=light[near]) == pytest.approx(y_true, abs=0.02)


def test_injection_adds_to_what_is_there_and_leaves_the_rest(tmp_path):
    planned = planned_exposure("wfc3/uvis", "F475W")
    source = simulate(planned, tmp_path)
    far = {"ra_deg": 10.0, "dec_deg": 0.0, "flux_e_s": 1e6, "fwhm_arcsec": 0.1}
    untouched = inject_stars(source, tmp_path / "copy_flt.fits", **far)
    for extension in (("SCI", 1), ("SCI", 2), ("DQ", 2), ("D2IMARR", 4)):
        np.testing.assert_array_equal(fits.getdata(source, extension), fits.getdata(untouched, extension))
    assert fits.getheader(untouched)["ROOTNAME"] == planned.rootname


@pytest.mark.parametrize(("keyword", "value"), [("IDCSCALE", None), ("BUNIT", "COUNTS")])
def test_injection_names_the_keyword_it_cannot_use(tmp_path, keyword, value):
    source = simulate(planned_exposure("wfc3/ir", "F160W"), tmp_path)
    with fits.open(source, mode="update") as hdus:
        if value is None:
            del hdus["SCI"].header[keyword]
        else:
            hdus["SCI"].header[keyword] = value
    star = {"ra_deg": 0.0, "dec_deg": 62.0, "flux_e_s": 1.0, "fwhm_arcsec": 0.1}
    with pytest.raises(HeaderError, match=keyword) as caught:
        inject_stars(source, tmp_path / "out_flt.fits", **star)
    assert caught.value.keyword == keyword
    assert not (tmp_path / "out_flt.fits").exists()
