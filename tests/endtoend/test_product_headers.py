"""Every keyword of real products, computed again from arrays, exposures and database rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import NDArray
from PIL import Image
from pyavm import AVM

from mvmdb.records import ENGINE
from mvmdb.sky.footprint import ring_area_sr
from mvmdb.sky.region import parse_region
from tests.support.command_line import CommandLine
from tests.support.shared_data import shared_data

LAYERS = {
    "acs_hrc_f606w": ("acs_hrc_47tuc", "p0073x03y02"),
    "wfc3_ir_f125w_coarse": ("wfc3_ir_goodss", "p0726x09y04"),
}
LAYOUT = """
    SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT EXTEND CHECKSUM DATASUM
"""
CHIP_NAMES = """
    VER GEOM DATA DEXP OUDA OUWE OUCO MASK WTSC KERN PIXF COEF OUUN FVAL WKEY SCAL ISCL
"""
# Wherever these come from they are aggregates; all other keywords of the inputs are common values.
SUMS, ZEROS = {"NCOMBINE", "SKYSUM"}, {"PA_V3", "PA_APER"}
MEANS = {"PHOTZPT", "PHOTBW", "GOODMEAN", "SNRMEAN"}
EXTREMES = {"GOODMIN": min, "SNRMIN": min, "GOODMAX": max, "SNRMAX": max}


@dataclass(frozen=True)
class Built:
    """A product as other programs see it."""

    primary: fits.Header
    science: fits.Header
    weight: NDArray[np.float64]
    hit: NDArray[np.bool_]
    """Which input contributed to which pixel, from the bits of CTX."""
    table: fits.FITS_rec
    n_extensions: int
    row: dict[str, Any]
    """The database row."""
    inputs: list[dict[str, Any]]
    """Provenance rows."""
    headers: list[dict[str, Any]]
    """Keywords of the exposure of each input, read from its file."""

    @property
    def exposures(self) -> dict[str, dict[str, Any]]:
        """Headers by exposure."""
        return {row["exposure"]: header for row, header in zip(self.inputs, self.headers, strict=True)}


@pytest.fixture(scope="module", params=LAYERS)
def built(request: pytest.FixtureRequest, mvmdb: CommandLine) -> Built:
    """A layer of real exposures, built by the command line."""
    folder, skycell = LAYERS[request.param]
    mvmdb.run("ingest", shared_data(f"exposures/{folder}"))
    mvmdb.run("layer", "build", skycell, request.param)
    (row,) = (row for row in mvmdb.json("product", "list", skycell) if row["layer"] == request.param)
    inputs = mvmdb.json("provenance", row["product"])
    with fits.open(row["file_path"]) as hdus:
        context = hdus["CTX"].data.astype(np.int64).reshape(-1, *hdus["SCI"].data.shape)
        hit = [(context[one["context_plane"]] >> one["context_bit"]) & 1 == 1 for one in inputs]
        return Built(
            hdus[0].header,
            hdus["SCI"].header,
            hdus["WHT"].data.astype(float),
            np.array(hit),
            hdus["HDRTAB"].data,
            len(hdus) - 1,
            row,
            inputs,
            [exposure_header(one) for one in inputs],
        )


def exposure_header(row: dict[str, Any]) -> dict[str, Any]:
    with fits.open(row["exposure_path"]) as hdus:
        return {**hdus[0].header, **hdus["SCI", row["chip"]].header}


def test_statistics_from_arrays_and_rows(built: Built) -> None:
    seen = built.weight > 0
    exptime = np.tensordot([one["exptime_s"] for one in built.inputs], built.hit, axes=1)[seen]
    number = built.hit.sum(axis=0)[seen]
    side = 7318 if built.row["layer"].endswith("coarse") else 21954
    expected = {
        "NPIXFRAC": (seen.sum() / side**2, "coverage_fraction"),
        "MEANEXPT": (exptime.mean(), "mean_exptime_s"),
        "MEDEXPT": (np.median(exptime), "median_exptime_s"),
        "MEANNEXP": (number.mean(), "mean_n_exposures"),
        "MEDNEXP": (np.median(number), "median_n_exposures"),
        "MEANWHT": (built.weight[seen].mean(), "mean_weight"),
        "MEDWHT": (np.median(built.weight[seen]), "median_weight"),
    }
    for keyword, (value, column) in expected.items():
        assert built.primary[keyword] == pytest.approx(value, rel=1e-6, abs=0), keyword
        assert built.row[column] == pytest.approx(value, rel=1e-6, abs=0), column
    outlines = {
        "FPTFRAC": "footprint_coverage_fraction",
        "FPTMEXPT": "footprint_mean_exptime_s",
        "FPTMDEXP": "footprint_median_exptime_s",
        "FPTMNEXP": "footprint_mean_n_exposures",
        "FPTMDNEX": "footprint_median_n_exposures",
    }
    for keyword, column in outlines.items():
        value = built.row[column]
        assert built.primary.get(keyword) == (None if value is None else pytest.approx(value)), keyword


def expected_primary(built: Built) -> dict[str, Any]:
    """Return what PRIMARY says besides statistics, D keywords and what is common to the inputs."""
    row, exposures = built.row, built.exposures.values()
    start = Time(min(header["EXPSTART"] for header in exposures), format="mjd").isot
    end = Time(max(header["EXPEND"] for header in exposures), format="mjd").isot
    exptime = sum(header["EXPTIME"] for header in exposures)
    instrument, detector, name, *_ = row["layer"].upper().split("_")
    how = row["parameters"]
    return {
        "NEXTEND": built.n_extensions,
        "FILENAME": Path(row["file_path"]).name,
        "ROOTNAME": Path(row["file_path"]).name.removesuffix("_drz.fits"),
        "SCELLID": row["skycell"],
        "TELESCOP": "HST",
        "INSTRUME": instrument,
        "DETECTOR": detector,
        "FILTER": name,
        "ASN_MTYP": "PROD-DTH",
        "PROD_VER": f"mvmdb {row['versions']['mvmdb']}",
        "HAPLEVEL": 4,
        "EQUINOX": 2000,
        "TIMESYS": "UTC",
        "NUMEXP": len(built.exposures),
        "NDRIZIM": len(built.inputs),
        "EXPTIME": exptime,
        "TEXPTIME": exptime,
        "EXPSTART": min(header["EXPSTART"] for header in exposures),
        "EXPEND": max(header["EXPEND"] for header in exposures),
        "DATE-OBS": start[:10],
        "TIME-OBS": start[11:19],
        "DATE-BEG": start,
        "DATE-END": end,
        "PROPOSID": "; ".join(sorted({str(one["proposal_id"]) for one in built.inputs})),
        "PINAME": text_in_common(header.get("PR_INV_L") for header in exposures),
        "MVMSKY": row["sky"],
        "MVMSKYGR": row["n_sky_groups"],
        "MVMEQUAL": row["equalisation"],
        "DRZKERN": how["kernel"],
        "DRZPIXFR": how["pixfrac"],
        "DRZWTYPE": how["weighting"],
        "DRZBITS": how["good_bits"],
        "DRZMAPER": how["mapping_error_pix"],
        "DRZSKY": how["sky"],
        "DRZSKYZ": how["sky_zero"],
        "DRZEQUAL": how["equalise"],
        "DRZERR": how["error"],
        "DRZSCALE": 0.12 if row["layer"].endswith("coarse") else 0.04,
        "LONGSTRN": "OGIP 1.0",
        "MVMPARAM": row["parameter_set"],
        "MVMNEXCL": 0,  # all exposures of these folders are sound
        "MVMSELEC": row["selection"],
        "MVMBUILD": row["build_id"],
        "MVMRECIP": row["recipe_sha256"][:16],
        "MVMREV": row["revision"],
        "MVMVER": row["versions"]["mvmdb"],
    }


def text_in_common(values: Any) -> Any:
    found = set(values)
    return found.pop() if len(found) == 1 else "MULTIPLE"


def expected_common(built: Built, keyword: str) -> Any:
    """Return what a keyword of the inputs becomes, by the rules of the documentation."""
    values = [header.get(keyword) for header in built.headers]
    by_exposure = [header.get(keyword) for header in built.exposures.values()]
    if keyword in ZEROS:
        return 0.0
    if keyword in SUMS:
        return sum(by_exposure)
    if keyword in MEANS:
        return pytest.approx(np.mean(values))
    if keyword in EXTREMES:
        return EXTREMES[keyword](values)
    if keyword == "BADINPDQ":
        return int(np.bitwise_or.reduce(values))
    return text_in_common(values)


def test_every_keyword_of_primary(built: Built) -> None:
    expected = expected_primary(built)
    statistics = [
        "NPIXFRAC",
        "MEANEXPT",
        "MEDEXPT",
        "MEANNEXP",
        "MEDNEXP",
        "MEANWHT",
        "MEDWHT",
        "FPTFRAC",
        "FPTMEXPT",
        "FPTMDEXP",
        "FPTMNEXP",
        "FPTMDNEX",
    ]
    # MVMROWS holds rows of the database, which tests of rebuilding compare
    others = {*LAYOUT.split(), *statistics, "DATE", "HISTORY", "MVMROWS"}
    of_chips = {f"D{k + 1:03d}{name}" for k in range(len(built.inputs)) for name in CHIP_NAMES.split()}
    assert of_chips <= set(built.primary)
    for keyword in set(built.primary) - of_chips - others:
        wanted = expected[keyword] if keyword in expected else expected_common(built, keyword)
        found = built.primary[keyword]
        assert (str(found) if keyword == "PROPOSID" else found) == wanted, keyword
    assert set(expected) <= set(built.primary)
    written_s = Time(built.primary["DATE"]).unix
    assert abs(written_s - Time(built.row["published_utc"][:19]).unix) < 600


def test_every_keyword_of_a_chip(built: Built) -> None:
    header, how = built.primary, built.row["parameters"]
    for k, (row, own) in enumerate(zip(built.inputs, built.headers, strict=True), start=1):
        found = {name: header[f"D{k:03d}{name}"] for name in CHIP_NAMES.split()}
        kinds = {"SIP": "A_ORDER", "NPOL": "CPDIS1", "D2IM": "D2IMDIS1"}
        assert found == {
            "VER": found["VER"],
            "GEOM": "wcs",
            "DATA": f"{Path(row['exposure_path']).name}[sci,{row['chip']}]",
            "DEXP": own["EXPTIME"],
            "OUDA": header["FILENAME"],
            "OUWE": "[WHT]",
            "OUCO": "[CTX]",
            "MASK": f"DQ, bits {how['good_bits']} ignored",
            "WTSC": 1,
            "KERN": how["kernel"],
            "PIXF": how["pixfrac"],
            "COEF": "+".join(kind for kind, keyword in kinds.items() if keyword in own) or "none",
            "OUUN": "cps",
            "FVAL": "NaN",
            "WKEY": "",
            "SCAL": header["DRZSCALE"],
            "ISCL": own["IDCSCALE"],
        }
        assert found["VER"] == ENGINE


def test_every_keyword_of_sci(built: Built) -> None:
    header, row = built.science, built.row
    scale = built.primary["DRZSCALE"]
    ra_deg, dec_deg = tangent_point_deg(int(row["skycell"][1:5]))
    fine_x0, fine_y0 = (int(row["skycell"][k : k + 2]) for k in (6, 9))
    factor = scale / 0.04
    full = [(225144 - (index - 1) * 21442) / factor for index in (fine_x0, fine_y0)]
    ny, nx = built.weight.shape
    wcs = WCS(header)
    sky_level = [
        one["sky_e_per_s_arcsec2"] / one["flux_scale"] * own["IDCSCALE"] ** 2 * seconds(own)
        for one, own in zip(built.inputs, built.headers, strict=True)
    ]
    expected = {
        "INHERIT": True,
        "EXTNAME": "SCI",
        "EXTVER": 1,
        "BUNIT": "ELECTRONS/S",
        "WCSAXES": 2,
        "WCSNAME": text_in_common(own["WCSNAME"] for own in built.headers),
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRPIX1": pytest.approx(full[0] + header["LTV1"]),
        "CRPIX2": pytest.approx(full[1] + header["LTV2"]),
        "CD1_1": pytest.approx(-scale / 3600),
        "CD1_2": 0,
        "CD2_1": 0,
        "CD2_2": pytest.approx(scale / 3600),
        "CRVAL1": pytest.approx(ra_deg),
        "CRVAL2": pytest.approx(dec_deg),
        "RADESYS": "ICRS",
        "EQUINOX": 2000,
        "ORIENTAT": 0,
        "LTV1": -row["x0"] if factor == 1 else -((row["x0"] - 1) // 3),
        "LTV2": -row["y0"] if factor == 1 else -((row["y0"] - 1) // 3),
        "LTM1_1": 1,
        "LTM2_2": 1,
        "VAFACTOR": 1,
        "LONGSTRN": "OGIP 1.0",
        "MDRIZSKY": pytest.approx(np.mean(sky_level)),
    }
    for keyword in ("PHOTFLAM", "PHOTPLAM"):  # the HRC exposures have no calibration
        values = [own[keyword] for own in built.headers]
        if all(values):
            expected[keyword] = pytest.approx(np.mean(values), rel=1e-9, abs=0)
    for keyword in set(header) - {*LAYOUT.split(), "S_REGION", "MVMPXARE", "PHOTFNU", "PHOTMODE"}:
        wanted = expected[keyword] if keyword in expected else expected_common(built, keyword)
        assert header[keyword] == wanted, keyword
    assert set(expected) <= set(header)
    assert (header["NAXIS1"], header["NAXIS2"]) == (nx, ny)
    assert wcs.sip is None
    assert wcs.cpdis1 is None
    assert wcs.det2im1 is None
    assert not [k for k in header if k[-1:] in "AO" and k[:-1] in ("CRVAL1", "CRPIX1", "CD1_1", "WCSNAME")]
    if "PHOTFNU" in header:
        jansky = header["PHOTFLAM"] * header["PHOTPLAM"] ** 2 / 2.99792458e18 * 1e23
        assert header["PHOTFNU"] == pytest.approx(jansky, rel=1e-9, abs=0)
    modes = [set(own.get("PHOTMODE", "").replace(",", " ").split()) for own in built.headers]
    assert set(header.get("PHOTMODE", "").split()) == set.intersection(*modes)


def tangent_point_deg(projection_cell: int) -> tuple[float, float]:
    """Return the tangent point of a projection cell, by the rings of the reference's table."""
    first = 0
    for dec_deg in range(-90, 91, 4):
        bands = 1 if abs(dec_deg) == 90 else int(90 * np.cos(np.radians(abs(dec_deg) - 2)))
        if projection_cell < first + bands:
            return (projection_cell - first) * 360 / bands, float(dec_deg)
        first += bands
    raise AssertionError(projection_cell)


def seconds(own: dict[str, Any]) -> float:
    return 1.0 if own["BUNIT"].endswith("/S") else float(own["EXPTIME"])


def test_outline_and_true_area(built: Built) -> None:
    """Areas on the sphere by astropy: the corners of pixels on unit vectors."""
    wcs = WCS(built.science)
    ny, nx = built.weight.shape
    centre = np.array([(nx - 1) / 2, (ny - 1) / 2])
    corners = centre + 20 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    ra, dec = np.radians(wcs.all_pix2world(corners, 0)).T
    vectors = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    true_sr = 0.5 * np.linalg.norm(np.cross(vectors[2] - vectors[0], vectors[3] - vectors[1])) / 1600
    nominal_sr = np.radians(built.primary["DRZSCALE"] / 3600) ** 2
    assert built.science["MVMPXARE"] == pytest.approx(true_sr / nominal_sr, rel=1e-6)
    rings = parse_region(built.science["S_REGION"])
    # bad pixels are holes of the mask and none of the outline
    assert sum(map(ring_area_sr, rings)) >= 0.999 * (built.weight > 0).sum() * true_sr
    assert sum(map(ring_area_sr, rings)) <= 1.05 * (built.weight > 0).sum() * true_sr


def test_rows_of_hdrtab_are_the_chips_with_all_their_keywords(built: Built) -> None:
    assert len(built.table) == len(built.inputs)
    for row, one, own, hit in zip(built.table, built.inputs, built.headers, built.hit, strict=True):
        assert (row["CTXPLANE"], row["CTXBIT"], row["EXTVER"]) == (
            one["context_plane"],
            one["context_bit"],
            one["chip"],
        )
        assert row["ROOTNAME"] == one["exposure"] == own["ROOTNAME"].strip().lower()
        assert row["NPIXCONT"] == hit.sum() == one["n_pixels_contributed"]
        assert (row["FLUXSCAL"], row["SKYGROUP"]) == (one["flux_scale"], one["sky_group"])
        assert row["IPPPSSOO"]
        for keyword in ("EXPTIME", "EXPSTART", "PHOTFLAM", "FLATCORR", "SUNANGLE", "EXPFLAG", "IDCTAB"):
            value = own[keyword].strip() if isinstance(own[keyword], str) else own[keyword]
            assert row[keyword] == value, keyword


def test_what_belongs_to_one_exposure_is_gone(built: Built) -> None:
    gone = {"IPPPSSOO", "ASN_ID", "ASN_TAB", "SUNANGLE", "MOONANGL", "EXPFLAG", "QUALCOM1"}
    gone |= {"FLATCORR", "IDCTAB", "A_ORDER", "DISTNAME"}
    assert not gone & {*built.primary, *built.science}
    assert "SUNANGLE" in " ".join(built.primary["HISTORY"])


def test_previews_are_tagged(mvmdb: CommandLine, tmp_path: Path, built: Built) -> None:
    (picture,) = mvmdb.json("preview", built.row["skycell"], built.row["layer"], "--output", tmp_path)
    assert (picture["kind"], picture["layers"]) == ("layer", [built.row["layer"]])
    avm, wcs = AVM.from_image(picture["path"]), WCS(built.science)
    ny, nx = built.weight.shape
    side = -(-max(nx, ny) // 1200)
    with Image.open(picture["path"]) as opened:
        assert opened.size == (-(-nx // side), -(-ny // side))
    x, y = np.array([3.0, 100.5]), np.array([7.0, 20.25])
    expected = np.array(wcs.all_pix2world((x + 0.5) * side - 0.5, (y + 0.5) * side - 0.5, 0))
    assert np.array(avm.to_wcs().all_pix2world(x, y, 0)) == pytest.approx(expected, abs=1e-9)
    assert avm.Spectral.Bandpass == [built.primary["FILTER"]]
    assert avm.Type == "Observation"


def test_a_layer_without_product_has_no_preview(mvmdb: CommandLine, built: Built) -> None:
    refused = mvmdb.run("preview", "p0001x01y01", expect=2)
    assert "has no product" in refused.stderr
    assert "mvmdb layer build p0001x01y01" in refused.stderr
