"""The WCS of simulated chips against published geometry, astropy, stwcs and real headers."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from stwcs.wcsutil import HSTWCS

from mvmdb.simulate.detectors import ACS_WFC, WFC3_IR, WFC3_UVIS
from mvmdb.simulate.distortion import area_ratio, point_chip, table_hdus, wcs_cards
from mvmdb.sky.sphere import separation_deg
from tests.support.scenes import TABLE_KEYWORDS, chip_wcs, pixel_areas_arcsec2
from tests.support.shared_data import shared_data

POINTING = {"ra_deg": 359.99, "dec_deg": 62.0, "orient_deg": 33.0}


def test_reference_pixel_of_a_single_chip_looks_where_it_is_pointed():
    ra_deg, dec_deg = chip_wcs(WFC3_IR).all_pix2world(506, 506, 0)
    assert separation_deg(ra_deg, dec_deg, 359.99, 62.0) * 3600 < 1e-6


def test_y_axis_stands_at_the_position_angle():
    wcs = chip_wcs(ACS_WFC, orient_deg=33.0)
    (ra0, ra1), (dec0, dec1) = wcs.wcs_pix2world([2047, 2047], [1000, 1040], 0)
    east = (ra1 - ra0) * np.cos(np.radians(dec0))
    # The skew of the pixels turns the y axis by atan(0.00196 / 0.05027) towards x, which is to the west.
    skew_deg = np.degrees(np.arctan2(0.00196, 0.05027))
    assert np.degrees(np.arctan2(east, dec1 - dec0)) == pytest.approx(33.0 - skew_deg, abs=0.05)


@pytest.mark.parametrize(("detector", "gap_arcsec"), [(ACS_WFC, 2.5), (WFC3_UVIS, 1.4)])
def test_chips_leave_the_published_gap(detector, gap_arcsec):
    lower, upper = chip_wcs(detector, 0, orient_deg=0.0), chip_wcs(detector, 1, orient_deg=0.0)
    x_pix = np.linspace(1500, 2600, 40)
    top = lower.all_pix2world(x_pix, np.full(40, detector.chips[0].n_y_pix - 0.5), 0)
    bottom = upper.all_pix2world(np.linspace(0, 4095, 4000), np.full(4000, -0.5), 0)
    away = separation_deg(top[0][:, None], top[1][:, None], bottom[0], bottom[1]).min(axis=1) * 3600
    assert away.mean() == pytest.approx(gap_arcsec, abs=0.7)


def test_detector_is_rigid_wherever_it_points():
    """Angles between pixels of both chips are the same at the equator and where meridians crowd."""
    angles_arcsec = []
    for where in ({"dec_deg": 0.0, "orient_deg": 0.0}, {"dec_deg": 88.0, "orient_deg": 75.0}):
        below = chip_wcs(ACS_WFC, 0, **where).all_pix2world([0, 4095, 2000], [0, 2047, 900], 0)
        above = chip_wcs(ACS_WFC, 1, **where).all_pix2world([4095, 0, 100], [0, 2047, 2000], 0)
        angles_arcsec.append(3600 * separation_deg(*below, *above))
    np.testing.assert_allclose(angles_arcsec[0], angles_arcsec[1], atol=0.01)


def test_pixels_cover_the_field_of_view_of_the_instrument():
    """ACS/WFC sees 202 x 202, WFC3/UVIS 162 x 162, IR 136 x 123 arcsec (instrument handbooks)."""
    for detector, field_arcsec2 in ((ACS_WFC, 202 * 202), (WFC3_UVIS, 162 * 162), (WFC3_IR, 136 * 123)):
        area_arcsec2 = 0.0
        for index, chip in enumerate(detector.chips):
            x, y = np.meshgrid(np.linspace(0, chip.n_x_pix - 1, 9), np.linspace(0, chip.n_y_pix - 1, 9))
            mean_arcsec2 = pixel_areas_arcsec2(chip_wcs(detector, index), x, y).mean()
            area_arcsec2 += mean_arcsec2 * chip.n_x_pix * chip.n_y_pix
        assert area_arcsec2 == pytest.approx(field_arcsec2, rel=0.03)


@pytest.mark.parametrize("detector", [ACS_WFC, WFC3_UVIS])
def test_lookup_tables_move_pixels_by_their_stated_size(detector):
    chip = detector.chips[1]
    x, y = np.meshgrid(np.arange(0, chip.n_x_pix, 97), np.arange(0, chip.n_y_pix, 97))
    with_tables = np.stack(chip_wcs(detector, 1).pix2foc(x, y, 0))
    without = np.stack(chip_wcs(detector, 1, tables=False).pix2foc(x, y, 0))
    largest_pix = np.abs(with_tables - without).max()
    # The distortion stretches the detector-to-image part by a few per cent.
    assert 0.6 * chip.d2im_pix < largest_pix < 1.1 * (chip.d2im_pix + chip.npol_pix)


def test_tables_are_the_same_every_time_and_differ_between_chips():
    chips = ACS_WFC.chips
    first, again, other = (
        table_hdus(ACS_WFC, chip, first_table=1) for chip in (chips[0], chips[0], chips[1])
    )
    assert all(np.array_equal(a.data, b.data) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].data, other[0].data)
    assert [hdu.name for hdu in first] == ["WCSDVARR", "WCSDVARR", "D2IMARR", "D2IMARR"]
    assert first[0].shape == (32, 64)


@pytest.mark.parametrize(("detector", "index"), [(ACS_WFC, 0), (ACS_WFC, 1), (WFC3_UVIS, 1), (WFC3_IR, 0)])
def test_area_ratio_agrees_with_areas_on_the_sphere(detector, index):
    chip, wcs = detector.chips[index], chip_wcs(detector, index)
    ratio = area_ratio(wcs, (chip.n_y_pix, chip.n_x_pix), scale_arcsec=detector.scale_arcsec)
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, chip.n_x_pix, 300), rng.integers(0, chip.n_y_pix, 300)
    true_ratio = detector.scale_arcsec**2 / pixel_areas_arcsec2(wcs, x, y)
    assert ratio.shape == (chip.n_y_pix, chip.n_x_pix)
    assert ratio.dtype == np.float32
    np.testing.assert_allclose(ratio[y, x], true_ratio, rtol=5e-4)
    # A distortion that changes no area would make this test empty.
    assert np.ptp(true_ratio) > 0.02


@pytest.mark.parametrize(
    ("file_name", "detector"),
    [
        ("sample_flc_header.full.fits.gz", ACS_WFC),
        ("sample_ipppssoot_flc.full.fits.gz", WFC3_UVIS),
        ("sample_svm_flt.full.fits.gz", WFC3_IR),
    ],
)
def test_distortion_is_that_of_real_exposures(file_name, detector):
    path = shared_data(f"exposures/headers_fullsize_zero_pixels/{file_name}")
    for index, chip in enumerate(detector.chips):
        header = fits.getheader(path, ("SCI", index + 1))
        real = WCS(
            fits.Header([card for card in header.cards if not card.keyword.startswith(TABLE_KEYWORDS)])
        )
        x, y = np.meshgrid(np.linspace(0, chip.n_x_pix - 1, 20), np.linspace(0, chip.n_y_pix - 1, 20))
        difference = np.stack(real.sip_pix2foc(x, y, 0)) - np.stack(
            chip_wcs(detector, index, tables=False).sip_pix2foc(x, y, 0)
        )
        assert np.abs(difference).max() < 0.6
        assert header["IDCSCALE"] == pytest.approx(detector.scale_arcsec, rel=1e-4)


def test_stwcs_reads_the_same_mapping():
    chip = ACS_WFC.chips[0]
    cards = wcs_cards(chip, point_chip(ACS_WFC, chip, **POINTING), first_table=1)
    primary = fits.PrimaryHDU(header=fits.Header([("INSTRUME", "ACS"), ("DETECTOR", "WFC")]))
    science = fits.ImageHDU(np.zeros((8, 8), dtype=np.float32), fits.Header(cards), name="SCI")
    hdus = fits.HDUList([primary, science, *table_hdus(ACS_WFC, chip, first_table=1)])
    x, y = [0.0, 4000.0, 777.7], [0.0, 2000.0, 1500.2]
    np.testing.assert_allclose(
        HSTWCS(hdus, ext=("SCI", 1)).all_pix2world(x, y, 0),
        chip_wcs(ACS_WFC).all_pix2world(x, y, 0),
        atol=1e-12,
    )
