"""Small exposures with the headers of real ones: a few thousand pixels, true WCS, any keyword changed."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from mvmdb.files.exposure import open_exposure
from mvmdb.sky.distortion import ChipDistortion
from mvmdb.sky.footprint import PixelToSky

Changes = Mapping[str, object]
"""Keywords to set; None removes one."""

CARD_BYTES = 80


@dataclass(frozen=True)
class ExposureKind:
    """What the headers of a detector look like."""

    letter: str
    scale_arcsec: float
    primary: Changes
    sci: Changes
    n_chips: int = 1
    has_dq: bool = True


KINDS = {
    "wfc3_ir": ExposureKind(
        "i",
        0.128,
        {"INSTRUME": "WFC3", "DETECTOR": "IR", "FILTER": "F160W", "SCAN_TYP": "N", "CCDGAIN": 2.5},
        {"BUNIT": "ELECTRONS/S", "IDCSCALE": 0.12825, "PHOTFLAM": 1.9275e-20, "PHOTPLAM": 15369.0},
    ),
    "wfc3_uvis": ExposureKind(
        "i",
        0.0396,
        {"INSTRUME": "WFC3", "DETECTOR": "UVIS", "FILTER": "F814W", "SCAN_TYP": "N", "CHINJECT": "NONE"},
        {"BUNIT": "ELECTRONS", "IDCSCALE": 0.03962, "PHOTFLAM": 1.5e-19, "PHOTPLAM": 8039.0},
        n_chips=2,
    ),
    "acs_wfc": ExposureKind(
        "j",
        0.05,
        {"INSTRUME": "ACS", "DETECTOR": "WFC", "FILTER1": "F606W", "FILTER2": "CLEAR2L", "CCDGAIN": 2.0},
        {"BUNIT": "ELECTRONS", "IDCSCALE": 0.05, "PHOTFLAM": 7.9e-20, "PHOTPLAM": 5921.0},
        n_chips=2,
    ),
    "acs_hrc": ExposureKind(
        "j",
        0.0265,
        {"INSTRUME": "ACS", "DETECTOR": "HRC", "FILTER1": "F555W", "FILTER2": "CLEAR2S", "CCDGAIN": 2},
        {"BUNIT": "ELECTRONS", "IDCSCALE": 0.025, "PHOTFLAM": 0.0, "PHOTPLAM": 0.0},
    ),
    "acs_sbc": ExposureKind(
        "j",
        0.032,
        {"INSTRUME": "ACS", "DETECTOR": "SBC", "FILTER1": "F125LP", "FILTER2": "N/A"},
        {"BUNIT": "COUNTS", "IDCSCALE": 0.025, "PHOTFLAM": 1.7e-17, "PHOTPLAM": 1437.0},
    ),
    "wfpc2": ExposureKind(
        "u",
        0.0996,
        {
            "INSTRUME": "WFPC2",
            "FILTNAM1": "F555W",
            "FILTNAM2": "",
            "IMAGETYP": "EXT",
            "ATODGAIN": 7.0,
            "MTFLAG": False,
            "OBSTYPE": None,
            "DRIZCORR": None,
        },
        {"IDCSCALE": 0.09959, "PHOTFLAM": 3.5e-18, "PHOTPLAM": 5442.9},
        n_chips=4,
        has_dq=False,
    ),
}

_PRIMARY: dict[str, object] = {
    "TELESCOP": "HST",
    "EXPTIME": 350.0,
    "EXPSTART": 55107.627,
    "EXPEND": 55107.632,
    "TARGNAME": "ANY-FIELD",
    "PROPOSID": 11359,
    "OBSTYPE": "IMAGING",
    "IMAGETYP": "EXT",
    "MTFLAG": "",
    "QUALITY": "",
    "DRIZCORR": "COMPLETE",
    "EQUINOX": 2000.0,
}

_SIP = {
    "A_ORDER": 4,
    "A_2_0": 8.3e-06,
    "A_1_1": -1.5e-05,
    "A_0_2": 1.1e-06,
    "A_3_0": -4.2e-09,
    "B_ORDER": 4,
    "B_2_0": -2.1e-06,
    "B_1_1": 6.4e-06,
    "B_0_2": -1.7e-05,
    "B_0_3": 5.2e-09,
}


@dataclass(frozen=True)
class SyntheticExposure:
    """What to write; the defaults give a sound WFC3/IR exposure near the equator."""

    kind: str = "wfc3_ir"
    rootname: str = "b6o23rtq"
    """Without its first letter, which the instrument decides."""
    ra_deg: float = 150.0
    dec_deg: float = 2.0
    roll_deg: float = 30.0
    n_x_pix: int = 64
    n_y_pix: int = 48
    sip: bool = True
    tables: bool = False
    """Whether to add NPOL and D2IM lookup tables, one pair for all chips."""
    level: float = 1.0
    """Value of every pixel."""
    dq: int = 0
    """Value of every DQ pixel."""
    primary: Changes = field(default_factory=dict)
    sci: Changes = field(default_factory=dict)

    @property
    def full_rootname(self) -> str:
        """The nine characters of the ROOTNAME keyword."""
        return KINDS[self.kind].letter + self.rootname

    def hdus(self) -> fits.HDUList:
        """Return the exposure as an HDU list: PRIMARY, then SCI, ERR and DQ of every chip, then tables."""
        kind = KINDS[self.kind]
        primary = fits.PrimaryHDU()
        cards = {"ROOTNAME": self.full_rootname, **_PRIMARY, **kind.primary, **self.primary}
        _change(primary.header, cards)
        hdus = [primary]
        for chip in range(1, kind.n_chips + 1):
            hdus += self._chip_hdus(kind, chip)
        return fits.HDUList(hdus + (self._table_hdus() if self.tables else []))

    def encode(self) -> bytes:
        """Return the exposure as the bytes of a FITS file."""
        buffer = io.BytesIO()
        self.hdus().writeto(buffer)
        return buffer.getvalue()

    def write(self, folder: Path, name: str | None = None) -> Path:
        """Write the exposure as ``<rootname>_flt.fits`` or under another name; ``.gz`` compresses."""
        path = folder / (name or f"{self.full_rootname}_flt.fits")
        encoded = self.encode()
        path.write_bytes(gzip.compress(encoded, 1) if path.suffix == ".gz" else encoded)
        return path

    def _chip_hdus(self, kind: ExposureKind, chip: int) -> list[Any]:
        shape = (self.n_y_pix, self.n_x_pix)
        sci = fits.ImageHDU(np.full(shape, self.level, np.float32), name="SCI", ver=chip)
        cards = {**self._wcs_cards(kind, chip), **kind.sci, **self.sci}
        if self.kind == "wfpc2":
            cards["DETECTOR"] = chip
        _change(sci.header, cards)
        if not kind.has_dq:
            return [sci]
        err = fits.ImageHDU(np.ones(shape, np.float32), name="ERR", ver=chip)
        dq = fits.ImageHDU(np.full(shape, self.dq, np.int16), name="DQ", ver=chip)
        return [sci, err, dq]

    def _wcs_cards(self, kind: ExposureKind, chip: int) -> dict[str, object]:
        """Return the WCS of a chip; the chips lie side by side in x, two pixels apart."""
        step_deg = kind.scale_arcsec / 3600
        sine, cosine = math.sin(math.radians(self.roll_deg)), math.cos(math.radians(self.roll_deg))
        return {
            "WCSAXES": 2,
            "CTYPE1": "RA---TAN-SIP" if self.sip else "RA---TAN",
            "CTYPE2": "DEC--TAN-SIP" if self.sip else "DEC--TAN",
            "CRPIX1": self.n_x_pix / 2 + 0.5 - (chip - 1) * (self.n_x_pix + 2),
            "CRPIX2": self.n_y_pix / 2 + 0.5,
            "CRVAL1": self.ra_deg,
            "CRVAL2": self.dec_deg,
            "CD1_1": -step_deg * cosine,
            "CD1_2": step_deg * sine,
            "CD2_1": step_deg * sine,
            "CD2_2": step_deg * cosine,
            "RADESYS": "ICRS",
            "WCSNAME": "IDC_w3m18525i",
            **(_SIP if self.sip else {}),
            **(self._table_cards() if self.tables else {}),
        }

    @staticmethod
    def _table_cards() -> dict[str, object]:
        cards: dict[str, object] = {}
        for axis in (1, 2):
            for distortion, record in (("CPDIS", "DP"), ("D2IMDIS", "D2IM")):
                cards[f"{distortion}{axis}"] = "Lookup"
                cards[f"{record}{axis}.EXTVER"] = float(axis)
                cards[f"{record}{axis}.NAXES"] = 2.0
                cards[f"{record}{axis}.AXIS.1"] = 1.0
                cards[f"{record}{axis}.AXIS.2"] = 2.0
        return cards

    @staticmethod
    def _table_hdus() -> list[Any]:
        """Return tables of 8 x 6 nodes, 16 pixels apart, with shifts of some tenths of a pixel."""
        hdus: list[Any] = []
        for seed, (name, version) in enumerate((n, v) for n in ("WCSDVARR", "D2IMARR") for v in (1, 2)):
            hdu = fits.ImageHDU(_shifts_pix(seed), name=name, ver=version)
            for axis in (1, 2):
                hdu.header[f"CRPIX{axis}"], hdu.header[f"CRVAL{axis}"] = 0.0, 0.0
                hdu.header[f"CDELT{axis}"] = 16.0
            hdus.append(hdu)
        return hdus


def _shifts_pix(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (6, 8)).astype(np.float32)


def _change(header: fits.Header, cards: Changes) -> None:
    for keyword, value in cards.items():
        if value is None:
            header.remove(keyword, ignore_missing=True)
        elif "." in keyword:
            record, _, rest = keyword.partition(".")
            header.append((record, f"{rest}: {value}"), end=True)
        else:
            header[keyword] = value


def find_card(encoded: bytes, keyword: str, hdu_index: int) -> int:
    """Return where a card begins in a FITS file whose extensions are found by their XTENSION cards."""
    starts = [0]
    while (found := encoded.find(b"XTENSION=", starts[-1] + CARD_BYTES)) >= 0:
        starts.append(found)
    end = starts[hdu_index + 1] if hdu_index + 1 < len(starts) else len(encoded)
    for position in range(starts[hdu_index], end, CARD_BYTES):
        if encoded[position : position + 8].rstrip() == keyword.encode():
            return position
    raise KeyError(keyword)


def replace_card(encoded: bytes, keyword: str, hdu_index: int, card: bytes) -> bytes:
    """Return the file with one card replaced, byte for byte, by whatever is given."""
    position = find_card(encoded, keyword, hdu_index)
    return encoded[:position] + card.ljust(CARD_BYTES)[:CARD_BYTES] + encoded[position + CARD_BYTES :]


@dataclass(frozen=True, eq=False)
class ChipArrays:
    """A chip, read whole."""

    science: NDArray[np.float32]
    dq: NDArray[np.int32]
    error: NDArray[np.float32] | None
    header: Mapping[str, object]
    pixel_to_sky: PixelToSky
    distortion: ChipDistortion
    file_sha256: str


def read_chip(path: Path | str, hdu_index: int, *, with_error: bool = False) -> ChipArrays:
    """Return all pixels of a chip."""
    exposure = open_exposure(path)
    chip = exposure.chip(hdu_index, with_error=with_error)
    return ChipArrays(
        chip.science[:],
        chip.dq[:],
        None if chip.error is None else chip.error[:],
        chip.header,
        chip.pixel_to_sky,
        chip.distortion,
        exposure.sha256,
    )
