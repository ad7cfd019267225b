"""Headers of two real products of the reference beside ours, made from the same headers of inputs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.io import fits

from mvmdb.files.cards import make_header
from mvmdb.files.extension_headers import context_header, science_cards, weight_header
from mvmdb.files.hdrtab import read_hdrtab, write_hdrtab
from mvmdb.files.header import primary_content
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records import DrizzleParameters, LayerInput, LayerPlan
from mvmdb.sky.grid import PixelBox, skycell_grid
from tests.support.product_makers import make_image, make_stamp
from tests.support.shared_data import shared_data

SAMPLES = {"ACS": "sample_mvm_drc_a50f1a6.fits", "WFC3": "sample_mvm_drc_d6761b8.fits"}

_OF_EVERY_FILE = {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT"}
_NOT_COMPARED = _OF_EVERY_FILE | {"HISTORY", "COMMENT", ""}
_OF_A_CHIP = re.compile(r"D\d{3}([A-Z]{3,4})")


def relations(sample: str) -> dict[tuple[str, str], str]:
    """Return, by HDU and keyword, how ours relates to that of a product of the reference.

    Returns
    -------
    dict
        ``same``, ``other`` (another value), ``theirs`` (we have none) or ``ours`` (they have none). The D
        keywords of all chips count as one, ``DnnnVER`` and so on; columns are keywords of HDRTAB.
    """
    path = shared_data(f"products/hap_mvm/{SAMPLES[sample]}")
    with fits.open(path, logical_as_bytes=True) as hdus:
        theirs = {hdu.name: _values(hdu.header) for hdu in hdus[:4]}
        theirs["HDRTAB"] = dict.fromkeys(hdus["HDRTAB"].columns.names)
        ours = _our_headers(hdus)
    return {
        (name, keyword): _relation(theirs[name], values, keyword)
        for name, values in ours.items()
        for keyword in sorted({*values, *theirs[name]})
    }


def _relation(theirs: dict[str, Any], ours: dict[str, Any], keyword: str) -> str:
    if keyword not in ours:
        return "theirs"
    if keyword not in theirs:
        return "ours"
    mine, other = ours[keyword], theirs[keyword]
    if isinstance(mine, float) and isinstance(other, int | float):
        return "same" if np.isclose(mine, other, rtol=1e-9, atol=0) else "other"
    return "same" if mine == other else "other"


def _values(header: fits.Header) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for keyword, value in header.items():
        if keyword not in _NOT_COMPARED:
            values.setdefault(_OF_A_CHIP.sub(r"Dnnn\1", keyword), value)
    return values


def _our_headers(hdus: fits.HDUList) -> dict[str, dict[str, Any]]:
    chip_headers = _chip_headers(hdus)
    plan = _plan(hdus, chip_headers)
    image = make_image(plan)
    image = replace(image, arrays=replace(image.arrays, weight=np.ones_like(image.weight)))
    science = science_cards(plan, image, chip_headers)
    return {
        "PRIMARY": _values(primary_content(plan, image, chip_headers, make_stamp(), science).header()),
        "SCI": _values(make_header(science)),
        "WHT": _values(weight_header(plan)),
        "CTX": _values(context_header(plan)),
        "HDRTAB": dict.fromkeys(write_hdrtab(plan.inputs, image, chip_headers).columns.names),
    }


def _chip_headers(hdus: fits.HDUList) -> list[dict[str, Any]]:
    """Return the rows of HDRTAB as they were meant.

    The WFC3 product has numbers with their bytes reversed, and switches as 1 and 0, not as T and F.
    """
    is_reversed = hdus[0].header["INSTRUME"] == "WFC3"
    rows = [
        {name: _meant(value, is_reversed) for name, value in row.items()}
        for row in read_hdrtab(hdus["HDRTAB"])
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _meant(value: Any, is_reversed: bool) -> Any:
    if isinstance(value, bytes):
        return value in (b"T", b"\x01")
    kind = {int: np.int64, float: np.float64}.get(type(value))
    if kind is None or not is_reversed:
        return value
    number = kind(value).byteswap().item()
    return None if np.isnan(number) else number


def _plan(hdus: fits.HDUList, chip_headers: list[dict[str, Any]]) -> LayerPlan:
    """Return a plan for the grid, the layer and the chips of a product of the reference."""
    primary, science = hdus[0].header, hdus["SCI"].header
    name = ProductName.parse(primary["FILENAME"])
    full = skycell_grid(SkycellName.parse(primary["SCELLID"]))
    x0, y0 = round(full.crpix_x - science["CRPIX1"]), round(full.crpix_y - science["CRPIX2"])
    layer = LayerName(name.layer.instrument, name.layer.detector, name.layer.filter)
    names = list(dict.fromkeys(header["ROOTNAME"] for header in chip_headers))
    inputs = tuple(
        LayerInput(
            index, names.index(header["ROOTNAME"]), header["ROOTNAME"], 1, int(header["EXTVER"]), 1,
            f"/archive/{header['ROOTNAME']}_flc.fits", "0" * 64, header["EXPTIME"], header["EXPSTART"],
            header["EXPEND"], header.get("WCSNAME"), header["IDCSCALE"], "ELECTRONS", 1.0, header["PHOTFLAM"],
        )
        for index, header in enumerate(chip_headers)
    )  # fmt: skip
    extent = PixelBox(x0, y0, x0 + 20, y0 + 20)
    engine = "mvmdb 0.1.0, drizzle 3.0.0"
    return LayerPlan(
        SkycellName.parse(primary["SCELLID"]), layer, "all", name, extent, inputs, DrizzleParameters(),
        "mvmdb", engine,
    )  # fmt: skip
