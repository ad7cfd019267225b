"""Files that are damaged, are something else, or mean harm: one typed error each, at once."""

from __future__ import annotations

import gzip
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import ExposureError, ExposureFileError, HeaderError, WcsError
from mvmdb.files.exclusion import is_serious
from mvmdb.files.exposure import read_exposure
from mvmdb.records import ExposureFacts
from mvmdb.sky.footprint import ring_area_sr
from tests.support.exposures import CARD_BYTES, SyntheticExposure, find_card, read_chip, replace_card
from tests.support.header_mutations import mutate_headers

NAME = "jb6o23rtq_flt.fits"
WFC = SyntheticExposure(kind="acs_wfc", tables=True)
WFC_BYTES = WFC.encode()
IR_BYTES = SyntheticExposure().encode()
WFPC2_BYTES = SyntheticExposure(kind="wfpc2").encode()
SCI_2, FIRST_TABLE = 4, 7
"""Positions of HDUs in WFC."""


@contextmanager
def at_once() -> Iterator[None]:
    """Fail where the block takes a second of computing."""
    start_s = time.process_time()
    yield
    assert time.process_time() - start_s < 1.0


def card(keyword: str, value: str) -> bytes:
    return f"{keyword:8}= {value:>20}".encode()


CARDS: dict[str, tuple[type[ExposureError], int, str, str]] = {
    # what a WCS parser was seen to hang on, or to take all memory for
    "sip order 9000": (WcsError, 1, "A_ORDER", "9000"),
    "sip order 10": (WcsError, 1, "B_ORDER", "10"),
    "sip order negative": (WcsError, 1, "A_ORDER", "-2"),
    "sip order a fraction": (WcsError, 1, "A_ORDER", "2.5"),
    "5000 axes": (WcsError, 1, "WCSAXES", "5000"),
    "20000 axes": (WcsError, 1, "WCSAXES", "20000"),
    "sip infinite": (WcsError, 1, "A_2_0", "1E999"),
    "sip not a number": (WcsError, 1, "B_0_2", "NaN"),
    "sip absurd": (WcsError, 1, "A_3_0", "0.5"),
    "no tangent plane": (WcsError, 1, "CTYPE1", "'GLON-CAR'"),
    "sip not announced": (WcsError, 1, "CTYPE2", "'DEC--TAN'"),
    "ctype a number": (WcsError, 1, "CTYPE1", "7"),
    "crval off the sphere": (WcsError, 1, "CRVAL2", "90.001"),
    "crval a string": (WcsError, SCI_2, "CRVAL1", "'150.0'"),
    "crpix far away": (WcsError, 1, "CRPIX1", "1E300"),
    "cd zero": (WcsError, 1, "CD2_2", "0.0"),
    "cd huge": (WcsError, 1, "CD1_1", "0.9"),
    "cd tiny": (WcsError, 1, "CD1_1", "1E-30"),
    "cd logical": (WcsError, 1, "CD1_1", "T"),
    "frame of 1950": (WcsError, 1, "RADESYS", "'FK4'"),
    "lookup of another kind": (WcsError, 1, "CPDIS1", "'Polynomial'"),
    "table of zero width": (WcsError, FIRST_TABLE, "CDELT1", "0.0"),
    "table far away": (WcsError, FIRST_TABLE + 3, "CRVAL2", "1E20"),
    "nine axes": (HeaderError, 0, "NAXIS", "9"),
    "axis of 10^9": (HeaderError, 1, "NAXIS1", "1000000000"),
    "axis of 20001": (HeaderError, 1, "NAXIS2", "20001"),
    "axis negative": (HeaderError, 1, "NAXIS1", "-64"),
    "axis a fraction": (HeaderError, 1, "NAXIS1", "64.5"),
    "three axes": (HeaderError, 1, "NAXIS", "3"),
    "bitpix 7": (HeaderError, 1, "BITPIX", "7"),
    "pcount 10^12": (HeaderError, 2, "PCOUNT", "1000000000000"),
    "pcount negative": (HeaderError, 2, "PCOUNT", "-1"),
    "gcount 10^9": (HeaderError, 2, "GCOUNT", "1000000000"),
    "other instrument": (HeaderError, 0, "INSTRUME", "'NICMOS'"),
    "other detector": (HeaderError, 0, "DETECTOR", "'NIC2'"),
    "exposure time not finite": (HeaderError, 0, "EXPTIME", "1E400"),
    "exposure time negative": (HeaderError, 0, "EXPTIME", "-350.0"),
    "exposure time a string": (HeaderError, 0, "EXPTIME", "'350'"),
    "start in another age": (HeaderError, 0, "EXPSTART", "2455107.6"),
    "end before start": (HeaderError, 0, "EXPEND", "55000.0"),
    "root name": (HeaderError, 0, "ROOTNAME", "'../../etc'"),
    "proposal": (HeaderError, 0, "PROPOSID", "'eleven'"),
    "filter an integer": (HeaderError, 0, "FILTER1", "25"),
    "unit": (HeaderError, 1, "BUNIT", "'JANSKY'"),
    "scale of nothing": (HeaderError, 1, "IDCSCALE", "0.0"),
    "scale of another detector": (HeaderError, 1, "IDCSCALE", "0.128"),
    "calibration": (HeaderError, 1, "PHOTFLAM", "-1E-20"),
    "one version twice": (HeaderError, SCI_2, "EXTVER", "1"),
    "version a name": (HeaderError, SCI_2, "EXTVER", "'two'"),
    "unclosed string": (HeaderError, 0, "TARGNAME", "'NGC"),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_one_impossible_card_is_named(tmp_path: Path, name: str) -> None:
    error_type, hdu_index, keyword, value = CARDS[name]
    path = tmp_path / NAME
    path.write_bytes(replace_card(WFC_BYTES, keyword, hdu_index, card(keyword, value)))

    with at_once(), pytest.raises(HeaderError) as caught:
        read_exposure(path)
    assert type(caught.value) is error_type
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    # matrix and polynomial are wrong as a whole; a third axis is what the header then lacks
    stand_ins = {"CD2_2": "CD1_1", "A_3_0": "CD1_1", "NAXIS": "NAXIS3?"}
    assert re.fullmatch(stand_ins.get(keyword, keyword), caught.value.keyword or "")


REQUIRED = [
    *((0, name) for name in ("INSTRUME", "DETECTOR", "FILTER1", "FILTER2", "EXPTIME", "EXPSTART", "EXPEND")),
    *((1, name) for name in ("CTYPE1", "CTYPE2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "B_ORDER", "BUNIT")),
    *((1, name) for name in ("CD1_1", "CD1_2", "CD2_1", "CD2_2", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2")),
]


@pytest.mark.parametrize(("hdu_index", "keyword"), REQUIRED)
def test_a_missing_card_is_named(tmp_path: Path, hdu_index: int, keyword: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(replace_card(WFC_BYTES, keyword, hdu_index, b"COMMENT gone"))

    with pytest.raises(HeaderError, match=f"{keyword}: is missing"):
        read_exposure(path)


@pytest.mark.parametrize("keyword", ["AXISCORR", "CQDIS1", "PV2_1"])
def test_a_distortion_that_would_be_ignored_is_refused(tmp_path: Path, keyword: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(replace_card(WFC_BYTES, "IDCSCALE", 1, card(keyword, "1")))

    with pytest.raises(WcsError, match=f"{keyword}: belongs to a distortion that is not supported"):
        read_exposure(path)


def without_tables(hdus: fits.HDUList) -> None:
    del hdus[FIRST_TABLE:]


def with_a_hole_in_a_table(hdus: fits.HDUList) -> None:
    hdus["WCSDVARR", 2].data[2, 3] = np.nan


def with_a_wild_table(hdus: fits.HDUList) -> None:
    hdus["D2IMARR", 1].data[:] = 1e6


def with_a_flat_table(hdus: fits.HDUList) -> None:
    hdus["D2IMARR", 2].data = np.zeros(48, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_tables, "DP1.EXTVER: names WCSDVARR,1, which the file lacks"),
        (with_a_hole_in_a_table, "WCSDVARR holds shifts beyond 100 pixels"),
        (with_a_wild_table, "D2IMARR holds shifts beyond 100 pixels"),
        (with_a_flat_table, "NAXIS: the lookup table is no image"),
    ],
)
def test_a_useless_lookup_table_is_refused(
    tmp_path: Path, change: Callable[[fits.HDUList], None], message: str
) -> None:
    hdus = WFC.hdus()
    change(hdus)
    hdus.writeto(tmp_path / NAME)

    with pytest.raises(WcsError, match=re.escape(message)):
        read_exposure(tmp_path / NAME)


def many_hdus() -> bytes:
    encoded = IR_BYTES
    extra = encoded[find_card(encoded, "XTENSION", 3) :]
    return encoded + 996 * extra


def long_headers() -> bytes:
    start = find_card(IR_BYTES, "XTENSION", 3)
    cards = b"".join(f"D{i:07d}= 'EXTVER: {i}'".ljust(CARD_BYTES).encode() for i in range(7_000))
    header = IR_BYTES[start : start + 7 * CARD_BYTES] + cards + b"END".ljust(CARD_BYTES)
    data = IR_BYTES[start + 2880 :]
    return IR_BYTES + 5 * (header + b" " * (-len(header) % 2880) + data)


def compressed_image() -> bytes:
    encoded = IR_BYTES
    return replace_card(encoded, "XTENSION", 1, b"XTENSION= 'BINTABLE'")


def endless_header() -> bytes:
    chain = b"LONGTEXT= 'a&'".ljust(CARD_BYTES) + b"CONTINUE  'b&'".ljust(CARD_BYTES) * 50_000
    return IR_BYTES[: 3 * CARD_BYTES] + chain


def long_text() -> bytes:
    encoded = IR_BYTES
    start = find_card(encoded, "TARGNAME", 0)
    chain = (
        b"TARGNAME= 'a&'".ljust(CARD_BYTES) + (b"CONTINUE  '" + b"b" * 60 + b"&'").ljust(CARD_BYTES) * 6_000
    )
    header = encoded[:start] + chain + encoded[start + CARD_BYTES : 2880].rstrip()
    return header + b" " * (-len(header) % 2880) + encoded[2880:]


def promise_of_a_gigabyte() -> bytes:
    encoded = replace_card(IR_BYTES, "NAXIS1", 1, card("NAXIS1", "20000"))
    return replace_card(encoded, "NAXIS2", 1, card("NAXIS2", "20000"))


def promise_of_megabytes() -> bytes:
    encoded = replace_card(IR_BYTES, "NAXIS1", 1, card("NAXIS1", "9000"))
    return replace_card(encoded, "NAXIS2", 1, card("NAXIS2", "9000"))


def damaged_gzip() -> bytes:
    packed = bytearray(gzip.compress(IR_BYTES))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "text": (lambda: b"# a table\n1 2 3\n" * 500, "is not a FITS file"),
    "zeros": (lambda: bytes(10_000), "is not a FITS file"),
    "gzip of nothing": (lambda: gzip.compress(b""), "is empty"),
    "gzip bomb": (lambda: gzip.compress(bytes(50_000_000), 1), "is not a FITS file"),
    "gzip bomb behind an exposure": (
        lambda: gzip.compress(IR_BYTES + bytes(50_000_000), 1),
        "bytes after HDU 3 that are no FITS",
    ),
    "gzip cut": (lambda: gzip.compress(IR_BYTES)[:-500], "cannot be read"),
    "gzip flipped": (damaged_gzip, "cannot be read"),
    "gzip with a tail": (lambda: gzip.compress(IR_BYTES) + b"tail", "cannot be read"),
    "cut in the data": (lambda: IR_BYTES[:10_000], "truncated: it ends at byte 10000"),
    "cut in a header": (lambda: IR_BYTES[:3000], "truncated within header 1"),
    "cut in the first block": (lambda: IR_BYTES[:500], "truncated within header 0"),
    "only a primary header": (lambda: IR_BYTES[:2880], "has no SCI extension"),
    "tail": (lambda: IR_BYTES + b"\0" * 100, "bytes after HDU 3 that are no FITS"),
    "1000 HDUs": (many_hdus, "more than 200 HDUs"),
    "long headers": (long_headers, "bytes of headers"),
    "header without end": (endless_header, "header 0 has no END within 200 blocks"),
    "promise kept by no bytes": (promise_of_megabytes, "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_exposure_is_refused(tmp_path: Path, name: str) -> None:
    make, message = FILES[name]
    path = tmp_path / NAME
    path.write_bytes(make())

    with at_once(), pytest.raises(ExposureFileError, match=message) as caught:
        read_exposure(path)
    assert (caught.value.path, caught.value.keyword) == (str(path), None)
    with at_once(), pytest.raises(ExposureFileError, match=message):
        read_chip(path, 1)


@pytest.mark.parametrize(
    ("make", "keyword"),
    [
        (compressed_image, "XTENSION"),
        (promise_of_a_gigabyte, "NAXIS"),
        (long_text, "TARGNAME"),
    ],
)
def test_a_bomb_with_a_keyword_is_refused(tmp_path: Path, make: Callable[[], bytes], keyword: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(make())

    with at_once(), pytest.raises(HeaderError) as caught:
        read_exposure(path)
    assert caught.value.keyword == keyword


def fifo(folder: Path) -> str:
    os.mkfifo(folder / NAME)
    return str(folder / NAME)


def loop(folder: Path) -> str:
    (folder / NAME).symlink_to(folder / NAME)
    return str(folder / NAME)


PATHS: dict[str, tuple[Callable[[Path], str], str]] = {
    "absent": (lambda folder: str(folder / "absent.fits"), "No such file"),
    "folder": (str, "Is a directory"),
    "fifo": (fifo, "is not a regular file"),
    "device": (lambda _: "/dev/zero", "is not a regular file"),
    "symlink to itself": (loop, "symbolic links"),
    "name of 5000 characters": (lambda folder: str(folder / ("x" * 5000)), "too long"),
    "name with NUL": (lambda folder: str(folder / "a\0b.fits"), "null"),
    "name that is no text": (lambda folder: str(folder / "\udcff_flt.fits"), "cannot be opened"),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_leads_to_no_file_is_refused(tmp_path: Path, name: str) -> None:
    make, message = PATHS[name]

    with at_once(), pytest.raises(ExposureFileError, match=message):
        read_exposure(make(tmp_path))


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = WFC.write(tmp_path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(ExposureFileError, match="Permission denied"):
        read_exposure(path)


def test_unreadable_cards_that_nobody_needs_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(replace_card(WFC_BYTES, "TELESCOP", 0, b"TELESCOP= 'H\xe9\x00bble"))

    assert len(read_exposure(path).chips) == 2
    assert "TELESCOP" not in read_chip(path, 1).header


def test_a_repeated_card_counts_the_first_time(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(replace_card(WFC_BYTES, "WCSNAME", 1, card("CRVAL1", "10.0")))

    assert read_exposure(path).chips[0].footprint[0][0] == pytest.approx(150.0, abs=0.01)


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_mutated_headers_give_sound_facts_or_one_typed_error(tmp_path: Path, seed: int) -> None:
    bases = [WFC_BYTES, IR_BYTES, WFPC2_BYTES]
    path = tmp_path / NAME
    for step in range(seed, seed + 10):
        path.write_bytes(mutate_headers(bases[step % 3], step))
        with at_once():
            outcome = read_or_refuse(path)
        if isinstance(outcome, ExposureFacts):
            require_sound(outcome)
        else:
            assert outcome.path == str(path)
            assert (outcome.keyword is None) == isinstance(outcome, ExposureFileError)


def read_or_refuse(path: Path) -> ExposureFacts | HeaderError | ExposureFileError:
    try:
        return read_exposure(path)
    except (HeaderError, ExposureFileError) as error:
        return error


def require_sound(facts: ExposureFacts) -> None:
    """What the catalogue relies on."""
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", facts.filter)
    assert re.fullmatch("[a-z][a-z0-9]{8}", facts.rootname)
    assert 0 <= facts.exptime_s <= 1e6
    assert 47_000 <= facts.start_mjd <= facts.end_mjd <= 80_000
    assert facts.chips or any(map(is_serious, facts.findings))
    for chip in facts.chips:
        ring = np.array(chip.footprint)
        assert ring.shape[0] >= 4
        assert ((ring[:, 0] >= 0) & (ring[:, 0] < 360) & (np.abs(ring[:, 1]) <= 90)).all()
        pixel_arcsec = (
            np.degrees(np.sqrt(ring_area_sr(chip.footprint) / (chip.n_x_pix * chip.n_y_pix))) * 3600
        )
        assert 0.003 < pixel_arcsec < 1.3
        assert 0.005 <= chip.pixel_scale_arcsec <= 1
        assert chip.gain_e_per_dn > 0
