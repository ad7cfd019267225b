"""HDRTAB: the headers of the inputs as a table, one row per chip in the order of the context bits."""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from mvmdb.errors import TooLargeError
from mvmdb.files.checks import Scalar
from mvmdb.records import InputStatistics, LayerImage, LayerInput

ChipHeader = Mapping[str, Scalar]
"""Scalar keywords of PRIMARY and one SCI extension of an exposure."""

MAX_COLUMNS = 999
"""TFIELDS may not exceed it (FITS standard 4.0, section 7.3.1)."""

# What describes the layout of the input file, and those parts of its WCS that mean nothing alone: SIP
# terms and lookup tables (the file that HAPEXPNAME and SHA256 name holds them whole) and alternates.
_LEFT_OUT = re.compile(
    r"""
    SIMPLE | XTENSION | BITPIX | NAXIS | [PG]COUNT | GROUPS | N?EXTEND | INHERIT | BSCALE | BZERO | BLANK
    | CHECKSUM | DATASUM | HISTORY | COMMENT | CONTINUE | END
    | [AB]P?_(ORDER|DMAX|\d+_\d+)
    | D2IM(ERR|DIS)?\d(\..*)? | (CPDIS|CPERR|DP)\d(\..*)?
    | ( WCS(NAME|AXES|TYPE) | (CRPIX|CRVAL|CTYPE|CUNIT|CRDER|CDELT)\d | (CD|PC)\d_\d | (LON|LAT)POLE
      | RADESYS | EQUINOX | ORIENTAT | HDRNAME | RMS_RA | RMS_DEC | NMATCH | FITGEOM | REST(FRQ|WAV) )[A-Z]
    """,
    re.VERBOSE,
)

_NOTES = (
    "One row for each input chip, in the order of the context bits: the",
    "input of a row set bit CTXBIT (0 the lowest) of plane CTXPLANE (0 the",
    "first) of CTX. HAPEXPNAME and SHA256 are the name and the hash of the",
    "uncompressed exposure file, EXTVER its SCI extension. MDRIZSKY is the",
    "sky that was subtracted, in the unit of the exposure and per its pixel",
    "(MDRIZSKY__2, if it is there, what the header of the exposure says);",
    "SKYRATE is the same after scaling, in e-/s per square arcsecond;",
    "rates were multiplied by FLUXSCAL; SKYGROUP numbers the group in which",
    "skies were matched (0: none); NPIXCONT counts pixels it contributed to;",
    "DRZISCL is its pixel (arcsec), DRZCOEF its distortion. The other columns",
    "are keywords of its PRIMARY and SCI headers; NaN, TNULL or blank where",
    "an input has none.",
)


def kept_keywords(chip_headers: Iterable[ChipHeader]) -> list[str]:
    """Return the keywords that become columns, in order of first appearance."""
    every = dict.fromkeys(keyword for header in chip_headers for keyword in header)
    return [keyword for keyword in every if keyword.strip() and not _LEFT_OUT.fullmatch(keyword)]


def distortion(header: ChipHeader) -> str:
    """Return which distortions a header describes, like ``SIP+NPOL+D2IM``; ``none`` for no distortion."""
    kinds = {"SIP": "A_ORDER", "NPOL": "CPDIS1", "D2IM": "D2IMDIS"}
    found = [kind for kind, start in kinds.items() if any(keyword.startswith(start) for keyword in header)]
    return "+".join(found) or "none"


def sky_in_input_units(inputs: Sequence[LayerInput], image: LayerImage) -> list[float]:
    """Return the level that was subtracted from each chip, in the unit of its file and per its pixel."""
    return [
        statistics.sky_e_per_s_arcsec2
        * chip.file.pixel_scale_arcsec**2
        / statistics.flux_scale
        / (chip.file.gain_e_per_dn if chip.file.bunit.startswith("COUNTS") else 1.0)
        * (1.0 if chip.file.bunit.endswith("/S") else chip.exptime_s)
        for chip, statistics in zip(inputs, _statistics(inputs, image), strict=True)
    ]


def _statistics(inputs: Sequence[LayerInput], image: LayerImage) -> list[InputStatistics]:
    known = {statistics.context_index: statistics for statistics in image.inputs}
    return [known.get(chip.context_index, InputStatistics(chip.context_index, 0)) for chip in inputs]


def write_hdrtab(
    inputs: Sequence[LayerInput], image: LayerImage, chip_headers: Sequence[ChipHeader]
) -> fits.BinTableHDU:
    """Return the HDRTAB extension.

    Parameters
    ----------
    inputs
        Chips in the order of their context bits.
    image
        What was done to them.
    chip_headers
        Header of each chip, in the same order.

    Returns
    -------
    BinTableHDU
        Booleans as L, integers as J or K, numbers as D, text as A of the width it needs. A keyword
        whose values have no common type, and a boolean one that some inputs lack, becomes text.

    Raises
    ------
    TooLargeError
        More than 999 columns, the limit of a FITS table.
    """
    fixed = _fixed_columns(inputs, image, chip_headers)
    columns = dict(fixed)
    for keyword in kept_keywords(chip_headers):
        if keyword not in fixed or keyword == "MDRIZSKY":
            columns[_legal_name(keyword, columns)] = [header.get(keyword) for header in chip_headers]
    if len(columns) > MAX_COLUMNS:
        raise TooLargeError(
            f"HDRTAB needs {len(columns)} columns, a FITS table holds at most {MAX_COLUMNS}",
            hint="remove keywords from the exposures, or build with fewer kinds of exposures",
        )
    with warnings.catch_warnings():
        # DATE-OBS keeps the name under which it is known, though FITS advises against the hyphen.
        warnings.simplefilter("ignore", VerifyWarning)
        table = fits.BinTableHDU.from_columns([_column(*item) for item in columns.items()], name="HDRTAB")
    table.header["EXTVER"] = 1
    for note in _NOTES:
        table.header.add_comment(note)
    return table


def read_hdrtab(table: fits.BinTableHDU) -> tuple[dict[str, Scalar | None], ...]:
    """Return the rows as plain values; None for NaN and TNULL."""
    names: list[str] = table.columns.names
    nulls = [column.null for column in table.columns]
    columns = [table.data[name].tolist() for name in names]
    return tuple(
        {
            name: None if value == null or (isinstance(value, float) and math.isnan(value)) else value
            for name, null, value in zip(names, nulls, row, strict=True)
        }
        for row in zip(*columns, strict=True)
    )


def _fixed_columns(
    inputs: Sequence[LayerInput], image: LayerImage, chip_headers: Sequence[ChipHeader]
) -> dict[str, list[Scalar | None]]:
    statistics = _statistics(inputs, image)
    return {
        "ROOTNAME": [chip.rootname for chip in inputs],
        "HAPEXPNAME": [PurePath(chip.file.path).name for chip in inputs],
        "EXTVER": [chip.chip for chip in inputs],
        "CTXPLANE": [chip.context_plane for chip in inputs],
        "CTXBIT": [chip.context_bit for chip in inputs],
        # Exposures that did not pass the HAP pipeline lack it; there it is the root name.
        "IPPPSSOO": [
            header.get("IPPPSSOO", chip.rootname) for chip, header in zip(inputs, chip_headers, strict=True)
        ],
        "WCSNAME": [chip.wcsname for chip in inputs],
        "MDRIZSKY": list(sky_in_input_units(inputs, image)),
        "FLUXSCAL": [item.flux_scale for item in statistics],
        "SKYRATE": [item.sky_e_per_s_arcsec2 for item in statistics],
        "SKYGROUP": [item.sky_group for item in statistics],
        "NPIXCONT": [item.n_pixels_contributed for item in statistics],
        "DRZISCL": [chip.file.pixel_scale_arcsec for chip in inputs],
        "DRZCOEF": [distortion(header) for header in chip_headers],
        "SHA256": [chip.file_sha256 for chip in inputs],
    }


def _legal_name(keyword: str, taken: Mapping[str, object]) -> str:
    """Return a column name of capital letters, digits, underscore and hyphen that is not yet taken."""
    name = re.sub(r"[^A-Z0-9_-]", "_", keyword.upper())[:60]
    candidates = (f"{name}__{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], candidates) if one not in taken)


def _column(name: str, values: Sequence[Scalar | None]) -> fits.Column:
    known = [
        value for value in values if not (value is None or (isinstance(value, str) and not value.strip()))
    ]
    kinds = {type(value) for value in known}
    if kinds == {bool} and len(known) == len(values):
        return fits.Column(name, "L", array=np.array(values))
    if kinds == {int} and all(abs(value) < 2**63 for value in known if isinstance(value, int)):
        return _integer_column(name, values)
    if float in kinds and kinds <= {int, float} and all(_is_double(value) for value in known):
        numbers = [float(value) if isinstance(value, int | float) else np.nan for value in values]
        return fits.Column(name, "D", array=np.array(numbers))
    return _text_column(name, values)


def _is_double(value: Scalar) -> bool:
    """Whether a float holds the value without loss."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= 2**53)


def _integer_column(name: str, values: Sequence[Scalar | None]) -> fits.Column:
    known = [value for value in values if isinstance(value, int)]
    bits, code, dtype = (32, "J", np.int32) if all(abs(v) < 2**31 for v in known) else (64, "K", np.int64)
    null = -(2 ** (bits - 1))
    numbers = np.array([value if isinstance(value, int) else null for value in values], dtype=dtype)
    return fits.Column(name, code, array=numbers, null=null if len(known) < len(values) else None)


def _text_column(name: str, values: Sequence[Scalar | None]) -> fits.Column:
    texts = np.array([_text(value) for value in values], dtype=np.bytes_)
    return fits.Column(name, f"{max(1, texts.dtype.itemsize)}A", array=texts)


def _text(value: Scalar | None) -> bytes:
    """Return the value in the printable ASCII that FITS allows, without trailing blanks."""
    if value is None:
        return b""
    text = ("F", "T")[value] if isinstance(value, bool) else str(value)
    return re.sub(rb"[^ -~]", b"?", text.rstrip().encode("ascii", "replace"))
