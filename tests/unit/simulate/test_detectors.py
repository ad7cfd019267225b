"""Detectors against published figures."""

import pytest

from mvmdb.errors import UnknownObjectError
from mvmdb.simulate.detectors import ACS_WFC, WFC3_IR, WFC3_UVIS, find_detector


@pytest.mark.parametrize(
    ("detector", "filter_name", "photflam"),
    [
        # As in the headers of real exposures of 2009 to 2012.
        (WFC3_IR, "F125W", 2.2483417e-20),
        (ACS_WFC, "F814W", 7.0768959e-20),
    ],
)
def test_photflam_is_that_of_the_archive(detector, filter_name, photflam):
    assert detector.passband(filter_name).photflam == pytest.approx(photflam, rel=0.02)


@pytest.mark.parametrize(
    ("name", "n_chips", "n_pixels"),
    [("acs/wfc", 2, 4096 * 2048), ("wfc3/uvis", 2, 4096 * 2051), ("WFC3/IR", 1, 1014 * 1014)],
)
def test_detectors_have_their_chips(name, n_chips, n_pixels):
    chips = find_detector(name).chips
    assert [chip.n_x_pix * chip.n_y_pix for chip in chips] == [n_pixels] * n_chips


def test_lower_chip_comes_first_and_is_chip_two():
    for detector in (ACS_WFC, WFC3_UVIS):
        assert [(chip.ccdchip, chip.side) for chip in detector.chips] == [(2, -1), (1, 1)]


def test_unknown_detector_and_filter_are_named():
    with pytest.raises(UnknownObjectError, match="nicmos"):
        find_detector("nicmos")
    with pytest.raises(UnknownObjectError, match="F9999W"):
        WFC3_IR.passband("F9999W")


def test_cropped_chips_keep_their_reference_pixel_in_the_middle():
    chip = ACS_WFC.cropped(200).chips[1]
    assert (chip.n_x_pix, chip.n_y_pix, chip.crpix) == (200, 200, (100.0, 100.0))
    assert chip.sip_a == ACS_WFC.chips[1].sip_a
