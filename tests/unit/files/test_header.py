import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
from astropy.io import fits
from astropy.time import Time

from mvmdb.files.cards import common_value, iso_date, make_header
from mvmdb.files.checks import Scalar
from mvmdb.files.extension_headers import context_header, science_cards, weight_header
from mvmdb.files.hdrtab import ChipHeader
from mvmdb.files.header import primary_content
from mvmdb.names import LayerName
from mvmdb.records import ExcludedExposure, LayerImage, LayerPlan
from mvmdb.sky.grid import PixelBox
from tests.support.product_makers import (
    BUILD_ID,
    DOCUMENT_EXTENT,
    make_chip_headers,
    make_image,
    make_plan,
    make_stamp,
    with_input,
)
from tests.support.shared_data import shared_data


def primary(plan: LayerPlan, chip_headers: Sequence[ChipHeader] | None = None, **stamp: Any) -> fits.Header:
    headers = chip_headers or make_chip_headers(plan)
    image = make_image(make_plan(2))
    return primary_content(
        plan, image, headers, make_stamp(**stamp), science_cards(plan, image, headers)
    ).header()


def science_header(
    plan: LayerPlan, chip_headers: Sequence[ChipHeader], image: LayerImage | None = None
) -> fits.Header:
    return make_header(science_cards(plan, image or make_image(make_plan(2)), chip_headers))


def changed(plan: LayerPlan, **lists: Sequence[Scalar | None]) -> list[ChipHeader]:
    """Chip headers with one value of a keyword per chip; None removes it."""
    headers = [dict(header) for header in make_chip_headers(plan)]
    for keyword, values in lists.items():
        for header, value in zip(headers, values, strict=True):
            header.pop(keyword, None)
            header.update({keyword: value} if value is not None else {})
    return list(headers)


def test_the_wcs_of_the_document_comes_out() -> None:
    plan = make_plan(2, extent=DOCUMENT_EXTENT)
    header = science_header(plan, make_chip_headers(plan))
    assert plan.grid.shape == (11672, 10840)
    assert (header["CRPIX1"], header["CRPIX2"]) == (94360.0, -171093.0)
    assert (header["CRVAL1"], header["CRVAL2"]) == (180.0, 26.0)
    assert (header["CTYPE1"], header["CTYPE2"]) == ("RA---TAN", "DEC--TAN")
    # the document prints the CD of its subarray cut to fourteen digits, as a header card is
    cards = {card.keyword: str(card) for card in header.cards}
    assert "-1.1111111111111E-05" in cards["CD1_1"]
    assert "1.11111111111111E-05" in cards["CD2_2"]
    assert (header["CD1_2"], header["CD2_1"]) == (0.0, 0.0)


def test_the_full_skycell_of_the_document_comes_out() -> None:
    header = weight_header(make_plan(2, extent=PixelBox(0, 0, 21954, 21954)))
    assert (header["CRPIX1"], header["CRPIX2"]) == (96492.0, -160812.0)
    assert (header["LTV1"], header["LTV2"]) == (0.0, 0.0)


@pytest.mark.parametrize(("layer", "crpix"), [("acs_wfc_f606w", 96492.0), ("wfc3_ir_f160w_coarse", 32164.0)])
def test_ltv_leads_to_the_full_skycell(layer: str, crpix: float) -> None:
    header = context_header(make_plan(2, layer=layer, extent=DOCUMENT_EXTENT))
    assert header["CRPIX1"] - header["LTV1"] == crpix
    assert header["LTM1_1"] == header["LTM2_2"] == 1


def test_frame_and_units_of_the_extensions() -> None:
    plan = make_plan(2)
    for header, name, unit in (
        (science_header(plan, make_chip_headers(plan)), "SCI", "ELECTRONS/S"),
        (weight_header(plan), "WHT", "s"),
        (context_header(plan), "CTX", "UNITLESS"),
    ):
        assert (header["EXTNAME"], header["EXTVER"], header["BUNIT"]) == (name, 1, unit)
        assert (header["RADESYS"], header["EQUINOX"], header["WCSAXES"]) == ("ICRS", 2000, 2)
        assert header["ORIENTAT"] == 0
        keywords = [keyword.upper() for keyword in header]
        assert keywords.index("WCSAXES") < min(
            i for i, k in enumerate(keywords) if k.startswith(("CTYPE", "CR", "CD"))
        )
        assert not [k for k in keywords if k.startswith(("CDELT", "A_", "B_", "PC", "D2IM", "CPDIS"))]


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["w", "w"], "w"), (["w", "v"], "MULTIPLE"), (["w", None], "MULTIPLE"), ([None, None], None)],
)
def test_wcsname_is_common_or_multiple(names: list[str | None], expected: str | None) -> None:
    plan = with_input(with_input(make_plan(2), 0, wcsname=names[0]), 1, wcsname=names[1])
    assert weight_header(plan).get("WCSNAME") == expected


def test_the_eight_keywords_and_their_values() -> None:
    plan = make_plan(2)
    statistics = make_image(plan).statistics
    header = primary(plan)
    assert header["SCELLID"] == "p1889x07y19"
    expected = {
        "NPIXFRAC": statistics.coverage_fraction,
        "MEANEXPT": statistics.mean_exptime_s,
        "MEDEXPT": statistics.median_exptime_s,
        "MEANNEXP": statistics.mean_n_exposures,
        "MEDNEXP": statistics.median_n_exposures,
        "MEANWHT": statistics.mean_weight,
        "MEDWHT": statistics.median_weight,
    }
    for keyword, value in expected.items():
        assert header[keyword] == value
        assert "observed" in header.comments[keyword]


AS_IN_REFERENCE = """
    SCELLID NPIXFRAC MEANEXPT MEDEXPT MEANNEXP MEDNEXP MEANWHT MEDWHT ROOTNAME FILENAME TELESCOP INSTRUME
    DETECTOR FILTER HAPLEVEL NUMEXP NDRIZIM EXPTIME TEXPTIME EXPSTART EXPEND DATE-OBS TIME-OBS DATE-BEG
    DATE-END DATE EQUINOX PROPOSID TARGNAME NEXTEND
"""


def test_the_keywords_of_a_real_product_are_here_with_their_types() -> None:
    plan = make_plan(4, layer="wfc3_uvis_f658n")
    header = primary(plan)
    real = fits.getheader(shared_data("products/hap_mvm/sample_mvm_drc_d6761b8.fits"))
    for keyword in AS_IN_REFERENCE.split():
        assert type(header[keyword]) is type(real[keyword]), keyword
    for keyword in ("TELESCOP", "INSTRUME", "DETECTOR", "FILTER", "HAPLEVEL", "NEXTEND", "EQUINOX"):
        assert header[keyword] == real[keyword]


def test_keywords_of_single_exposures_are_gone_and_listed() -> None:
    plan = make_plan(2)
    header = primary(
        plan, changed(plan, IPPPSSOO=["a", "b"], FLATCORR=["COMPLETE"] * 2, SUNANGLE=[50.0, 51.0])
    )
    history = " ".join(header["HISTORY"]).split()
    for keyword in ("IPPPSSOO", "ASN_ID", "FLATCORR", "SUNANGLE"):
        assert keyword not in header
        assert keyword in history
    for keyword in ("TARGNAME", "PHOTMODE"):  # it is here, or in SCI
        assert history.count(keyword) == 1


def test_exposure_time_counts_each_exposure_once() -> None:
    header = primary(make_plan(6))  # three exposures of two chips: 100, 110 and 120 s
    assert header["EXPTIME"] == header["TEXPTIME"] == 330.0
    assert (header["NUMEXP"], header["NDRIZIM"]) == (3, 6)


def test_dates_span_all_exposures() -> None:
    plan = with_input(make_plan(4), 3, start_mjd=49000.123456789, end_mjd=59999.987654321)
    header = primary(plan)
    assert header["EXPSTART"] == 49000.123456789
    assert header["EXPEND"] == 59999.987654321
    assert header["DATE-BEG"] == Time(49000.123456789, format="mjd").isot
    assert header["DATE-END"] == Time(59999.987654321, format="mjd").isot
    assert header["DATE-OBS"] == header["DATE-BEG"][:10]
    assert header["TIME-OBS"] == header["DATE-BEG"][11:19]


@pytest.mark.parametrize("mjd", [48000.0, 53000.999999999, 55197.5, 60310.000000001])
def test_iso_date_agrees_with_astropy(mjd: float) -> None:
    assert iso_date(mjd) == Time(mjd, format="mjd", scale="utc").isot


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([10775, 10775], 10775),
        (["10775", 10775], 10775),
        ([12061, 9482], "9482; 12061"),
        ([None, 9482], 9482),
        ([None, None], None),
        (["GO-1", "GO-1"], "GO-1"),
    ],
)
def test_proposals(ids: list[Scalar | None], expected: Scalar | None) -> None:
    plan = make_plan(2)
    header = primary(plan, changed(plan, PROPOSID=ids))
    assert header.get("PROPOSID") == expected


def test_too_many_proposals_for_a_card() -> None:
    plan = make_plan(10)
    assert len(primary(plan, changed(plan, PROPOSID=[10000 + k for k in range(10)]))["PROPOSID"]) == 68
    plan = make_plan(11)
    assert primary(plan, changed(plan, PROPOSID=[10000 + k for k in range(11)]))["PROPOSID"] == "MULTIPLE"


@pytest.mark.parametrize(
    ("targets", "expected"), [(["A ", "A"], "A"), (["A", "B"], "MULTIPLE"), ([None, None], None)]
)
def test_target(targets: list[str | None], expected: str | None) -> None:
    plan = make_plan(2)
    assert primary(plan, changed(plan, TARGNAME=targets)).get("TARGNAME") == expected


def test_common_value() -> None:
    assert common_value([1, 1.0]) == 1
    assert common_value([]) is None
    assert common_value(["a", None]) == "MULTIPLE"


@pytest.mark.parametrize(
    ("layer", "filter_name", "wheels"),
    [
        ("acs_wfc_f606w", "F606W", ("FILTER1", "FILTER2")),
        ("acs_wfc_f606w-pol0v", "F606W;POL0V", ("FILTER1", "FILTER2")),
        ("wfc3_ir_f160w_coarse", "F160W", ()),
    ],
)
def test_filter(layer: str, filter_name: str, wheels: tuple[str, ...]) -> None:
    header = primary(make_plan(2, layer=layer))
    assert header["FILTER"] == filter_name
    assert tuple(keyword for keyword in ("FILTER1", "FILTER2") if keyword in header) == wheels


def test_calibration_is_the_mean_per_electron() -> None:
    plan = with_input(
        with_input(make_plan(2, layer="wfpc2_pc_f555w"), 0, gain_e_per_dn=7.0), 1, gain_e_per_dn=14.0
    )
    headers = changed(plan, PHOTFLAM=[7e-18, 28e-18], PHOTPLAM=[5000.0, 5100.0])
    header = science_header(plan, headers)
    assert header["PHOTFLAM"] == pytest.approx(1.5e-18, rel=1e-12, abs=0)  # (7/7 + 28/14) / 2
    assert header["PHOTPLAM"] == 5050.0
    rules = {card.keyword: card.rule for card in science_cards(plan, make_image(make_plan(2)), headers)}
    assert "mean" in rules["PHOTFLAM"]


def test_only_wfpc2_states_flux_per_count() -> None:
    plan = with_input(make_plan(2), 0, gain_e_per_dn=2.0)
    assert science_header(plan, changed(plan, PHOTFLAM=[1e-19, 3e-19]))["PHOTFLAM"] == pytest.approx(
        2e-19, abs=0
    )


@pytest.mark.parametrize("absent", [None, 0.0, "N/A"])
def test_calibration_is_left_out_unless_all_have_it(absent: Scalar | None) -> None:
    plan = make_plan(2)
    assert "PHOTFLAM" not in science_header(plan, changed(plan, PHOTFLAM=[1e-19, absent]))


def test_photmode_keeps_what_is_common() -> None:
    plan = make_plan(2)
    modes = ["ACS WFC1 F606W MJD#53000.1", "ACS WFC2 F606W MJD#53001.2"]
    assert science_header(plan, changed(plan, PHOTMODE=modes))["PHOTMODE"] == "ACS F606W"
    assert "PHOTMODE" not in science_header(plan, changed(plan, PHOTMODE=["ACS", None]))
    wfpc2 = ["WFPC2,1,A2D7,F555W,,CAL", "WFPC2,2,A2D7,F555W,,CAL"]
    assert science_header(plan, changed(plan, PHOTMODE=wfpc2))["PHOTMODE"] == "WFPC2 A2D7 F555W CAL"


@pytest.mark.parametrize(
    ("flags", "expected"), [([None, True], True), ([None, None], None), ([False, False], None)]
)
def test_simulated_inputs_make_a_simulated_product(flags: list[bool | None], expected: bool | None) -> None:
    plan = make_plan(2)
    header = primary(plan, changed(plan, SIMULATE=flags))
    assert header.get("SIMULATE") is expected
    if expected:
        assert "SIMULATED" in header.comments["SIMULATE"]


def test_build_and_recipe() -> None:
    plan = make_plan(2)
    header = primary(plan, created_utc="2026-11-22T20:30:05.9+02:00")
    assert header["MVMBUILD"] == BUILD_ID
    assert plan.recipe_sha256().startswith(header["MVMRECIP"])
    assert (header["MVMREV"], header["MVMVER"], header["MVMSELEC"]) == (3, "0.1.0", "all")
    assert header["DATE"] == "2026-11-22T18:30:05"
    assert (header["DRZKERN"], header["DRZPIXFR"], header["DRZWTYPE"]) == ("square", 1.0, "exptime")
    assert (header["DRZBITS"], header["DRZMAPER"], header["DRZSCALE"]) == (80, 0.001, 0.04)
    assert any("drizzle 3.0.0" in line for line in header["HISTORY"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"build_id": "../../etc/passwd"},
        {"build_id": BUILD_ID.upper()},
        {"versions": {"drizzle": "3"}},
    ],
)
def test_a_stamp_is_checked_before_hours_of_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"UUID|build stamp"):
        make_stamp(**wrong)


def test_what_was_left_out_is_named() -> None:
    plan = make_plan(2)
    assert primary(plan)["MVMNEXCL"] == 0
    assert not any("were left out" in line for line in primary(plan)["HISTORY"])
    excluded = ExcludedExposure("jtst99zzq", "moving_target", "MTFLAG = 'T'")
    header = primary(dataclasses.replace(plan, excluded=(excluded,)))
    assert header["MVMNEXCL"] == 1
    assert "  jtst99zzq moving_target: MTFLAG = 'T'" in list(header["HISTORY"])


def test_every_card_is_a_plain_card_of_eighty_characters() -> None:
    plan = make_plan(40, layer="acs_wfc_f606w-pol0v", extent=DOCUMENT_EXTENT)
    headers = changed(plan, TARGNAME=[f"O'NEIL'S NEBULA {'x' * 50}"] * 40, LONGTEXT=["x" * 300] * 40)
    every = (primary(plan, headers), science_header(plan, headers), weight_header(plan), context_header(plan))
    for header in every:
        # outline and provenance are the values that go on in CONTINUE cards
        for card in (card for card in header.cards if card.keyword not in {"S_REGION", "MVMROWS"}):
            assert len(str(card)) == 80
            assert not str(card).startswith(("CONTINUE", "HIERARCH"))
            assert card.keyword == card.keyword.upper()
            assert len(card.keyword) <= 8
            assert str(card).isascii()
    assert every[0]["TARGNAME"].startswith("O'NEIL'S")


def test_text_and_numbers_that_fits_lacks() -> None:
    plan = dataclasses.replace(make_plan(2), selection="größer")
    image = make_image(make_plan(2))
    image = dataclasses.replace(image, statistics=dataclasses.replace(image.statistics, mean_weight=math.nan))
    header = primary_content(plan, image, make_chip_headers(plan), make_stamp(), []).header()
    assert header["MVMSELEC"] == "gr??er"
    assert "MEANWHT" in header
    assert header["MEANWHT"] is None


def test_names_of_a_product() -> None:
    plan = dataclasses.replace(make_plan(2), layer=LayerName.parse("wfc3_ir_f160w_coarse"))
    header = primary(plan)
    assert header["FILENAME"] == str(plan.product_name)
    assert header["FILENAME"].startswith(header["ROOTNAME"])
    assert (header["INSTRUME"], header["DETECTOR"], header["HAPLEVEL"]) == ("WFC3", "IR", 4)
