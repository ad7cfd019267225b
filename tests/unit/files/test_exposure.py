"""Facts and pixels of synthetic exposures."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import ExposureFileError, HeaderError, WcsError
from mvmdb.files.chip_images import WFPC2_EDGE_BIT
from mvmdb.files.exposure import read_exposure
from mvmdb.sky.footprint import ring_area_sr
from tests.support.exposures import Changes, SyntheticExposure, read_chip, replace_card

ARCSEC2_PER_SR = (180 * 3600 / np.pi) ** 2


def test_the_facts_are_those_of_the_header(tmp_path: Path) -> None:
    facts = read_exposure(SyntheticExposure().write(tmp_path))

    assert (facts.rootname, facts.visit, facts.file_type) == ("ib6o23rtq", "ib6o23", "flt")
    assert (facts.instrument, facts.detector, facts.filter) == ("wfc3", "ir", "f160w")
    assert (facts.exptime_s, facts.start_mjd, facts.end_mjd) == (350.0, 55107.627, 55107.632)
    assert (facts.target_name, facts.proposal_id, facts.wcsname) == ("ANY-FIELD", 11359, "IDC_w3m18525i")
    assert facts.findings == ()
    (chip,) = facts.chips
    assert (chip.chip, chip.hdu_index, chip.n_x_pix, chip.n_y_pix) == (1, 1, 64, 48)
    assert (chip.pixel_scale_arcsec, chip.bunit, chip.gain_e_per_dn) == (0.12825, "ELECTRONS/S", 1.0)
    assert (chip.photflam, chip.photplam_angstrom, chip.wcsname) == (1.9275e-20, 15369.0, "IDC_w3m18525i")


def test_two_chips_lie_side_by_side(tmp_path: Path) -> None:
    first, second = read_exposure(SyntheticExposure(kind="acs_wfc", sip=False).write(tmp_path)).chips

    assert (first.chip, first.hdu_index, second.chip, second.hdu_index) == (1, 1, 2, 4)
    for chip in (first, second):
        area_arcsec2 = ring_area_sr(chip.footprint) * ARCSEC2_PER_SR
        assert area_arcsec2 == pytest.approx(64 * 48 * 0.05**2, rel=1e-6)
    centres = [np.mean(chip.footprint, axis=0) for chip in (first, second)]
    dx_deg, dy_deg = (centres[1] - centres[0]) * [np.cos(np.radians(2.0)), 1.0]
    assert np.hypot(dx_deg, dy_deg) * 3600 == pytest.approx(66 * 0.05, rel=1e-4)


def test_gzip_changes_neither_facts_nor_hash(tmp_path: Path) -> None:
    exposure = SyntheticExposure(kind="acs_wfc", tables=True)
    plain, packed = exposure.write(tmp_path), exposure.write(tmp_path, "jb6o23rtq_flt.fits.gz")
    plain_facts, packed_facts = vars(read_exposure(plain)), vars(read_exposure(packed))

    assert packed.stat().st_size < plain.stat().st_size
    assert plain_facts.pop("file_path") != packed_facts.pop("file_path")
    assert plain_facts == packed_facts
    assert plain_facts["file_sha256"] == hashlib.sha256(plain.read_bytes()).hexdigest()
    assert plain_facts["file_size_bytes"] == plain.stat().st_size


def test_gzip_is_told_by_content_and_may_have_members(tmp_path: Path) -> None:
    encoded = SyntheticExposure().encode()
    path = tmp_path / "ib6o23rtq_flt.fits"
    path.write_bytes(gzip.compress(encoded[:5000]) + gzip.compress(encoded[5000:]))

    assert read_exposure(path).file_sha256 == hashlib.sha256(encoded).hexdigest()


def test_the_path_of_the_facts_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SyntheticExposure().write(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert read_exposure(path.name).file_path == str(path)
    assert os.path.isabs(read_exposure(path.name).file_path)


@pytest.mark.parametrize(
    ("name", "changes", "file_type"),
    [
        ("ib6o23rtq_flc.fits", {}, "flc"),
        ("hst_11359_23_wfc3_ir_f160w_ib6o23rt_flt.fits.gz", {}, "flt"),
        ("sample_svm_flt.full.fits", {}, "flt"),
        ("renamed.fits", {"FILENAME": "ib6o23rtq_flc.fits"}, "flc"),
        ("ib6o23rtq_other.fits", {}, "other"),
        ("ib6o23rtq_RAW.FITS", {}, "raw"),
        ("ib6o23rtq_Ω.fits", {}, "unknown"),
    ],
)
def test_the_file_type_is_in_the_name(tmp_path: Path, name: str, changes: Changes, file_type: str) -> None:
    facts = read_exposure(SyntheticExposure(primary=changes).write(tmp_path, name))

    assert facts.file_type == file_type
    codes = [finding.code for finding in facts.findings]
    assert codes == ([] if file_type in ("flt", "flc") else ["not_calibrated"])


def test_without_rootname_the_file_name_tells(tmp_path: Path) -> None:
    path = SyntheticExposure(primary={"ROOTNAME": None}).write(tmp_path, "jb4k01abq_flt.fits")
    assert read_exposure(path).rootname == "jb4k01abq"

    path = SyntheticExposure(primary={"ROOTNAME": None}).write(tmp_path, "short_flt.fits")
    with pytest.raises(HeaderError, match="ROOTNAME: 'short' is not a root name"):
        read_exposure(path)


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("acs_wfc", {"FILTER1": "F606W", "FILTER2": "POL0V"}, "f606w-pol0v"),
        ("acs_wfc", {"FILTER1": "POL0V", "FILTER2": "F606W"}, "f606w-pol0v"),
        ("acs_wfc", {"FILTER1": "CLEAR1L", "FILTER2": "F814W"}, "f814w"),
        ("acs_wfc", {"FILTER1": "CLEAR1L", "FILTER2": "CLEAR2L"}, "clear"),
        ("acs_wfc", {"FILTER1": "F550M", "FILTER2": "F606W"}, "f550m-f606w"),
        ("acs_sbc", {"FILTER1": "F125LP", "FILTER2": "N/A"}, "f125lp"),
        ("wfc3_uvis", {"FILTER": "FQ750N"}, "fq750n"),
        ("wfpc2", {"FILTNAM1": "F555W", "FILTNAM2": ""}, "f555w"),
        ("wfpc2", {"FILTNAM1": "POLQ", "FILTNAM2": "F675W"}, "f675w-polq"),
        ("wfpc2", {"FILTNAM1": "", "FILTNAM2": ""}, "clear"),
    ],
)
def test_filters_are_named_as_layers_name_them(
    tmp_path: Path, kind: str, changes: Changes, expected: str
) -> None:
    assert read_exposure(SyntheticExposure(kind=kind, primary=changes).write(tmp_path)).filter == expected


@pytest.mark.parametrize("name", ["F606W_X", "f6;drop", "../x", "-", "F606W ; F814W", "x" * 60])
def test_a_filter_that_could_not_be_part_of_a_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HeaderError, match=r"FILTER: .* not the name of a filter"):
        read_exposure(SyntheticExposure(primary={"FILTER": name}).write(tmp_path))


@pytest.mark.parametrize(
    ("kind", "given", "bunit", "gain"),
    [
        ("wfc3_ir", "electrons/s", "ELECTRONS/S", 1.0),
        ("acs_wfc", "ELECTRONS", "ELECTRONS", 1.0),
        ("acs_wfc", "DN", "COUNTS", 2.0),
        ("wfc3_ir", "COUNTS/S", "COUNTS/S", 2.5),
        ("acs_sbc", "COUNTS", "COUNTS", 1.0),
    ],
)
def test_units_and_gain(tmp_path: Path, kind: str, given: str, bunit: str, gain: float) -> None:
    chip = read_exposure(SyntheticExposure(kind=kind, sci={"BUNIT": given}).write(tmp_path)).chips[0]

    assert (chip.bunit, chip.gain_e_per_dn) == (bunit, gain)


@pytest.mark.parametrize(
    ("nominal", "gains"), [(7.0, [7.12, 7.12, 6.90, 7.10]), (15, [13.99, 14.50, 13.95, 13.95])]
)
def test_the_chips_of_wfpc2_have_their_own_gain(tmp_path: Path, nominal: float, gains: list[float]) -> None:
    facts = read_exposure(SyntheticExposure(kind="wfpc2", primary={"ATODGAIN": nominal}).write(tmp_path))

    assert facts.detector == "pc"
    assert [chip.gain_e_per_dn for chip in facts.chips] == gains
    # 3.5e-18 per count of the chip
    assert [chip.photflam for chip in facts.chips] == pytest.approx([3.5e-18 / gain for gain in gains])


def test_no_calibration_is_none_not_zero(tmp_path: Path) -> None:
    (chip,) = read_exposure(SyntheticExposure(kind="acs_hrc").write(tmp_path)).chips

    assert (chip.photflam, chip.photplam_angstrom) == (None, None)


def test_calibration_may_stand_in_the_primary_header(tmp_path: Path) -> None:
    exposure = SyntheticExposure(primary={"PHOTFLAM": 2e-20}, sci={"PHOTFLAM": None})

    assert read_exposure(exposure.write(tmp_path)).chips[0].photflam == 2e-20


def test_without_idcscale_the_cd_matrix_gives_the_scale(tmp_path: Path) -> None:
    (chip,) = read_exposure(SyntheticExposure(sci={"IDCSCALE": None}).write(tmp_path)).chips

    assert chip.pixel_scale_arcsec == pytest.approx(0.128, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(11359, 11359), ("11359", 11359), (" 9019 ", 9019), ("", None), (0, None), (None, None)],
)
def test_the_proposal_number_is_a_number(tmp_path: Path, given: object, expected: int | None) -> None:
    path = SyntheticExposure(primary={"PROPOSID": given}).write(tmp_path)

    assert read_exposure(path).proposal_id == expected


def test_an_excluded_exposure_keeps_its_footprint(tmp_path: Path) -> None:
    facts = read_exposure(SyntheticExposure(primary={"MTFLAG": "T"}).write(tmp_path))

    assert [finding.code for finding in facts.findings] == ["moving_target"]
    assert len(facts.chips) == 1


def test_an_excluded_exposure_may_lack_a_wcs(tmp_path: Path) -> None:
    dark = SyntheticExposure(kind="acs_wfc", primary={"TARGNAME": "DARK"}, sci={"CTYPE1": None})
    facts = read_exposure(dark.write(tmp_path))

    assert facts.findings[0].code == "calibration_target"
    assert facts.chips == ()
    with pytest.raises(WcsError):
        read_exposure(SyntheticExposure(kind="acs_wfc", sci={"CTYPE1": None}).write(tmp_path))


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(0.0, 0.0), (-0.001, 40.0), (359.9999, -62.0)])
def test_a_footprint_across_right_ascension_zero(tmp_path: Path, ra_deg: float, dec_deg: float) -> None:
    exposure = SyntheticExposure(ra_deg=ra_deg, dec_deg=dec_deg)
    ring = read_exposure(exposure.write(tmp_path)).chips[0].footprint
    ra = [vertex[0] for vertex in ring]

    assert min(ra) >= 0.0
    assert max(ra) < 360.0
    assert max(ra) - min(ra) > 359.0
    assert ring_area_sr(ring) * ARCSEC2_PER_SR == pytest.approx(64 * 48 * 0.128**2, rel=0.01)


@pytest.mark.parametrize("dec_deg", [90.0, -90.0])
def test_a_footprint_around_a_pole(tmp_path: Path, dec_deg: float) -> None:
    ring = read_exposure(SyntheticExposure(dec_deg=dec_deg).write(tmp_path)).chips[0].footprint
    steps_deg = np.diff([vertex[0] for vertex in (*ring, ring[0])])
    turned_deg = np.sum((steps_deg + 180) % 360 - 180)

    assert abs(turned_deg) == pytest.approx(360)
    assert ring_area_sr(ring) * ARCSEC2_PER_SR == pytest.approx(64 * 48 * 0.128**2, rel=0.01)


def test_pixels_keep_values_order_and_type(tmp_path: Path) -> None:
    path = SyntheticExposure().write(tmp_path)
    expected = np.arange(48 * 64, dtype=np.float32).reshape(48, 64) / 7
    with fits.open(path, mode="update") as hdus:
        hdus["SCI", 1].data = expected
        hdus["DQ", 1].data[3, 5] = 4096
        hdus["DQ", 1].data[4, 6] = -32768
    chip = read_chip(path, 1)

    np.testing.assert_array_equal(chip.science, expected)
    assert (chip.science.dtype, chip.dq.dtype) == (np.dtype("=f4"), np.dtype("=i4"))
    assert (chip.dq[3, 5], chip.dq[4, 6], np.count_nonzero(chip.dq)) == (4096, 2**15, 2)
    assert chip.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_chip_has_its_own_pixels_and_flags(tmp_path: Path) -> None:
    path = SyntheticExposure(kind="wfc3_uvis").write(tmp_path)
    with fits.open(path, mode="update") as hdus:
        for version in (1, 2):
            hdus["SCI", version].data[:] = version * 10
            hdus["DQ", version].data[:] = version

    assert [read_chip(path, index).science.mean() for index in (1, 4)] == [10.0, 20.0]
    assert [read_chip(path, index).dq.max() for index in (1, 4)] == [1, 2]


def test_unsigned_raw_values_are_scaled(tmp_path: Path) -> None:
    exposure = SyntheticExposure()
    hdus = exposure.hdus()
    hdus["SCI", 1].data = np.full((48, 64), 40000, np.uint16)
    hdus["DQ", 1].data = np.full((48, 64), 33000, np.uint16)
    path = tmp_path / "ib6o23rtq_raw.fits"
    hdus.writeto(path)

    assert (read_chip(path, 1).science == 40000).all()
    assert (read_chip(path, 1).dq == 33000).all()


def test_a_constant_array_is_its_value(tmp_path: Path) -> None:
    hdus = SyntheticExposure().hdus()
    hdus["DQ", 1].data = None
    hdus["DQ", 1].header.update({"NPIX1": 64, "NPIX2": 48, "PIXVALUE": 16})
    path = tmp_path / "ib6o23rtq_flt.fits"
    hdus.writeto(path)
    dq = read_chip(path, 1).dq

    assert dq.shape == (48, 64)
    assert (dq == 16).all()


def test_without_dq_only_the_edge_of_wfpc2_is_flagged(tmp_path: Path) -> None:
    wfpc2 = SyntheticExposure(kind="wfpc2", n_x_pix=100, n_y_pix=80).write(tmp_path)
    dq = read_chip(wfpc2, 3).dq

    assert WFPC2_EDGE_BIT not in [1 << bit for bit in range(16)]
    assert (dq[60:, 60:] == 0).all()
    assert np.count_nonzero(dq == WFPC2_EDGE_BIT) == 100 * 80 - 40 * 20

    hdus = SyntheticExposure().hdus()
    del hdus["DQ", 1]
    other = tmp_path / "ib6o23rtq_flt.fits"
    hdus.writeto(other)
    assert not read_chip(other, 1).dq.any()


def test_the_header_of_a_chip_holds_both_headers_sci_first(tmp_path: Path) -> None:
    exposure = SyntheticExposure(primary={"PHOTFLAM": 1.0, "SIMULATE": True}, sci={"PHOTFLAM": 2.0})
    header: Mapping[str, object] = read_chip(exposure.write(tmp_path), 1).header

    assert (header["PHOTFLAM"], header["SIMULATE"], header["EXPTIME"]) == (2.0, True, 350.0)
    assert (header["EXTNAME"], header["CRVAL1"]) == ("SCI", 150.0)
    assert not {"COMMENT", "HISTORY", ""} & header.keys()


def test_dq_of_another_shape_is_refused(tmp_path: Path) -> None:
    hdus = SyntheticExposure().hdus()
    hdus["DQ", 1].data = np.zeros((48, 63), np.int16)
    path = tmp_path / "ib6o23rtq_flt.fits"
    hdus.writeto(path)

    with pytest.raises(HeaderError, match="DQ is int16 of shape"):
        read_chip(path, 1)


@pytest.mark.parametrize("hdu_index", [0, 2, 3, 99])
def test_only_science_extensions_have_pixels(tmp_path: Path, hdu_index: int) -> None:
    with pytest.raises(ExposureFileError, match=f"HDU {hdu_index} is no SCI extension"):
        read_chip(SyntheticExposure().write(tmp_path), hdu_index)


def test_extensions_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    hdus = SyntheticExposure().hdus()
    hdus.append(
        fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(30_000))], name="WCSCORR")
    )
    hdus.append(fits.ImageHDU(np.zeros(30_000, np.uint8), name="HDRLET"))
    path = tmp_path / "ib6o23rtq_flt.fits"
    hdus.writeto(path)
    encoded = path.read_bytes()
    path.write_bytes(replace_card(encoded, "XTENSION", 5, b"XTENSION= 'HDRLET  '"))

    assert read_exposure(path).file_size_bytes == len(encoded)
